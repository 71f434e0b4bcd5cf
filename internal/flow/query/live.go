package query

import (
	"context"
	"slices"
	"sync"
	"time"

	"github.com/greenroomlive/greenroom/internal/core/fault"
	"github.com/greenroomlive/greenroom/internal/core/view"
)

// warmAgain is the pause after a fill of the live list that failed.
const warmAgain = 200 * time.Millisecond

// liveList is the rooms on air, a projection of its own: no list is ever cut from the table of all
// rooms. shown serves; next, while there is one, is being filled and will take its place.
type liveList struct {
	mu     sync.Mutex
	shown  *board
	next   *board
	kept   snapshots
	resets chan struct{}
	counts *counts
}

func (l *liveList) init(c *counts) {
	l.counts = c
	l.kept.init()
	l.resets = make(chan struct{}, 1)
}

// apply takes in events. Before the first fill has begun there is nothing to keep current.
func (l *liveList) apply(cards []view.RoomCard, now time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	// What was counted since the event came is on the boards already, or will find its session there.
	cards = l.counts.over(cards)
	for _, b := range l.boards() {
		for i := range cards {
			b.apply(&cards[i])
		}
	}
	if l.shown != nil {
		l.kept.tidy(l.shown, len(cards), now)
	}
}

// boards are those to keep current. The lock is held.
func (l *liveList) boards() []*board {
	return slices.DeleteFunc([]*board{l.shown, l.next}, func(b *board) bool { return b == nil })
}

// reset begins the list anew. What is shown stays until the new one is filled: readers of an
// online rebuild notice nothing, and while the views are incomplete the list is NOT_READY anyway.
func (l *liveList) reset() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.next = newBoard()
}

// refill tells Run that there is a list to fill.
func (l *liveList) refill() {
	select {
	case l.resets <- struct{}{}:
	default: // one is waiting already
	}
}

// Run fills the live list and then L1, and again after every reset, until ctx ends.
func (r *Rooms) Run(ctx context.Context) error {
	for {
		select {
		case <-r.live.resets: // what begins now reads nothing older
		default:
		}
		err := r.Warm(ctx)
		if err == nil {
			err = r.FillL1(ctx)
		}
		if err != nil {
			select {
			case <-ctx.Done():
				return nil
			case <-time.After(warmAgain):
				continue
			}
		}
		select {
		case <-ctx.Done():
			return nil
		case <-r.live.resets:
		}
	}
}

// Warm fills the live list from the views and pins its rooms in L1. Events that come
// meanwhile are newer than what it reads, and win.
func (r *Rooms) Warm(ctx context.Context) error {
	l := &r.live
	l.mu.Lock()
	if l.next == nil {
		l.next = newBoard()
	}
	filling := l.next
	l.mu.Unlock()

	err := r.views.OnAir(ctx, func(c view.RoomCard) bool { return r.warm(filling, &c) })
	if err != nil {
		return fault.StoreUnavailable.Wrap(err, "the live list cannot be filled")
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.next == filling {
		filling.filled()
		l.shown, l.next = filling, nil
	}
	return nil // else a reset came: Run begins again
}

// warm takes in one card of a fill; false when a reset has made the fill void.
func (r *Rooms) warm(filling *board, c *view.RoomCard) bool {
	e := NewEntry(c)
	l := &r.live
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.next != filling {
		return false
	}
	counted := l.counts.over([]view.RoomCard{*c})
	// Only what the board took is pinned: a room that ended meanwhile would stay pinned for ever.
	if filling.apply(&counted[0]) {
		r.fills.mu.Lock()
		defer r.fills.mu.Unlock()
		r.keep(e)
	}
	return true
}
