package event

// Type names an event in the past tense. The same word stands in code, subject, metric, feed and docs.
type Type string

// The closed set of event types.
const (
	RoomCreated         Type = "RoomCreated"
	RoomEdited          Type = "RoomEdited"
	RoomRenamed         Type = "RoomRenamed"
	WentLive            Type = "WentLive"
	LiveInterrupted     Type = "LiveInterrupted"
	LiveResumed         Type = "LiveResumed"
	LiveEnded           Type = "LiveEnded"
	RoomWarned          Type = "RoomWarned"
	WarningLifted       Type = "WarningLifted"
	RoomCut             Type = "RoomCut"
	CutLifted           Type = "CutLifted"
	RoomHidden          Type = "RoomHidden"
	RoomUnhidden        Type = "RoomUnhidden"
	RoomLocked          Type = "RoomLocked"
	RoomUnlocked        Type = "RoomUnlocked"
	AnnouncementChanged Type = "AnnouncementChanged"
	PinnedChanged       Type = "PinnedChanged"
	BadgesChanged       Type = "BadgesChanged"
	WidgetsChanged      Type = "WidgetsChanged"
	ViewerMuted         Type = "ViewerMuted"
	ViewerUnmuted       Type = "ViewerUnmuted"
	ViewerBanned        Type = "ViewerBanned"
	ViewerUnbanned      Type = "ViewerUnbanned"
	RoleGranted         Type = "RoleGranted"
	RoleRevoked         Type = "RoleRevoked"
	RulesChanged        Type = "RulesChanged"
	BroadcastPlanned    Type = "BroadcastPlanned"
	PlanChanged         Type = "PlanChanged"
	PlanCancelled       Type = "PlanCancelled"
	BroadcastStartsSoon Type = "BroadcastStartsSoon"
	AreaTreeChanged     Type = "AreaTreeChanged"
	EventUnreadable     Type = "EventUnreadable"
)

// Entry describes a type for the reference, `greenroom explain` and the feed's type filter.
type Entry struct {
	Type    Type
	Command string // the imperative whose decision makes it
	Story   string // the file that decides it
	Meaning string
}

// Registry lists every type that exists, in the order of a room's life.
var Registry = []Entry{
	{RoomCreated, "CreateRoom", "internal/core/room/create.go", "A room came into being, idle."},
	{RoomRenamed, "UpdateRoom", "internal/core/room/edit.go", "The title changed, perhaps with other fields."},
	{RoomEdited, "UpdateRoom", "internal/core/room/edit.go", "Fields other than the title changed."},
	{WentLive, "GoLive", "internal/core/room/live.go", "A session began."},
	{LiveInterrupted, "Interrupt", "internal/core/room/live.go", "The stream is gone, the grace window runs; reason says how it was noticed."},
	{LiveResumed, "GoLive", "internal/core/room/live.go", "The publisher came back inside the grace window: the same session goes on."},
	{LiveEnded, "End", "internal/core/room/live.go", "The session is over; reason is its end reason."},
	{RoomWarned, "Warn", "internal/core/room/control.go", "Staff warned the anchor; reason is what viewers may read."},
	{WarningLifted, "Unwarn", "internal/core/room/control.go", "The warning was taken back, or is over (reason EXPIRED)."},
	{RoomCut, "Cut", "internal/core/room/control.go", "Staff ended the broadcast, and may hold the next one back for a while."},
	{CutLifted, "Uncut", "internal/core/room/control.go", "The next broadcast is no longer held back, by staff or because the time is over (reason EXPIRED)."},
	{RoomHidden, "Hide", "internal/core/room/control.go", "The room is on no list any more; who has its link still plays it."},
	{RoomUnhidden, "Unhide", "internal/core/room/control.go", "The room may be on lists again, by staff or because the time is over (reason EXPIRED)."},
	{RoomLocked, "Lock", "internal/core/room/control.go", "Staff locked the room: nobody may publish to it."},
	{RoomUnlocked, "Unlock", "internal/core/room/control.go", "The room may be published to again, by staff or because the time is over (reason EXPIRED)."},
	{AnnouncementChanged, "SetAnnouncement", "internal/core/room/extension.go", "The announcement was put up, changed or taken down."},
	{PinnedChanged, "SetPinned", "internal/core/room/extension.go", "The pinned message was put up, changed or taken down."},
	{BadgesChanged, "GrantBadge", "internal/core/room/extension.go", "A badge was granted or revoked, or its window began or ended by itself (reason WINDOW)."},
	{WidgetsChanged, "PutWidget", "internal/core/room/widget.go", "A widget was hung up, got another value, or was taken down."},
	{ViewerMuted, "Mute", "internal/core/room/people.go", "Users may not speak in the room, or their mute got another end. Who they are is not in the feed."},
	{ViewerUnmuted, "Unmute", "internal/core/room/people.go", "Users may speak again: a mute was lifted, or is over (reason EXPIRED)."},
	{ViewerBanned, "Ban", "internal/core/room/people.go", "Users were banned from the room, or of room 0 from the platform; a role they had is gone with it."},
	{ViewerUnbanned, "Unban", "internal/core/room/people.go", "A ban of users was lifted, or is over (reason EXPIRED)."},
	{RoleGranted, "GrantRole", "internal/core/room/people.go", "Users became VIPs or moderators of the room, or their role got another end."},
	{RoleRevoked, "RevokeRole", "internal/core/room/people.go", "Users are viewers again: a role was revoked, or is over (reason EXPIRED)."},
	{RulesChanged, "SetRules", "internal/core/room/rules.go", "The rules of speech changed, of the room, or of room 0 those of the platform."},
	{BroadcastPlanned, "Plan", "internal/core/room/schedule.go", "A broadcast was planned, or a series of them."},
	{PlanChanged, "Replan", "internal/core/room/schedule.go", "A plan was edited, or one of its broadcasts was moved or cancelled: then reason says which."},
	{PlanCancelled, "Unplan", "internal/core/room/schedule.go", "A plan was taken back with all of its broadcasts."},
	{BroadcastStartsSoon, "Remind", "internal/core/room/schedule.go", "A planned broadcast begins soon, told once of each; reason is when it begins and its title."},
	{AreaTreeChanged, "ChangeAreas", "internal/core/room/area.go", "An area was made, renamed or moved; the event carries the whole tree."},
	{EventUnreadable, "", "internal/flow/project/park.go", "Holds the place of an event whose stored copy is broken, so that the feed has no gap; the room heals by state transfer."},
}

// Known reports whether t is in the registry.
func Known(t Type) bool {
	for _, e := range Registry {
		if e.Type == t {
			return true
		}
	}
	return false
}
