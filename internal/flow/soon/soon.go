// Package soon keeps the planned broadcasts that begin next, for viewers.
//
// A Board is one node's list, in memory. It is made of what the events of schedules carried (project.DetailRow), in the
// order of the feed as room_c has it, so it never asks the B side. What an event carried is the whole of its room's
// reminders: none hangs on another. A board that starts, or whose room_c became another one, reads the details that are
// kept: reminders are told a day ahead at most, details are kept for seven. An event that could not be read leaves its
// room as it was, until its broadcast begins.
//
// It looks every two seconds, and when room_c is gone it goes on with what it has. Rooms that are hidden or locked are
// left out at each look. Run is its only loop; List is safe for concurrent use and waits for nothing.
package soon

import (
	"cmp"
	"context"
	"log/slog"
	"maps"
	"slices"
	"sync/atomic"
	"time"

	"github.com/greenroomlive/greenroom/internal/core/ident"
	"github.com/greenroomlive/greenroom/internal/core/view"
	"github.com/greenroomlive/greenroom/internal/flow/project"
)

const (
	// every is how often a board looks.
	every = 2 * time.Second
	// rowsAtOnce bounds what is held of the details while they are read.
	rowsAtOnce = 1000
	// cardsAtOnce is how many rooms are looked at in one query.
	cardsAtOnce = 500
)

// Store is room_c as a board reads it.
type Store interface {
	// Position names the log that room_c follows.
	Position(ctx context.Context) (project.Position, error)
	// Details returns what the feed's rows behind a position carry beside their cards, up to the feed's gapless end, in
	// order, at most limit.
	Details(ctx context.Context, after ident.FeedSeq, limit int) ([]project.DetailRow, error)
	// Cards finds rooms; absent ones are left out, the order is open.
	Cards(ctx context.Context, ids []ident.RoomID) ([]view.RoomCard, error)
}

// Board is the list.
type Board struct {
	store Store
	now   func() time.Time
	log   *slog.Logger

	// Run's own.
	epoch   string
	after   ident.FeedSeq
	rooms   map[ident.RoomID][]view.Occurrence
	failing bool

	shown atomic.Pointer[[]view.Upcoming]
}

// New makes an empty board; Run fills it.
func New(store Store, now func() time.Time, log *slog.Logger) *Board {
	return &Board{store: store, now: now, log: log, rooms: map[ident.RoomID][]view.Occurrence{}}
}

// Run looks until ctx ends, and then returns nil.
func (b *Board) Run(ctx context.Context) error {
	tick := time.NewTicker(every)
	defer tick.Stop()
	for {
		err := b.Look(ctx)
		if err != nil && !b.failing && ctx.Err() == nil { // the first of failures in a row
			b.log.Warn("soon: room_c cannot be read; the list of what begins soon stays as it is", "error", err)
		}
		b.failing = err != nil
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
	}
}

// Look takes in what was told since the last look.
func (b *Board) Look(ctx context.Context) error {
	at, err := b.store.Position(ctx)
	if err != nil {
		return err
	}
	if at.Epoch != b.epoch || at.Contiguous < b.after { // another log, or a room_c that went back
		b.epoch, b.after, b.rooms = at.Epoch, 0, map[ident.RoomID][]view.Occurrence{}
	}
	for {
		rows, err := b.store.Details(ctx, b.after, rowsAtOnce)
		if err != nil {
			return err
		}
		for i := range rows {
			b.take(&rows[i])
		}
		if len(rows) < rowsAtOnce {
			break
		}
	}
	return b.show(ctx)
}

func (b *Board) take(r *project.DetailRow) {
	b.after = r.Seq
	if r.Detail != nil && r.Detail.Schedule != nil {
		b.rooms[r.Room] = r.Detail.Schedule.Soon // in the order of the feed, which is that of the room's versions
	}
}

// show forgets what has begun, and makes the list anew without rooms that may not be on it.
func (b *Board) show(ctx context.Context) error {
	now := b.now()
	maps.DeleteFunc(b.rooms, func(_ ident.RoomID, told []view.Occurrence) bool {
		return !slices.ContainsFunc(told, func(o view.Occurrence) bool { return o.Start.After(now) })
	})
	var list []view.Upcoming
	for ids := range slices.Chunk(slices.Sorted(maps.Keys(b.rooms)), cardsAtOnce) {
		cards, err := b.store.Cards(ctx, ids)
		if err != nil {
			return err
		}
		for i := range cards {
			if !cards[i].Findable() {
				continue
			}
			for _, o := range b.rooms[cards[i].ID] {
				list = append(list, view.Upcoming{Room: cards[i].ID, Occurrence: o})
			}
		}
	}
	slices.SortFunc(list, order)
	b.shown.Store(&list)
	return nil
}

// List returns up to limit broadcasts behind one in the list's order, which need not be on it any more, and whether
// there are more. It leaves out what has begun since the last look. The zero one is before all.
func (b *Board) List(behind view.Upcoming, limit int) (page []view.Upcoming, more bool) {
	shown := b.shown.Load()
	if shown == nil {
		return nil, false
	}
	now := b.now()
	from, found := slices.BinarySearchFunc(*shown, behind, order)
	if found {
		from++
	}
	for _, each := range (*shown)[from:] {
		if !each.Start.After(now) {
			continue
		}
		if len(page) == limit {
			return page, true
		}
		page = append(page, each)
	}
	return page, false
}

// order is by when they begin. No two are equal: a room has a plan once, and a plan its broadcast.
func order(a, b view.Upcoming) int {
	return cmp.Or(a.Start.Compare(b.Start), cmp.Compare(a.Room, b.Room), cmp.Compare(a.Plan, b.Plan), cmp.Compare(a.Original, b.Original))
}
