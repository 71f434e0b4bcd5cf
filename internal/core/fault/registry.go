package fault

// Code is an entry of the registry.
type Code struct {
	Name string
	HTTP int
	// GRPC is the canonical status number of gRPC and Connect.
	GRPC uint32
	// Retryable: the same request may succeed later.
	Retryable bool
	// Meaning is the sentence of the reference (docs/reference/errors.md).
	Meaning string
}

// The gRPC numbers used below, spelled out so that core needs no import for them.
const (
	grpcInvalidArgument    = 3
	grpcDeadlineExceeded   = 4
	grpcNotFound           = 5
	grpcPermissionDenied   = 7
	grpcResourceExhausted  = 8
	grpcFailedPrecondition = 9
	grpcAborted            = 10
	grpcOutOfRange         = 11
	grpcUnimplemented      = 12
	grpcInternal           = 13
	grpcUnavailable        = 14
	grpcUnauthenticated    = 16
)

// The registry. A code is never reused for another meaning.
var (
	InvalidArgument     = add("INVALID_ARGUMENT", 400, grpcInvalidArgument, false, "A field of the request is malformed, out of bounds or unknown; details.field names it.")
	Unauthenticated     = add("UNAUTHENTICATED", 401, grpcUnauthenticated, false, "The bearer token is missing, expired or not one of ours.")
	PermissionDenied    = add("PERMISSION_DENIED", 403, grpcPermissionDenied, false, "The token's scopes do not allow this on this room.")
	SecondPersonNeeded  = add("SECOND_PERSON_NEEDED", 403, grpcPermissionDenied, false, "Who proposed an intervention cannot confirm it.")
	FieldNotOwned       = add("FIELD_NOT_OWNED", 403, grpcPermissionDenied, false, "The role may not write this column; details.field names it, details.owner its owner.")
	KeyRefused          = add("KEY_REFUSED", 403, grpcPermissionDenied, false, "The stream key is wrong, revoked or expired.")
	NotFound            = add("NOT_FOUND", 404, grpcNotFound, false, "There is no such path or object.")
	RoomNotFound        = add("ROOM_NOT_FOUND", 404, grpcNotFound, false, "There is no room with this id.")
	KeyNotFound         = add("KEY_NOT_FOUND", 404, grpcNotFound, false, "The room has no key with this id.")
	AreaNotFound        = add("AREA_NOT_FOUND", 404, grpcNotFound, false, "There is no area with this id.")
	PlanNotFound        = add("PLAN_NOT_FOUND", 404, grpcNotFound, false, "The room has no plan with this id, or the plan no broadcast at this time.")
	WidgetTypeNotFound  = add("WIDGET_TYPE_NOT_FOUND", 404, grpcNotFound, false, "There is no widget type with this name; details.field is type when it was asked for by a widget.")
	ParkedNotFound      = add("PARKED_NOT_FOUND", 404, grpcNotFound, false, "There is no parked event with this id.")
	ZoneNotFound        = add("ZONE_NOT_FOUND", 404, grpcNotFound, false, "There is no zone with this name.")
	SwitchNotFound      = add("SWITCH_NOT_FOUND", 404, grpcNotFound, false, "There is no switch with this name.")
	ProposalNotFound    = add("PROPOSAL_NOT_FOUND", 404, grpcNotFound, false, "There is no proposal with this id; they are kept for 30 days.")
	MethodNotAllowed    = add("METHOD_NOT_ALLOWED", 405, grpcUnimplemented, false, "The path exists, but not with this method; the Allow header names those it has.")
	AlreadyLive         = add("ALREADY_LIVE", 409, grpcFailedPrecondition, true, "Another publisher holds the room's session and the room's policy is REJECT.")
	StaleSession        = add("STALE_SESSION", 409, grpcFailedPrecondition, false, "The callback speaks for a session that is not the room's current one.")
	RoomLocked          = add("ROOM_LOCKED", 409, grpcFailedPrecondition, false, "Staff locked the room: nobody may publish to it; details.reason says why, details.until how long, if it ends by itself.")
	RoomCut             = add("ROOM_CUT", 409, grpcFailedPrecondition, true, "Staff cut the broadcast and holds the next one back until details.until; details.reason says why.")
	ConfirmationNeeded  = add("CONFIRMATION_NEEDED", 409, grpcFailedPrecondition, false, "Many watch this room: the intervention is stored as proposal details.proposal_id, and happens when another person confirms it before details.until.")
	ProposalClosed      = add("PROPOSAL_CLOSED", 409, grpcFailedPrecondition, false, "The proposal is confirmed or declined already, or its time is over.")
	IdempotencyConflict = add("IDEMPOTENCY_CONFLICT", 409, grpcAborted, false, "The Idempotency-Key was used before with another request.")
	AreaConflict        = add("AREA_CONFLICT", 409, grpcFailedPrecondition, false, "The area tree does not allow this: a name twice under one parent, an area below itself, or too many areas.")
	BadgeLimit          = add("BADGE_LIMIT", 409, grpcFailedPrecondition, false, "The room has as many badges as it may have; revoke one first.")
	WidgetLimit         = add("WIDGET_LIMIT", 409, grpcFailedPrecondition, false, "The room has as many widgets, or bytes in them, as it may have, or the registry as many types; take one down first.")
	WidgetTypeRetired   = add("WIDGET_TYPE_RETIRED", 409, grpcFailedPrecondition, false, "The widget type is retired: widgets of it stay where they are, and take no new value.")
	KeyLimit            = add("KEY_LIMIT", 409, grpcFailedPrecondition, false, "The room has as many usable keys as it may have; revoke one first.")
	UserProtected       = add("USER_PROTECTED", 409, grpcFailedPrecondition, false, "The user is the room's owner, or a moderator whom another moderator may not touch.")
	UserBanned          = add("USER_BANNED", 409, grpcFailedPrecondition, false, "The user is banned here, and holds no role until the ban is lifted.")
	PlanLimit           = add("PLAN_LIMIT", 409, grpcFailedPrecondition, false, "The room has as many plans, or the plan as many exceptions, as it may have; cancel one first.")
	CursorExpired       = add("CURSOR_EXPIRED", 410, grpcOutOfRange, false, "The feed no longer keeps events right after this cursor; details.oldest is the first it has.")
	TokenExpired        = add("TOKEN_EXPIRED", 410, grpcOutOfRange, false, "The list snapshot behind this page token is gone; start the crawl again.")
	VersionConflict     = add("VERSION_CONFLICT", 412, grpcAborted, true, "The room, or the switch, changed since the version in If-Match; details.version is the present one.")
	TooLarge            = add("TOO_LARGE", 413, grpcResourceExhausted, false, "The body, the batch or the page is larger than allowed.")
	Overloaded          = add("OVERLOADED", 429, grpcResourceExhausted, true, "Too many requests wait already; come back after Retry-After.")
	RateLimited         = add("RATE_LIMITED", 429, grpcResourceExhausted, true, "This client asks more often than it may; RateLimit-Policy says how often that is, Retry-After when the next request is granted.")
	Internal            = add("INTERNAL", 500, grpcInternal, true, "A fault of ours. Its text stays in the log, under the request id.")
	StoreUnavailable    = add("STORE_UNAVAILABLE", 503, grpcUnavailable, true, "The database did not take the change: locked, full or gone. Nothing was changed.")
	NotYetVisible       = add("NOT_YET_VISIBLE", 503, grpcUnavailable, true, "The view has not reached X-Room-Min-Version within 500 ms.")
	NotReady            = add("NOT_READY", 503, grpcUnavailable, true, "The process starts, stops or rebuilds, and cannot answer this truthfully yet.")
	NotLeader           = add("NOT_LEADER", 503, grpcUnavailable, true, "Another process does this work now: the sequencer of a log, or the projector of a zone; details.leader is its address when it is known.")
	Unreachable         = add("UNREACHABLE", 503, grpcUnavailable, true, "No process of the other role answers. What was asked of it may have happened all the same.")
	HomeUnreachable     = add("HOME_UNREACHABLE", 503, grpcUnavailable, true, "This zone cannot reach the home zone, where commands are decided; reads go on. details.happened is \"no\" when nothing was sent, else \"unknown\": repeat a write with the same Idempotency-Key.")
	Shed                = add("SHED", 503, grpcResourceExhausted, true, "The node is asked more than it can answer, and serves what is more urgent; come back after Retry-After.")
	DeadlineExceeded    = add("DEADLINE_EXCEEDED", 504, grpcDeadlineExceeded, true, "The answer did not come within the request's time. A write may still have happened: repeat it with the same Idempotency-Key.")
)

var registry []*Code

func add(name string, http int, grpc uint32, retryable bool, meaning string) *Code {
	c := &Code{Name: name, HTTP: http, GRPC: grpc, Retryable: retryable, Meaning: meaning}
	registry = append(registry, c)
	return c
}

// Registry lists every code, ordered by HTTP status.
func Registry() []*Code { return registry }

// Named finds a code by its name; nil for a name that is not in the registry.
func Named(name string) *Code {
	for _, c := range registry {
		if c.Name == name {
			return c
		}
	}
	return nil
}
