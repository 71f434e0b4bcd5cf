package command

import (
	"context"
	"crypto/sha256"
	"time"

	"github.com/greenroomlive/greenroom/internal/core/audit"
	"github.com/greenroomlive/greenroom/internal/core/ident"
	"github.com/greenroomlive/greenroom/internal/core/ownership"
	"github.com/greenroomlive/greenroom/internal/core/room"
	"github.com/greenroomlive/greenroom/internal/core/view"
)

// Store is the B database: room_b.
type Store interface {
	// Write runs unit in one transaction and returns when the commit is durable (fsynced).
	// Concurrent calls may share a commit. A unit that returns an error leaves no trace and
	// its error comes back as it is; a commit that fails is STORE_UNAVAILABLE, and nothing
	// happened. The unit may run more than once (after a lost connection, or apart from a
	// failing neighbour), so it has no effect but through tx, and it must not block. When ctx
	// ends first, Write returns DEADLINE_EXCEEDED and the commit may or may not happen.
	Write(ctx context.Context, unit func(tx Tx) error) error
	// Read shows one committed snapshot.
	Read(ctx context.Context, look func(r Reader) error) error
}

// Reader finds things. What is not there is a typed fault (ROOM_NOT_FOUND, KEY_NOT_FOUND).
type Reader interface {
	// Room loads the aggregate with its current session.
	Room(id ident.RoomID) (*room.Room, error)
	// Rooms pages through rooms by id, above after; anchor 0 is everybody.
	Rooms(anchor ident.AnchorID, after ident.RoomID, limit int) ([]*room.Room, error)
	// Sessions pages through a room's sessions, newest first, below before (0: from the newest).
	Sessions(id ident.RoomID, before ident.SessionID, limit int) ([]room.Session, error)
	Key(id ident.KeyID) (room.Key, error)
	// Keys lists a room's keys, newest first, revoked ones included.
	Keys(id ident.RoomID) ([]room.Key, error)
	AreaTree() (*room.AreaTree, error)
	// Due lists rooms whose session has a lease or a grace that ends at or before now.
	Due(now time.Time, limit int) ([]ident.RoomID, error)
	// ControlDue lists rooms that have an intervention which ends at or before now.
	ControlDue(now time.Time, limit int) ([]ident.RoomID, error)
	// Proposal finds one, decided or not (PROPOSAL_NOT_FOUND).
	Proposal(id ident.ProposalID) (*room.Proposal, error)
	// Proposals pages through proposals, newest first, below before (0: from the newest); with open, those that can be
	// decided at now.
	Proposals(open bool, now time.Time, before ident.ProposalID, limit int) ([]*room.Proposal, error)
	// ExtensionDue lists rooms that have a badge whose window begins or ends at or before now.
	ExtensionDue(now time.Time, limit int) ([]ident.RoomID, error)
	// WidgetType finds one, retired or not (WIDGET_TYPE_NOT_FOUND).
	WidgetType(name string) (*room.WidgetType, error)
	// WidgetTypes are all of them, by name.
	WidgetTypes() ([]*room.WidgetType, error)
	// Schedule loads what is planned in a room; empty for a room that plans nothing.
	Schedule(id ident.RoomID) (*room.Schedule, error)
	// Schedules pages by room, above after, through those that plan anything; anchor 0 is everybody.
	Schedules(anchor ident.AnchorID, after ident.RoomID, limit int) ([]PlannedIn, error)
	// ScheduleDue lists rooms that have a reminder which is due at or before now.
	ScheduleDue(now time.Time, limit int) ([]ident.RoomID, error)
	// Controlled pages by id, above after, through the rooms whose strongest intervention is state; NORMAL: that have any.
	Controlled(state view.ControlState, after ident.RoomID, limit int) ([]*room.Room, error)

	// Persons finds the entries of users in a place (ident.Platform: the platform), by user; who is a viewer has none.
	Persons(place ident.RoomID, users []ident.UserID) ([]room.Person, error)
	// People pages by user, above after, through a place's entries of a kind.
	People(place ident.RoomID, kind room.Kind, after ident.UserID, limit int) ([]room.Person, error)
	// PeopleDue lists persons of whom something ends at or before now, or whose mute was to end with a session that is over.
	PeopleDue(now time.Time, limit int) ([]DuePerson, error)
	// Rules are those of a place; version 0 when nobody ever set any.
	Rules(place ident.RoomID) (*room.Rules, error)

	// AuditAfter lists pages of the audit log, the oldest first: the first of them holds the entry after+1. A page is
	// given out as it stands in the store, damaged or not.
	AuditAfter(after int64, limit int) ([]audit.Page, error)
	// AuditBefore lists pages that hold entries of the time from until to, the newest first, none newer than that of
	// the entry before before (0: from the newest). A zero time is no bound.
	AuditBefore(before int64, from, to time.Time, limit int) ([]audit.Page, error)
}

// DuePerson is one for whom it is time.
type DuePerson struct {
	Place ident.RoomID
	User  ident.UserID
}

// Tx is a transaction.
type Tx interface {
	Reader
	// SaveRoom writes the aggregate, the sessions it touched and its events into the outbox.
	// The write guard checks every changed column against the role (FIELD_NOT_OWNED). A room
	// that changed since it was loaded is VERSION_CONFLICT.
	SaveRoom(role ownership.Role, r *room.Room) error
	// SaveSchedule writes what is planned in the room. Whoever loaded both and saves both writes over what was loaded:
	// the room's version speaks for its schedule.
	SaveSchedule(role ownership.Role, r *room.Room, s *room.Schedule) error
	// SaveProposal writes a new proposal, or the verdict of one that is pending: of two verdicts at a time the second is
	// PROPOSAL_CLOSED.
	SaveProposal(role ownership.Role, p *room.Proposal) error
	// SaveWidgetType writes a type over the version it was loaded at, else VERSION_CONFLICT.
	SaveWidgetType(role ownership.Role, t *room.WidgetType) error
	SaveKey(role ownership.Role, k room.Key) error
	SaveAreaTree(role ownership.Role, t *room.AreaTree) error
	// SavePeople writes the entries that changed; their event is the place's, and saved with it.
	SavePeople(role ownership.Role, p *room.People) error
	// SaveRules writes a place's document; its event is the place's, and saved with it.
	SaveRules(role ownership.Role, place ident.RoomID, d *room.Rules) error
	// Answer finds what an idempotency key was answered before; false when it is new or expired at now.
	Answer(id AnswerID, now time.Time) (Answer, bool, error)
	SaveAnswer(id AnswerID, a Answer) error
	// Record puts an entry into the audit log with the transaction; behind which other, the store decides, at once or
	// after the commit. Entries are never changed and never deleted.
	Record(e *audit.Entry) error
}

// Schemas judges values by JSON Schema, from memory alone: it loads nothing that a schema names. Its faults are
// INVALID_ARGUMENT, whose field is schema or value with the JSON pointer to what is wrong. For any number of callers.
type Schemas interface {
	// Compile reports whether a schema can be used.
	Compile(schema string) error
	// Check judges a value, as encoding/json reads one.
	Check(schema string, value map[string]any) error
}

// PlannedIn is what is planned in a room.
type PlannedIn struct {
	Room     ident.RoomID
	Schedule view.Schedule
}

// Audience says how many watch. It is the C side's, and told to who is about to intervene; nothing else is decided by
// it. Answers from memory, for any number of callers.
type Audience interface {
	// Online is the viewers of a session, as of a moment not long ago. known is false when nobody can say.
	Online(room ident.RoomID, session ident.SessionID) (viewers int64, asOf time.Time, known bool)
}

// AnswerID is a hash of the caller, the command and the Idempotency-Key.
type AnswerID [sha256.Size]byte

// Answer is a remembered first answer.
type Answer struct {
	// Request is a hash of the request: another request under the same key is a conflict.
	Request [sha256.Size]byte
	// Sealed is the answer, encrypted under the Idempotency-Key itself: whoever has only the
	// database reads no stream key out of it.
	Sealed    []byte
	ExpiresAt time.Time
}
