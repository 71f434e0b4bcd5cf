package search

import (
	"context"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/greenroomlive/greenroom/internal/core/ident"
	"github.com/greenroomlive/greenroom/internal/core/view"
)

const (
	// maxNews bounds the rooms that wait to be taken in: some ten megabytes. The index takes in a hundred times
	// as many a second as B commits; more wait only during a fill or a rebuild, which reads all rooms anyway.
	maxNews = 16_384
	// fillPage is how many rooms a fill reads at a time, between looks at what changed meanwhile.
	fillPage = 512
	// again is the pause before views that are incomplete, or cannot be read, are looked at again.
	again = 200 * time.Millisecond
	// After it has taken changes in for a while, the index rests for restFactor as long, so that it takes a thirtieth
	// of a core at most: a room that is edited ten times meanwhile is taken in once. A change after a quiet time is
	// taken in at once. maxRest bounds the rest in time, maxGathered in rooms.
	restFactor  = 31
	maxRest     = 250 * time.Millisecond
	maxGathered = maxNews / 4
)

// news is the set of rooms that changed and wait to be taken in, each with its newest card.
type news struct {
	mu    sync.Mutex
	cards map[ident.RoomID]view.RoomCard
	// missed: the index lacks changes that are not noted here, and all views must be read.
	missed bool
	// filled: all views have been read since something was missed.
	filled bool
	come   chan struct{} // holds one word that there is something
}

func (n *news) init() {
	n.cards = map[ident.RoomID]view.RoomCard{}
	n.come = make(chan struct{}, 1)
}

// note adds what changed.
func (n *news) note(cards []view.RoomCard, reset bool) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if reset {
		n.miss()
	}
	for i := range cards { // in commit order: the last is the newest
		c := &cards[i]
		if _, waits := n.cards[c.ID]; !waits && len(n.cards) == maxNews {
			n.miss()
		}
		n.cards[c.ID] = *c
	}
	select {
	case n.come <- struct{}{}:
	default: // one is there already
	}
}

// miss forgets what was noted: the views, which will be read, hold it. mu is held.
func (n *news) miss() {
	clear(n.cards)
	n.missed, n.filled = true, false
}

// take empties the set. missed stays until a fill begins.
func (n *news) take() (cards []view.RoomCard, missed bool) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.missed {
		return nil, true
	}
	cards = slices.Collect(maps.Values(n.cards))
	clear(n.cards)
	return cards, false
}

// presses reports whether there is something to do, for one who is rested or not.
func (n *news) presses(isRested bool) bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.missed || len(n.cards) >= maxGathered || isRested && len(n.cards) > 0
}

// beginFill forgets what the views hold by now.
func (n *news) beginFill() {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.miss()
	n.missed = false
}

// endFill: the index holds the views and whatever was taken, unless something was missed since the fill began.
func (n *news) endFill() {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.filled = !n.missed
}

func (n *news) isFilled() bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.filled
}

// Changed takes note of what a transaction made visible: cards in commit order, and reset when everything known
// before is void.
func (s *Search) Changed(cards []view.RoomCard, reset bool) {
	if len(cards) > 0 || reset {
		s.news.note(cards, reset)
	}
}

// Waiting is the number of rooms whose changes the index has not taken in yet.
func (s *Search) Waiting() int {
	s.news.mu.Lock()
	defer s.news.mu.Unlock()
	return len(s.news.cards)
}

// Run fills the index and follows the changes until ctx ends.
func (s *Search) Run(ctx context.Context) error {
	for ctx.Err() == nil {
		if err := s.fill(ctx); err != nil {
			s.Logger.Warn("the index of the search cannot be filled now, will try again", "error", err)
			pause(ctx)
			continue
		}
		s.follow(ctx)
	}
	return nil
}

func pause(ctx context.Context) {
	select {
	case <-ctx.Done():
	case <-time.After(again):
	}
}

// follow takes in changes until something was missed, or ctx ends.
func (s *Search) follow(ctx context.Context) {
	for ctx.Err() == nil {
		began := time.Now()
		if !s.takeIn() {
			return
		}
		s.gather(ctx, min(restFactor*time.Since(began), maxRest))
	}
}

// gather waits until there are changes to take in: a rest later, or as soon as there are many.
func (s *Search) gather(ctx context.Context, rest time.Duration) {
	rested := time.NewTimer(rest)
	defer rested.Stop()
	for isRested := false; !s.news.presses(isRested); {
		select {
		case <-ctx.Done():
			return
		case <-rested.C:
			isRested = true
		case <-s.news.come:
		}
	}
}

// takeIn takes in what waits; false when something was missed.
func (s *Search) takeIn() bool {
	cards, missed := s.news.take()
	s.Index.Put(cards)
	return !missed
}

// fill reads all views into the index, once the node is ready and they are complete; it gives up when something is missed meanwhile, for
// then it has to be begun again. Changes that come meanwhile are newer than what it reads, and win by
// their version.
func (s *Search) fill(ctx context.Context) error {
	for !s.Ready() || !s.Complete() {
		if pause(ctx); ctx.Err() != nil {
			return nil
		}
	}
	s.news.beginFill()
	s.Index.Begin()
	for before, more := ident.RoomID(0), true; more; {
		cards, err := s.Views.Newest(ctx, before, fillPage)
		if ctx.Err() != nil {
			return nil
		}
		if err != nil {
			return err
		}
		s.Index.Put(cards)
		if !s.takeIn() {
			return nil
		}
		if more = len(cards) == fillPage; more {
			before = cards[len(cards)-1].ID
		}
	}
	s.Index.End()
	s.news.endFill()
	return nil
}
