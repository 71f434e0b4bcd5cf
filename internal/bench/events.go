package bench

import (
	"fmt"
	"sync/atomic"
	"time"

	"github.com/greenroomlive/greenroom/internal/core/event"
	"github.com/greenroomlive/greenroom/internal/core/ident"
	"github.com/greenroomlive/greenroom/internal/core/view"
	"github.com/greenroomlive/greenroom/internal/flow/project"
	"github.com/greenroomlive/greenroom/internal/flow/station"
)

// applyRooms is a multiple of the largest batch, so that no batch holds a room twice: that would be
// one card to write instead of two.
const applyRooms = 40 * 256

// edits makes events as the relay would bring them: one room after the other gets a new title.
// Not safe for concurrent use.
type edits struct {
	epoch string
	cards []view.RoomCard
	seq   atomic.Int64 // of the newest event; others may ask for it
	turn  int
}

// end is the position of the newest event.
func (e *edits) end() ident.FeedSeq { return ident.FeedSeq(e.seq.Load()) }

// newEdits describes that many rooms on air; the first event of each is its creation.
func newEdits(epoch string, rooms int) *edits {
	e := &edits{epoch: epoch, cards: make([]view.RoomCard, rooms)}
	now := time.Now().UTC().Truncate(time.Millisecond)
	for i := range e.cards {
		id := ident.RoomID(7_345_120_812_338_774_016 + i*4096)
		e.cards[i] = view.RoomCard{
			ID: id, AnchorID: ident.AnchorID(i + 1), AreaID: 3, CoverURL: "https://img.example.net/covers/world-final.jpg",
			Tags: []string{"final", "english", "strategy"}, Language: "en",
			Live: view.LiveState{Status: view.Live, SessionID: ident.SessionID(id + 1), Epoch: 1, StartedAt: now},
		}
	}
	return e
}

// next makes n deliveries of the queue's.
func (e *edits) next(n int) []project.Delivery {
	list := make([]project.Delivery, n)
	now := time.Now().UTC()
	for i := range list {
		list[i] = project.Delivery{Courier: station.Queue, Event: e.event(now.Truncate(time.Millisecond)), ReceivedAt: now}
		list[i].Room = list[i].Event.RoomID
	}
	return list
}

func (e *edits) event(now time.Time) event.RoomEvent {
	card := &e.cards[e.turn%len(e.cards)]
	e.turn++
	seq := ident.FeedSeq(e.seq.Add(1))
	kind := event.RoomRenamed
	if card.Version == 0 {
		kind = event.RoomCreated
	}
	card.Version++
	card.Title = fmt.Sprintf("World final, table %d: the last map", e.turn)
	card.UpdatedAt = now
	return event.RoomEvent{
		RoomID: card.ID, Version: card.Version, PrevVersion: card.Version - 1, Epoch: e.epoch, FeedSeq: seq, Type: kind,
		Changed: []string{"title", "updated_at", "version"}, Snapshot: *card, Checksum: card.Checksum(),
		Actor: "anchor:42", Cause: "0123456789abcdef", Traceparent: "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
		OccurredAt: now, CommittedAt: now, PublishedAt: now,
	}
}
