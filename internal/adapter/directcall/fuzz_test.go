package directcall

import (
	"errors"
	"testing"

	"github.com/greenroomlive/greenroom/internal/core/event"
	"github.com/greenroomlive/greenroom/internal/core/fault"
	"github.com/greenroomlive/greenroom/internal/core/ident"
	"github.com/greenroomlive/greenroom/internal/core/view"
	"github.com/greenroomlive/greenroom/internal/wire"
)

// Whatever a process of the B side answers: events in order behind the position, or a fault that parks no room.
func FuzzEventsOf(f *testing.F) {
	var page []byte
	for seq := range ident.FeedSeq(2) {
		e := event.RoomEvent{RoomID: 7, Version: 1, Epoch: "e", FeedSeq: seq + 1, Type: event.RoomCreated, Snapshot: view.RoomCard{ID: 7, Version: 1}}
		e.Checksum = e.Sum()
		var err error
		if page, err = wire.AppendEntry(page, &e); err != nil {
			f.Fatal(err)
		}
	}
	f.Add(page, int64(0))
	f.Add(page, int64(1))
	f.Add(page[:len(page)-3], int64(0))
	f.Add(wire.AppendRawEntry(page, 9, []byte("poison")), int64(0))
	f.Fuzz(func(t *testing.T, page []byte, after int64) {
		events, err := eventsOf(page, ident.FeedSeq(after))
		if err != nil {
			if !errors.Is(err, fault.Unreachable) {
				t.Fatal(err)
			}
			return
		}
		for i := range events {
			if int64(events[i].FeedSeq) <= after {
				t.Fatalf("event %d stands at %d, behind %d", i, events[i].FeedSeq, after)
			}
			after = int64(events[i].FeedSeq)
		}
	})
}

// Nothing that an endpoint can answer is INTERNAL, unless it says so.
func FuzzCardOf(f *testing.F) {
	c := view.RoomCard{ID: 7, Title: "hello", Version: 1}
	f.Add(wire.AppendCard(nil, &c))
	f.Add([]byte("\x1a\x01\xff"))
	f.Fuzz(func(t *testing.T, body []byte) {
		if _, err := cardOf(body); err != nil && !errors.Is(err, fault.Unreachable) {
			t.Fatal(err)
		}
	})
}
