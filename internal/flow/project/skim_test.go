package project_test

import (
	"context"
	"testing"

	"github.com/greenroomlive/greenroom/internal/core/event"
	"github.com/greenroomlive/greenroom/internal/flow/project"
	"github.com/greenroomlive/greenroom/internal/flow/station"
)

// What the second courier brings is known by its mark, and is not read; whatever is not surely known is.
func TestOnlyWhatIsNewIsRead(t *testing.T) {
	onStage(t, func(s *stage) {
		events := s.log(1, 2, 1)
		reads := 0
		bring := func(change func(*project.Delivery)) {
			list := make([]project.Delivery, len(events))
			for i, e := range events {
				list[i] = sealed(delivery(station.Queue, e))
				whole := list[i].Read
				list[i].Read = func(raw []byte) (event.RoomEvent, error) { reads++; return whole(raw) }
				change(&list[i])
			}
			reads = 0
			s.must(s.p.Apply(context.Background(), list))
		}
		asTheyAre := func(*project.Delivery) {}
		bring(asTheyAre)
		if reads != 3 || s.version(1) != 2 || s.version(2) != 1 || len(s.feed()) != 3 {
			t.Errorf("%d of 3 new ones were read; room 1 is at version %d, the feed has %d lines", reads, s.version(1), len(s.feed()))
		}
		duplicates := s.counted("duplicate")
		bring(asTheyAre)
		if reads != 0 || s.counted("duplicate") != duplicates+3 {
			t.Errorf("%d of 3 known ones were read, %d counted", reads, s.counted("duplicate")-duplicates)
		}
		for what, change := range map[string]func(*project.Delivery){
			"of another log":    func(d *project.Delivery) { d.Event.Epoch = "e0" },
			"without a place":   func(d *project.Delivery) { d.Event.FeedSeq = 0 },
			"beyond the feed":   func(d *project.Delivery) { d.Event.FeedSeq += 100 },
			"of a newer change": func(d *project.Delivery) { d.Event.Version += 100 },
			"of a strange room": func(d *project.Delivery) { d.Event.RoomID += 100 },
		} {
			if bring(change); reads != 3 {
				t.Errorf("%s: %d of 3 were read", what, reads)
			}
		}
	})
}
