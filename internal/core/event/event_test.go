package event_test

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/greenroomlive/greenroom/internal/core/event"
	"github.com/greenroomlive/greenroom/internal/core/ident"
	"github.com/greenroomlive/greenroom/internal/core/view"
)

func sample() event.RoomEvent {
	at := time.Date(2026, 11, 22, 12, 0, 0, 123e6, time.UTC)
	return event.RoomEvent{RoomID: 7, Version: 3, PrevVersion: 2, Epoch: "e", FeedSeq: 9, Type: event.RoomRenamed, Changed: []string{"title"},
		Snapshot: view.RoomCard{ID: 7, Title: "a \"quoted\"\nline \u2028", Version: 3, UpdatedAt: at}, Actor: "anchor:1", OccurredAt: at, CommittedAt: at}
}

func TestIDIsDerived(t *testing.T) {
	e := sample()
	if e.ID() != "7-3-RoomRenamed" {
		t.Errorf("the id is %q", e.ID())
	}
	again := e
	again.FeedSeq, again.PublishedAt, again.Cause = 10, time.Now(), "another try"
	if again.ID() != e.ID() {
		t.Error("a retry has another id")
	}
	for name, change := range map[string]func(*event.RoomEvent){
		"room": func(e *event.RoomEvent) { e.RoomID++ }, "version": func(e *event.RoomEvent) { e.Version++ },
		"type": func(e *event.RoomEvent) { e.Type = event.RoomEdited },
	} {
		other := e
		change(&other)
		if other.ID() == e.ID() {
			t.Errorf("another %s has the same id", name)
		}
	}
}

func TestSumCoversWhatIsCarried(t *testing.T) {
	e := sample()
	sum := e.Sum()
	e.FeedSeq, e.PublishedAt = 10, time.Now() // the stations' stamps are not content
	if e.Sum() != sum {
		t.Error("a stamp changed the checksum")
	}
	e.Snapshot.Title = "a lie"
	if e.Sum() == sum {
		t.Error("another title has the same checksum")
	}
	tree := event.RoomEvent{RoomID: ident.AreaTree, Areas: []view.Area{{ID: 1, Name: "a"}}}
	sum = tree.Sum()
	tree.Areas = []view.Area{{ID: 1, Name: "b"}}
	if tree.Sum() == sum {
		t.Error("another tree has the same checksum")
	}
}

func TestLineIsJSON(t *testing.T) {
	tree := event.RoomEvent{RoomID: ident.AreaTree, Type: event.AreaTreeChanged, Areas: []view.Area{{ID: 1, Name: "a", Children: []view.Area{{ID: 2, Name: "b"}}}}}
	for _, e := range []event.RoomEvent{sample(), tree, {}} {
		line := e.AppendJSON(nil)
		var fields map[string]any
		if err := json.Unmarshal(line, &fields); err != nil {
			t.Fatalf("%v in %s", err, line)
		}
		if fields["id"] != e.ID() || fields["feed_seq"] != e.FeedSeq.String() || fields["type"] != string(e.Type) {
			t.Errorf("the line is %s", line)
		}
		if (fields["snapshot"] == nil) != (e.RoomID == ident.AreaTree) {
			t.Errorf("the snapshot of %s is %v", e.ID(), fields["snapshot"])
		}
		for _, b := range line {
			if b == '\n' {
				t.Error("a line holds a line's end")
			}
		}
	}
}

func TestRegistryIsClosed(t *testing.T) {
	seen := map[event.Type]bool{}
	for _, e := range event.Registry {
		if seen[e.Type] || e.Story == "" || e.Meaning == "" || !event.Known(e.Type) {
			t.Errorf("%+v", e)
		}
		seen[e.Type] = true
	}
	if event.Known("RoomExploded") {
		t.Error("a type that is not there is known")
	}
}
