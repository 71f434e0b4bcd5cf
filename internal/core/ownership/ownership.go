// Package ownership is the one table that says, for every column of every entity, which
// role writes it, on which side it lives, which events carry it and whether viewers see it.
//
// The stores' write guard, docs/reference/fields.md and the tests are driven by it. A write
// to a column that the caller's role does not own is FIELD_NOT_OWNED, never a silent success.
package ownership

import (
	"slices"

	"github.com/greenroomlive/greenroom/internal/core/event"
	"github.com/greenroomlive/greenroom/internal/core/fault"
)

// Role is a service of Greenroom: it owns columns.
type Role string

// The roles, under the names they have in configuration, metrics and docs.
const (
	XAnchor         Role = "xanchor"
	XRoomManagement Role = "xroom-management"
	XRoomExtend     Role = "xroom-extend"
	XRoom           Role = "xroom"
	Watch           Role = "watch"
	// Everyone is no service: the column counts the changes of all B roles, and moves with each of them.
	Everyone Role = "every B role"
)

// Roles are all that may ask to write. Everyone is none of them: its columns are counted, not asked for.
var Roles = []Role{XAnchor, XRoomManagement, XRoomExtend, XRoom, Watch}

// Side is B (command) or C (query).
type Side string

// The two sides.
const (
	B Side = "B"
	C Side = "C"
)

// Column is one row of the table.
type Column struct {
	Entity string
	Name   string
	Owner  Role
	Side   Side
	// Events carry the column to the C side; none for what never leaves B.
	Events []event.Type
	// Viewers see the column in the room card.
	Viewers bool
	// Secret columns leave B in no form.
	Secret bool
}

var (
	described = []event.Type{event.RoomCreated, event.RoomRenamed, event.RoomEdited}
	broadcast = []event.Type{event.WentLive, event.LiveInterrupted, event.LiveResumed, event.LiveEnded}
	control   = []event.Type{event.RoomWarned, event.WarningLifted, event.RoomCut, event.CutLifted, event.RoomHidden,
		event.RoomUnhidden, event.RoomLocked, event.RoomUnlocked}
	extension = []event.Type{event.AnnouncementChanged, event.PinnedChanged, event.BadgesChanged, event.WidgetsChanged}
	people    = []event.Type{event.ViewerMuted, event.ViewerUnmuted, event.ViewerBanned, event.ViewerUnbanned, event.RoleGranted, event.RoleRevoked}
	rules     = []event.Type{event.RulesChanged}
	planned   = []event.Type{event.BroadcastPlanned, event.PlanChanged, event.PlanCancelled}
	every     = slices.Concat(described, broadcast, control, extension, people, rules, planned, []event.Type{event.BroadcastStartsSoon})
)

// Table is the whole of it.
var Table = []Column{
	{"room", "id", XAnchor, B, []event.Type{event.RoomCreated}, true, false},
	{"room", "anchor_id", XAnchor, B, []event.Type{event.RoomCreated}, true, false},
	{"room", "title", XAnchor, B, []event.Type{event.RoomCreated, event.RoomRenamed}, true, false},
	{"room", "area_id", XAnchor, B, described, true, false},
	{"room", "cover_url", XAnchor, B, described, true, false},
	{"room", "tags", XAnchor, B, described, true, false},
	{"room", "language", XAnchor, B, described, true, false},
	{"room", "publisher_policy", XAnchor, B, nil, false, false},
	{"room", "live_status", XAnchor, B, broadcast, true, false},
	{"room", "session_id", XAnchor, B, broadcast, true, false},
	{"room", "epoch", XAnchor, B, broadcast, true, false},
	{"room", "version", Everyone, B, every, true, false},
	{"room", "created_at", XAnchor, B, nil, false, false},
	{"room", "updated_at", Everyone, B, every, true, false},
	{"session", "id", XAnchor, B, broadcast, true, false},
	{"session", "room_id", XAnchor, B, broadcast, false, false},
	{"session", "epoch", XAnchor, B, broadcast, true, false},
	{"session", "status", XAnchor, B, broadcast, true, false},
	{"session", "started_at", XAnchor, B, broadcast, true, false},
	{"session", "ended_at", XAnchor, B, nil, false, false},
	{"session", "end_reason", XAnchor, B, []event.Type{event.LiveEnded}, false, false},
	{"session", "media_server", XAnchor, B, nil, false, false},
	{"session", "client_id", XAnchor, B, nil, false, false},
	{"session", "client_ip", XAnchor, B, nil, false, false},
	{"session", "key_id", XAnchor, B, nil, false, false},
	{"session", "lease_until", XAnchor, B, nil, false, false},
	{"session", "grace_until", XAnchor, B, nil, false, false},
	{"session", "lost", XAnchor, B, nil, false, false},
	{"session", "due_at", XAnchor, B, nil, false, false},
	{"room_control", "room_id", XRoomManagement, B, control, false, false},
	{"room_control", "state", XRoomManagement, B, control, true, false},
	{"room_control", "interventions", XRoomManagement, B, control, true, false},
	{"room_control", "due_at", XRoomManagement, B, nil, false, false},
	{"room_proposal", "id", XRoomManagement, B, nil, false, false},
	{"room_proposal", "room_id", XRoomManagement, B, nil, false, false},
	{"room_proposal", "verdict", XRoomManagement, B, nil, false, false},
	{"room_proposal", "until_at", XRoomManagement, B, nil, false, false},
	{"room_proposal", "content", XRoomManagement, B, nil, false, false},
	{"room_extension", "room_id", XRoomExtend, B, extension, false, false},
	{"room_extension", "content", XRoomExtend, B, extension, true, false},
	{"room_extension", "due_at", XRoomExtend, B, nil, false, false},
	{"widget_type", "name", XRoomExtend, B, nil, false, false},
	{"widget_type", "version", XRoomExtend, B, nil, false, false},
	{"widget_type", "content", XRoomExtend, B, nil, false, false},
	{"person", "room_id", XRoomManagement, B, people, false, false},
	{"person", "user_id", XRoomManagement, B, people, false, false},
	{"person", "role", XRoomManagement, B, people, false, false},
	{"person", "muted", XRoomManagement, B, people, false, false},
	{"person", "banned", XRoomManagement, B, people, false, false},
	{"person", "session_id", XRoomManagement, B, people, false, false},
	{"person", "due_at", XRoomManagement, B, nil, false, false},
	{"person", "version", XRoomManagement, B, people, false, false},
	{"person", "content", XRoomManagement, B, people, false, false},
	{"room_rules", "room_id", XRoomManagement, B, rules, false, false},
	{"room_rules", "version", XRoomManagement, B, rules, false, false},
	{"room_rules", "content", XRoomManagement, B, rules, false, false},
	{"room_schedule", "room_id", XAnchor, B, planned, false, false},
	{"room_schedule", "content", XAnchor, B, planned, false, false},
	{"room_schedule", "due_at", XAnchor, B, nil, false, false},
	{"stream_key", "id", XAnchor, B, nil, false, false},
	{"stream_key", "room_id", XAnchor, B, nil, false, false},
	{"stream_key", "label", XAnchor, B, nil, false, false},
	{"stream_key", "hash", XAnchor, B, nil, false, true},
	{"stream_key", "created_at", XAnchor, B, nil, false, false},
	{"stream_key", "expires_at", XAnchor, B, nil, false, false},
	{"stream_key", "revoked_at", XAnchor, B, nil, false, false},
	{"area", "id", XAnchor, B, []event.Type{event.AreaTreeChanged}, true, false},
	{"area", "parent_id", XAnchor, B, []event.Type{event.AreaTreeChanged}, true, false},
	{"area", "name", XAnchor, B, []event.Type{event.AreaTreeChanged}, true, false},
}

// owners is the table as the write guard asks it: entity.column to owner.
var owners = func() map[string]Role {
	m := make(map[string]Role, len(Table))
	for _, c := range Table {
		m[c.Entity+"."+c.Name] = c.Owner
	}
	return m
}()

// Check refuses a write of any column that the role does not own, or that is not in the table.
func Check(role Role, entity string, columns ...string) error {
	for _, name := range columns {
		owner, known := owners[entity+"."+name]
		if known && owner == role {
			continue
		}
		return fault.FieldNotOwned.New("%s may not write %s.%s", role, entity, name).
			With("field", entity+"."+name).With("owner", string(owner))
	}
	return nil
}
