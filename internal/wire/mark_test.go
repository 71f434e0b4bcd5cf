package wire_test

import (
	"reflect"
	"testing"

	"pgregory.net/rapid"

	"github.com/greenroomlive/greenroom/internal/core/event"
	"github.com/greenroomlive/greenroom/internal/wire"
)

// whatAMarkSays is the part of an event that its mark tells.
func whatAMarkSays(e event.RoomEvent) event.RoomEvent {
	return event.RoomEvent{RoomID: e.RoomID, Version: e.Version, Epoch: e.Epoch, FeedSeq: e.FeedSeq, CommittedAt: e.CommittedAt, PublishedAt: e.PublishedAt}
}

func TestAMarkSaysWhatTheWholeEventSays(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		e := genEvent().Draw(t, "event")
		e.Checksum = e.Sum()
		body, err := wire.MarshalEvent(&e)
		if err != nil {
			t.Fatal(err)
		}
		whole, err := wire.UnmarshalEvent(body)
		if err != nil {
			t.Fatal(err)
		}
		mark, err := wire.EventMark(body)
		if err != nil {
			t.Fatal(err)
		}
		if want := whatAMarkSays(whole); !reflect.DeepEqual(mark, want) {
			t.Errorf("the mark says\n%+v\nthe event\n%+v", mark, want)
		}
	})
}
