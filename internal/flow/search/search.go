package search

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"time"

	"github.com/greenroomlive/greenroom/internal/core/fault"
	"github.com/greenroomlive/greenroom/internal/core/ident"
	"github.com/greenroomlive/greenroom/internal/flow/query"
)

const (
	// findWithin bounds one search, its wait for a place included: a millisecond or two are usual with a million
	// rooms, and whoever types has typed on after a quarter of a second.
	findWithin = 250 * time.Millisecond
	// atATime bounds the searches that run together: they are the most expensive reads there are, and must leave
	// the cores to the cheap ones.
	atATime = 2
)

// Config is what Search needs. All fields are required.
type Config struct {
	Index Index
	Views Views
	Rooms Rooms
	// Complete is false while the views are being filled.
	Complete func() bool
	// Ready is true once the node serves viewers. The index is not filled before: it would take the cores from the
	// fill of L1, which viewers wait for.
	Ready  func() bool
	Logger *slog.Logger
}

// Search is the viewers' search.
type Search struct {
	Config
	news   news
	places chan struct{}
}

// New makes a search; Run fills its index.
func New(c Config) *Search {
	s := &Search{Config: c, places: make(chan struct{}, atATime)}
	s.news.init()
	return s
}

// Answer is a page of the rooms that match, the best first.
type Answer struct {
	// Rooms are the newest cards known of the rooms that matched.
	Rooms []*query.Entry
	// Next is the token of the page after this one; "" on the last.
	Next string
	// Complete is false when rooms may be missing: while the index is being filled, while changes wait that it
	// could not note, or when rooms that matched cannot be loaded now.
	Complete bool
}

// Ask answers a question. INVALID_ARGUMENT with the field that is wrong, OVERLOADED when too many search at the
// same time, DEADLINE_EXCEEDED when the search takes too long, and what query.Rooms.Branch fails with when an
// area is asked for.
func (s *Search) Ask(ctx context.Context, q Question) (Answer, error) {
	m, size, offset, err := q.read()
	if err != nil {
		return Answer{}, err
	}
	// Asked before the search: an index that has been filled meanwhile proves nothing about it.
	a := Answer{Complete: s.news.isFilled() && s.Complete()}
	if q.Area != 0 {
		branch, err := s.Rooms.Branch(ctx, q.Area)
		if err != nil {
			return Answer{}, err
		}
		m.Areas = slices.Sorted(slices.Values(branch))
	}
	end := min(offset+size, MaxDepth)
	ids, err := s.find(ctx, m, min(end+1, MaxDepth))
	if err != nil {
		return Answer{}, err
	}
	if len(ids) > end {
		a.Next = q.token(end)
	}
	ids = ids[min(offset, len(ids)):min(end, len(ids))]
	if err := s.show(ctx, ids, q.Live, &a); err != nil {
		return Answer{}, err
	}
	return a, nil
}

// find runs a search when there is a place for it.
func (s *Search) find(ctx context.Context, m Match, limit int) ([]ident.RoomID, error) {
	ctx, cancel := context.WithTimeout(ctx, findWithin)
	defer cancel()
	select {
	case s.places <- struct{}{}:
		defer func() { <-s.places }()
		if ctx.Err() != nil { // both came at once
			return nil, fault.Overloaded.New("too many searches at the same time")
		}
	case <-ctx.Done():
		return nil, fault.Overloaded.New("too many searches at the same time")
	}
	ids, err := s.Index.Find(ctx, m, limit)
	if err != nil {
		return nil, fault.DeadlineExceeded.Wrap(err, "the search took too long")
	}
	return ids, nil
}

// show puts the cards of rooms on the page. Those that are no more are left out; so are those that are not
// resident while nothing can be loaded, and then the answer says that it is incomplete.
func (s *Search) show(ctx context.Context, ids []ident.RoomID, onAir bool, a *Answer) error {
	b := query.Batch{IDs: ids}
	switch err := s.Rooms.Batch(ctx, &b); {
	case errors.Is(err, fault.StoreUnavailable), errors.Is(err, fault.NotReady):
		if !s.Rooms.Residents(&b) {
			a.Complete = false
		}
	case err != nil:
		return err
	}
	a.Rooms = make([]*query.Entry, 0, len(b.Found))
	for _, e := range b.Found {
		if e != nil && !e.Hidden && (e.OnAir || !onAir) { // it may have been hidden, or have ended, since it was found
			a.Rooms = append(a.Rooms, e)
		}
	}
	return nil
}
