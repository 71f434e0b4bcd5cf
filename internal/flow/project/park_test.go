package project_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/greenroomlive/greenroom/internal/core/event"
	"github.com/greenroomlive/greenroom/internal/core/fault"
	"github.com/greenroomlive/greenroom/internal/core/ident"
	"github.com/greenroomlive/greenroom/internal/flow/project"
	"github.com/greenroomlive/greenroom/internal/flow/station"
)

var errCard = errors.New("the card cannot be stored")

// refuse makes the views refuse every card of a room, as one that is too large would be.
func (s *stage) refuse(id ident.RoomID) {
	s.fail(func(b project.Batch) error {
		for _, c := range b.Cards {
			if c.ID == id {
				return errCard
			}
		}
		return nil
	})
}

// TestPoisonParksItsRoomOnly: the neighbours in its batch are applied at once, its own room when B's state has come.
func TestPoisonParksItsRoomOnly(t *testing.T) {
	unreadable := func(d *project.Delivery) {
		d.Event, d.Unreadable, d.Raw = event.RoomEvent{}, errors.New("no event"), []byte("\xffgarbage")
	}
	for name, spoil := range map[string]func(*stage, *project.Delivery){
		"unreadable":     func(_ *stage, d *project.Delivery) { unreadable(d) },
		"wrong checksum": func(_ *stage, d *project.Delivery) { d.Event.Snapshot.Title = "a lie" },
		"cannot be stored": func(s *stage, _ *project.Delivery) {
			s.refuse(2)
		},
	} {
		t.Run(name, func(t *testing.T) {
			onStage(t, func(s *stage) {
				events := s.log(1, 2, 3)
				list := make([]project.Delivery, len(events))
				for i, e := range events {
					list[i] = delivery(station.Queue, e)
				}
				spoil(s, &list[1])
				s.must(s.p.Apply(context.Background(), list))
				if s.version(1) != 1 || s.version(3) != 1 {
					t.Errorf("after the batch the neighbours are at %s and %s, want 1 and 1", s.version(1), s.version(3))
				}
				kept := s.letters(false) // it may be healed by now
				if len(kept) != 1 || kept[0].Room != 2 || kept[0].Courier != station.Queue || kept[0].Reason == "" || kept[0].ParkedAt.IsZero() {
					t.Fatalf("the dead letters are %+v", kept)
				}
				if name == "unreadable" && string(kept[0].Raw) != "\xffgarbage" {
					t.Errorf("what arrived was kept as %q", kept[0].Raw)
				}
				s.fail(nil)
				s.quiet()
				s.converged(t)
				letter := s.letters(false)[0]
				if letter.HealedBy != string(station.StateTransfer) || letter.HealedAt.IsZero() || letter.Attempts == 0 {
					t.Errorf("the dead letter is %+v", letter)
				}
				s.must(s.bring(s.log(2)...)) // the room flows again
				if s.version(2) != 2 {
					t.Errorf("the healed room is at %s, want 2", s.version(2))
				}
				if s.counted("parked") != 1 || s.counted("healed") != 1 {
					t.Errorf("counted %v", s.counts)
				}
			})
		})
	}
}

// TestStoreAwayParksNobody: what the store refuses for its own reasons comes again.
func TestStoreAwayParksNobody(t *testing.T) {
	onStage(t, func(s *stage) {
		events := s.log(1, 2)
		s.fail(func(project.Batch) error { return fault.StoreUnavailable.New("locked") })
		if err := s.bring(events...); !errors.Is(err, fault.StoreUnavailable) {
			t.Errorf("the queue was told %v, want STORE_UNAVAILABLE so that it brings the batch again", err)
		}
		s.fail(nil)
		s.must(s.bring(events...))
		if list := s.letters(false); len(list) != 0 {
			t.Errorf("dead letters: %+v", list)
		}
		s.converged(t)
	})
}

// TestHealBacksOff: a room whose card cannot be stored is tried less and less often, and its events pass
// through the feed meanwhile.
func TestHealBacksOff(t *testing.T) {
	onStage(t, func(s *stage) {
		s.refuse(2)
		for range 5 {
			s.must(s.bring(s.log(1, 2)...))
		}
		s.pass(10 * time.Second)
		letter := s.letters(true)[0]
		if letter.Attempts < 4 || letter.Attempts > 12 {
			t.Errorf("%d attempts in 10 s, want a wait that doubles from 100 ms", letter.Attempts)
		}
		if s.version(1) != 5 || s.version(2) != 0 {
			t.Errorf("the rooms are at %s and %s, want 5 and 0", s.version(1), s.version(2))
		}
		if feed := s.feed(); len(feed) != 10 {
			t.Errorf("the feed has %d lines of 10", len(feed))
		}
		for _, l := range s.feed() {
			if l.Type == event.EventUnreadable {
				t.Errorf("a card that cannot be stored took the place of event %d in the feed", l.Seq)
			}
		}
		before := letter.Attempts
		s.pass(30 * time.Second)
		if n := s.letters(true)[0].Attempts - before; n > 4 {
			t.Errorf("%d attempts in the next 30 s", n)
		}
		s.fail(nil)
		s.pass(31 * time.Second)
		s.converged(t)
	})
}

// TestCatchUpOfAnUnstorableCard: brought by the log alone, a readable event is in the feed although its card is not.
func TestCatchUpOfAnUnstorableCard(t *testing.T) {
	onStage(t, func(s *stage) {
		s.refuse(2)
		s.log(1, 2, 1)
		s.pass(5 * time.Second)
		feed := s.feed()
		if len(feed) != 3 || feed[1].Type != event.RoomCreated || s.version(1) != 2 {
			t.Errorf("the feed is %+v, room 1 at %s", feed, s.version(1))
		}
	})
}

func TestRedrive(t *testing.T) {
	onStage(t, func(s *stage) {
		s.refuse(2)
		s.must(s.bring(s.log(2)...))
		s.pass(20 * time.Second) // its backoff is long by now
		letter := s.letters(true)[0]
		if got, err := s.p.Redrive(context.Background(), letter.ID); err == nil {
			t.Errorf("a redrive of what still cannot be stored says %+v", got)
		}
		s.fail(nil)
		got, err := s.p.Redrive(context.Background(), letter.ID)
		if err != nil || got.HealedBy != "redrive" || got.HealedAt.IsZero() || s.version(2) != 1 {
			t.Errorf("redriven: %+v, %v, the room at %s", got, err, s.version(2))
		}
		again, err := s.p.Redrive(context.Background(), letter.ID)
		if err != nil || again.HealedAt != got.HealedAt {
			t.Errorf("redriven twice: %+v, %v", again, err)
		}
		if _, err := s.p.Redrive(context.Background(), 99); !errors.Is(err, fault.ParkedNotFound) {
			t.Errorf("a dead letter that is not there: %v", err)
		}
		s.must(s.bring(s.log(2)...))
		s.converged(t)
	})
}

// TestBrokenLog: an event that not even the log can give back leaves a mark, and no gap.
func TestBrokenLog(t *testing.T) {
	breaks := func(list []event.RoomEvent) []event.RoomEvent {
		for i := range list {
			if list[i].FeedSeq == 2 {
				list[i] = event.RoomEvent{RoomID: list[i].RoomID, FeedSeq: 2}
			}
		}
		return list
	}
	onStage(t, func(s *stage) {
		set(s.source, &s.source.events, breaks)
		s.log(1, 2, 1, 2) // no courier brings them
		s.pass(5 * time.Second)
		check := func(when string) {
			t.Helper()
			feed := s.feed()
			if len(feed) != 4 || feed[1].Type != event.EventUnreadable || feed[1].Seq != 2 || feed[1].Reason == "" {
				t.Errorf("%s the feed is %+v", when, feed)
			}
			if s.version(1) != 2 || s.version(2) != 2 || s.p.At().Contiguous != 4 {
				t.Errorf("%s the rooms are at %s and %s, the feed at %d", when, s.version(1), s.version(2), s.p.At().Contiguous)
			}
		}
		check("caught up,")
		if open := s.letters(true); len(open) != 0 {
			t.Errorf("the room was not healed: %+v", open)
		}
		if !s.p.BeginRebuild() {
			t.Fatal("no rebuild")
		}
		s.must(s.p.Rebuild(context.Background()))
		check("rebuilt,")
	})
}

// TestEventDuringHealing: what is passed over between B's answer and its storing is not lost to the card.
func TestEventDuringHealing(t *testing.T) {
	onStage(t, func(s *stage) {
		events := s.log(1)
		once := false
		set(s.source, &s.source.snapshot, func() {
			if !once {
				once = true
				s.must(s.bring(s.log(1)...)) // version 2 is committed and brought while version 1 is transferred
			}
		})
		bad := delivery(station.Queue, events[0])
		bad.Unreadable = errors.New("no event")
		s.must(s.p.Apply(context.Background(), []project.Delivery{bad}))
		s.quiet()
		if !once {
			t.Fatal("the room was never healed")
		}
		s.converged(t)
	})
}

// TestParkedAcrossRestart: a room that was parked is healed by the next life, too.
func TestParkedAcrossRestart(t *testing.T) {
	onStage(t, func(s *stage) {
		s.refuse(2)
		s.must(s.bring(s.log(1, 2)...))
		s.stop()
		s.fail(nil)
		s.restart()
		s.quiet()
		if open := s.letters(true); len(open) != 0 {
			t.Errorf("still parked: %+v", open)
		}
		s.converged(t)
	})
}
