package bustest

import (
	"time"

	"github.com/greenroomlive/greenroom/internal/core/event"
	"github.com/greenroomlive/greenroom/internal/core/ident"
	"github.com/greenroomlive/greenroom/internal/core/view"
)

// epoch is that of the suite's log; a broker that filters by epoch must accept it.
const epoch = "bustest"

// Epoch is the log epoch of the suite's events.
const Epoch = epoch

// log makes sequenced events, as the relay would read them.
type log struct {
	seq      ident.FeedSeq
	versions map[ident.RoomID]ident.Version
}

func newLog() *log { return &log{versions: map[ident.RoomID]ident.Version{}} }

// events makes the next n, going round the rooms.
func (l *log) events(n int, rooms ...ident.RoomID) []event.RoomEvent {
	at := time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)
	out := make([]event.RoomEvent, 0, n)
	for i := range n {
		room := rooms[i%len(rooms)]
		l.seq++
		l.versions[room]++
		e := event.RoomEvent{
			RoomID: room, Version: l.versions[room], PrevVersion: l.versions[room] - 1,
			Epoch: epoch, FeedSeq: l.seq, Actor: "anchor:9", Cause: "cmd", OccurredAt: at, CommittedAt: at,
		}
		if room == ident.AreaTree {
			e.Type = event.AreaTreeChanged
			e.Areas = []view.Area{{ID: 1, Name: "Games"}}
		} else {
			e.Type = event.RoomRenamed
			e.Changed = []string{"title"}
			e.Snapshot = view.RoomCard{
				ID: room, AnchorID: 9, Title: "a room on its way", AreaID: 1, Tags: []string{"a"},
				Language: "en", Version: e.Version, UpdatedAt: at,
			}
		}
		e.Checksum = e.Sum()
		out = append(out, e)
	}
	return out
}

// Events makes n sequenced events of the rooms, from feed_seq 1, for adapters' own tests and benchmarks.
func Events(n int, rooms ...ident.RoomID) []event.RoomEvent { return newLog().events(n, rooms...) }
