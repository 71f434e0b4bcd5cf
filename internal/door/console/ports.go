package console

import (
	"context"
	"time"

	opsv1 "github.com/greenroomlive/greenroom/api/gen/greenroom/ops/v1"
	"github.com/greenroomlive/greenroom/internal/core/event"
	"github.com/greenroomlive/greenroom/internal/core/ident"
	"github.com/greenroomlive/greenroom/internal/core/room"
	"github.com/greenroomlive/greenroom/internal/core/view"
	"github.com/greenroomlive/greenroom/internal/flow/command"
	"github.com/greenroomlive/greenroom/internal/flow/query"
)

// Commands is the part of command.Anchor that the console uses.
type Commands interface {
	CreateRoom(ctx context.Context, m command.Meta, anchor ident.AnchorID, d room.Description) (*room.Room, error)
	UpdateRoom(ctx context.Context, m command.Meta, id ident.RoomID, p room.Patch) (*room.Room, error)
	GetRoom(ctx context.Context, m command.Meta, id ident.RoomID) (*room.Room, error)
	StartRoom(ctx context.Context, m command.Meta, id ident.RoomID) (*room.Room, error)
	StopRoom(ctx context.Context, m command.Meta, id ident.RoomID) (*room.Room, error)
	ListSessions(ctx context.Context, m command.Meta, id ident.RoomID, before ident.SessionID, limit int) ([]room.Session, error)
	CreateKey(ctx context.Context, m command.Meta, id ident.RoomID, label string) (command.NewKey, error)
	ListKeys(ctx context.Context, m command.Meta, id ident.RoomID) ([]room.Key, error)
	RotateKey(ctx context.Context, m command.Meta, id ident.RoomID, old ident.KeyID, overlap time.Duration) (command.NewKey, error)
	RevokeKey(ctx context.Context, m command.Meta, id ident.RoomID, key ident.KeyID) (room.Key, error)
	Areas(ctx context.Context) ([]view.Area, error)
}

var _ Commands = (*command.Anchor)(nil)

// Control is the part of command.Control that the console uses.
type Control interface {
	Get(ctx context.Context, m command.Meta, id ident.RoomID) (*room.Room, error)
	ForeseeIntervene(ctx context.Context, m command.Meta, id ident.RoomID, level view.ControlState, o room.Order) (command.Foresight, error)
	Intervene(ctx context.Context, m command.Meta, id ident.RoomID, level view.ControlState, o room.Order) (*room.Room, error)
	Lift(ctx context.Context, m command.Meta, id ident.RoomID, level view.ControlState, reason string) (*room.Room, error)
}

var _ Control = (*command.Control)(nil)

// Planning is the part of command.Planning that the console uses.
type Planning interface {
	Get(ctx context.Context, m command.Meta, id ident.RoomID) (command.Planned, error)
	Occurrences(ctx context.Context, m command.Meta, id ident.RoomID, from, to time.Time, limit int) ([]view.Occurrence, error)
	Plan(ctx context.Context, m command.Meta, id ident.RoomID, draft view.Plan) (command.Planned, error)
	Except(ctx context.Context, m command.Meta, id ident.RoomID, plan ident.PlanID, x view.Exception) (command.Planned, error)
	Unplan(ctx context.Context, m command.Meta, id ident.RoomID, plan ident.PlanID) (command.Planned, error)
}

var _ Planning = (*command.Planning)(nil)

// People is the part of command.People that the console uses.
type People interface {
	List(ctx context.Context, m command.Meta, place ident.RoomID, kind room.Kind, after ident.UserID, limit int) ([]room.Person, error)
	Get(ctx context.Context, m command.Meta, place ident.RoomID, user ident.UserID) (room.Person, error)
	Sanction(ctx context.Context, m command.Meta, n command.Named, measure room.Measure, t room.Term) (command.Treated, error)
	Lift(ctx context.Context, m command.Meta, n command.Named, measure room.Measure, reason string) (command.Treated, error)
	Grant(ctx context.Context, m command.Meta, n command.Named, role view.Role, until time.Time, lasts time.Duration) (command.Treated, error)
	Revoke(ctx context.Context, m command.Meta, n command.Named) (command.Treated, error)
}

var _ People = (*command.People)(nil)

// Rules is the part of command.Rules that the console uses.
type Rules interface {
	Get(ctx context.Context, m command.Meta, place ident.RoomID) (*room.Rules, error)
	Set(ctx context.Context, m command.Meta, place ident.RoomID, next view.Rules) (*room.Rules, error)
}

var _ Rules = (*command.Rules)(nil)

// Audit is the part of command.Audit that the console uses.
type Audit interface {
	List(ctx context.Context, m command.Meta, f command.AuditFilter, before int64, limit int) ([]command.AuditEntry, int64, error)
}

var _ Audit = (*command.Audit)(nil)

// Board is what viewers see, as the board and the room page read it. It answers from the views,
// so that a crowd before the board costs the write store nothing.
type Board interface {
	// Live lists rooms on air, the newest broadcast first, at most limit.
	Live(ctx context.Context, limit int) ([]view.RoomCard, error)
	// Rooms lists all rooms, the newest first, below before (0: from the newest), at most limit.
	Rooms(ctx context.Context, before ident.RoomID, limit int) ([]view.RoomCard, error)
	// Search finds rooms by words of titles and tags, the best first, at most limit. complete is false when
	// rooms may be missing; INVALID_ARGUMENT when the words are no question.
	Search(ctx context.Context, words string, limit int) (cards []view.RoomCard, complete bool, err error)
	// RoomCount is the number of rooms there are.
	RoomCount(ctx context.Context) (int64, error)
	// Fresh says how long ago the views were proven to hold everything committed, and whether
	// that is too long.
	Fresh() (age time.Duration, stale bool)
	// Updates pulses after the feed has moved on, until ctx ends. The channel holds one pulse;
	// one that finds it full is dropped, for the one that waits says the same.
	Updates(ctx context.Context) <-chan struct{}
	// Events lists a room's last events, the newest first, at most limit.
	Events(ctx context.Context, id ident.RoomID, limit int) ([]event.RoomEvent, error)
}

// Audience tells who watches and watched. query.Rooms is one.
type Audience interface {
	// Audience is the newest count of a room's session, and a page of its minutes.
	Audience(ctx context.Context, q query.AudienceQuery) (query.AudiencePage, error)
}

var _ Audience = (*query.Rooms)(nil)

// Desk explains a room's way through the house.
type Desk interface {
	// TraceRoom returns the versions at both ends and the last changes, the newest first.
	TraceRoom(ctx context.Context, id ident.RoomID, limit int) (*opsv1.TraceRoomResponse, error)
}

// Auth turns a bearer token into a caller; UNAUTHENTICATED when it is none of ours.
type Auth interface {
	Caller(ctx context.Context, bearer string) (command.Caller, error)
}
