package wire_test

import (
	"bytes"
	"reflect"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"
	"pgregory.net/rapid"

	"github.com/greenroomlive/greenroom/internal/core/event"
	"github.com/greenroomlive/greenroom/internal/core/view"
	"github.com/greenroomlive/greenroom/internal/wire"
)

func TestAnEventSurvivesTheWire(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		e := genEvent().Draw(t, "event")
		b, err := wire.MarshalEvent(&e)
		if err != nil {
			t.Fatalf("marshal: %v", err)
		}
		back, err := wire.UnmarshalEvent(b)
		if err != nil {
			t.Fatalf("unmarshal: %v", err)
		}
		if got, want := back.AppendJSON(nil), e.AppendJSON(nil); !bytes.Equal(got, want) {
			t.Fatalf("changed on the way\n got %s\nwant %s", got, want)
		}
		if (back.Detail == nil) != (e.Detail == nil) || back.DetailChecksum != e.DetailChecksum { // the checksum was compared with the content
			t.Fatalf("carried\n got %+v\nwant %+v", back.Detail, e.Detail)
		}
	})
}

func TestACardSurvivesStorage(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		c := genCard().Draw(t, "card")
		b, err := wire.MarshalCard(&c)
		if err != nil {
			t.Fatalf("marshal: %v", err)
		}
		back, err := wire.UnmarshalCard(b)
		if err != nil {
			t.Fatalf("unmarshal: %v", err)
		}
		if back.Checksum() != c.Checksum() {
			t.Fatalf("changed on the way\n got %s\nwant %s", back.AppendJSON(nil), c.AppendJSON(nil))
		}
	})
}

func sample() event.RoomEvent {
	e := event.RoomEvent{
		RoomID: 7, Version: 3, PrevVersion: 2, Epoch: "e", FeedSeq: 9, Type: event.WentLive, Changed: []string{"live.status"},
		Snapshot:   view.RoomCard{ID: 7, Title: "hello", Version: 3, Live: view.LiveState{Status: view.Live}},
		OccurredAt: time.UnixMilli(1_790_000_000_123).UTC(),
	}
	e.Checksum = e.Sum()
	e.Carry(&view.Detail{People: []view.Person{{User: 1, Role: view.VIP}}})
	return e
}

func TestAnEventThatContradictsItselfIsRefused(t *testing.T) {
	cases := map[string]func(e *event.RoomEvent){
		"the snapshot was altered":        func(e *event.RoomEvent) { e.Snapshot.Title = "forged" },
		"the detail was altered":          func(e *event.RoomEvent) { e.Detail.People[0].User++ },
		"the detail is lost":              func(e *event.RoomEvent) { e.Detail = nil },
		"the detail was put in":           func(e *event.RoomEvent) { e.DetailChecksum = "" },
		"its role is beyond the known":    func(e *event.RoomEvent) { e.Carry(&view.Detail{People: []view.Person{{User: 1, Role: 9}}}) },
		"the snapshot is of another room": func(e *event.RoomEvent) { e.Snapshot.ID++; e.Checksum = e.Sum() },
		"the snapshot is of another time": func(e *event.RoomEvent) { e.Snapshot.Version++; e.Checksum = e.Sum() },
	}
	for name, spoil := range cases {
		t.Run(name, func(t *testing.T) {
			e := sample()
			spoil(&e)
			b, err := wire.MarshalEvent(&e)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := wire.UnmarshalEvent(b); err == nil {
				t.Error("taken")
			}
		})
	}
	t.Run("the id is not the derived one", func(t *testing.T) {
		e := sample()
		m := wire.Event(&e)
		m.Id = "7-3-LiveEnded"
		if _, err := wire.GoEvent(m); err == nil {
			t.Error("taken")
		}
	})
	t.Run("the status is beyond the known ones", func(t *testing.T) {
		e := sample()
		m := wire.Event(&e)
		m.Snapshot.Live.Status = 17
		if _, err := wire.GoEvent(m); err == nil {
			t.Error("taken")
		}
	})
}

// What UnmarshalEvent takes is whole: it encodes again, and to an event that is taken again.
func FuzzUnmarshalEvent(f *testing.F) {
	e := sample()
	whole, _ := wire.MarshalEvent(&e)
	f.Add(whole)
	f.Add(whole[:len(whole)/2])
	tree := event.RoomEvent{Version: 1, Type: event.AreaTreeChanged, Areas: []view.Area{{ID: 1, Name: "music"}}}
	tree.Checksum = tree.Sum()
	b, _ := proto.Marshal(wire.Event(&tree))
	f.Add(b)
	f.Fuzz(func(t *testing.T, raw []byte) {
		e, err := wire.UnmarshalEvent(raw)
		if err != nil {
			return
		}
		again, err := wire.MarshalEvent(&e)
		if err != nil {
			t.Fatalf("taken but not encodable: %v", err)
		}
		back, err := wire.UnmarshalEvent(again)
		if err != nil {
			t.Fatalf("taken once, refused after encoding again: %v", err)
		}
		if !bytes.Equal(back.AppendJSON(nil), e.AppendJSON(nil)) {
			t.Fatal("encoding again changed the event")
		}
		if mark, err := wire.EventMark(again); err != nil || !reflect.DeepEqual(mark, whatAMarkSays(back)) {
			t.Fatalf("the mark says %+v (%v) of %+v", mark, err, back)
		}
	})
}
