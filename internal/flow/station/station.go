// Package station names the stations of the corridor, in the order an event passes them.
//
// The same words stand in metrics (greenroom_<package>_…), in `greenroom trace room`, on the
// room page's version ladder and in `greenroom explain`. Flow packages tell an Observer when an event
// passes; app decides who listens (metrics, the desk). An Observer must be quick, must not
// block and must be safe for concurrent use.
package station

import (
	"time"

	"github.com/greenroomlive/greenroom/internal/core/event"
)

// Name is one station.
type Name string

// The stations. Received and Applied carry the courier in the event's Passage.
const (
	Accepted  Name = "accepted"
	Committed Name = "committed"
	Sequenced Name = "sequenced"
	Published Name = "published"
	Received  Name = "received"
	Applied   Name = "applied"
	Visible   Name = "visible"
)

// Courier is who brought an event to the C side.
type Courier string

// The couriers. Queue and Direct carry events; StateTransfer carries a committed snapshot,
// CatchUp the events a reader of the log found missing. RoomC brings them on to the viewer nodes that follow it.
const (
	Queue         Courier = "queue"
	Direct        Courier = "direct"
	StateTransfer Courier = "state transfer"
	CatchUp       Courier = "catch-up"
	RoomC         Courier = "room_c"
)

// Passage is one event at one station.
type Passage struct {
	Station Name
	// Event is shared: read it, do not keep or change it.
	Event *event.RoomEvent
	// Courier is set from Received on, ReceivedAt from Applied on.
	Courier    Courier
	ReceivedAt time.Time
	At         time.Time
}

// Observer hears of passages.
type Observer interface {
	Passed(Passage)
}

// Stop describes a station for people: `greenroom explain` prints these.
type Stop struct {
	Station Name
	Package string
	Symbol  string
	Does    string
	Metric  string
}

// Corridor lists the stops from the door to the viewers.
var Corridor = []Stop{
	{Accepted, "internal/flow/command", "Anchor.GoLive", "a command is decoded, its caller's scope checked, its aggregate loaded", "greenroom_commandapi_call_seconds"},
	{Committed, "internal/adapter/sqlitestore", "Rooms.Write", "state and outbox in one transaction, many commands in one fsync, then the answer", "greenroom_command_commit_seconds"},
	{Sequenced, "internal/flow/relay", "Relay.sequence", "the relay has it with its feed_seq, given in commit order by the one sequencer", "greenroom_relay_sequence_seconds"},
	{Published, "internal/flow/relay", "Relay.publish", "to the queue, acknowledged; beside it the direct call, right after commit", "greenroom_relay_publish_seconds"},
	{Received, "internal/flow/project", "Projector.Apply", "either courier ends in the same entrance; duplicates and late ones stop here", "greenroom_project_transfer_seconds"},
	{Applied, "internal/flow/project", "Projector.Apply", "one transaction in room_c: card if newer, feed row, position", "greenroom_project_handle_seconds"},
	{Visible, "internal/flow/query", "Rooms.Changed", "the encoded answer in L1 is replaced; readers see it", "greenroom_query_visible_seconds"},
}

// Stopping is what follows when somebody ends a session, as a lock or a cut does: its stream is not the corridor's, but the
// media server's, and has to be stopped there.
var Stopping = []Stop{
	{"ended", "internal/core/room", "Room.EndBy", "the session ends in the same transaction: nobody sees a locked room that is live", "greenroom_command_commit_seconds"},
	{"nudged", "internal/adapter/mediaserver", "Poller.Nudge", "right after the commit, the pollers of every xanchor look at once instead of in their next round", "greenroom_mediaserver_polled_total"},
	{"dropped", "internal/adapter/mediaserver", "Poller.Poll", "a stream that holds no session is dropped, round by round, until the media server's own list says it is gone", "greenroom_mediaserver_drops_total"},
	{"refused", "internal/core/room", "Room.MustBeFree", "who publishes again meanwhile is refused, with the reason, in the media server's own way", "greenroom_hooks_callbacks_total"},
}

// Discard is an Observer that listens to nothing.
type Discard struct{}

// Passed does nothing.
func (Discard) Passed(Passage) {}
