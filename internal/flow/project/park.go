package project

import (
	"context"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/greenroomlive/greenroom/internal/core/event"
	"github.com/greenroomlive/greenroom/internal/core/fault"
	"github.com/greenroomlive/greenroom/internal/core/ident"
	"github.com/greenroomlive/greenroom/internal/core/view"
	"github.com/greenroomlive/greenroom/internal/flow/station"
)

const (
	// maxParked bounds how many parked rooms are remembered at a start; the rest is found by redrive.
	maxParked     = 10_000
	firstHealWait = 100 * time.Millisecond
	lastHealWait  = 30 * time.Second
	maxRawParked  = 64 << 10
)

// parkedRoom is a room whose events are not applied until it is healed by state transfer.
type parkedRoom struct {
	wait time.Duration
	next time.Time
	// passed is the newest version that was not applied because the room is parked.
	passed ident.Version
}

// held tells readers which rooms are parked; they ask with every answer, so nothing held costs them
// one load.
type held struct {
	n     atomic.Int64
	mu    sync.RWMutex
	since map[ident.RoomID]time.Time
}

// Held is query.Freshness.
func (p *Projector) Held(id ident.RoomID) (since time.Time, parked bool) {
	h := &p.held
	if h.n.Load() == 0 {
		return time.Time{}, false
	}
	h.mu.RLock()
	defer h.mu.RUnlock()
	since, parked = h.since[id]
	return since, parked
}

func (h *held) hold(id ident.RoomID, since time.Time) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if _, already := h.since[id]; !already {
		h.since[id] = since
	}
	h.n.Store(int64(len(h.since)))
}

func (h *held) free(ids ...ident.RoomID) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, id := range ids {
		delete(h.since, id)
	}
	h.n.Store(int64(len(h.since)))
}

// park writes a dead letter and holds its room; all others flow on. p.mu is held.
func (p *Projector) park(ctx context.Context, d Delivery, why error) error {
	e := &d.Event
	raw := d.Raw
	if len(raw) > maxRawParked {
		raw = raw[:maxRawParked]
	}
	p.held.hold(d.Room, p.ProvenAt()) // before the feed moves on: what is proven then is not true of this room
	now := p.clock()
	b := Batch{Park: []Parked{{
		Room: d.Room, Version: e.Version, Seq: e.FeedSeq, Type: e.Type, Courier: d.Courier,
		Reason: why.Error(), Raw: raw, ParkedAt: now,
	}}}
	var pl plan
	switch {
	case d.Unreadable == nil:
		p.placeFeed(&pl, e) // what cannot be stored is the card; the feed's readers can have the event
	case d.Courier == station.CatchUp && e.FeedSeq > p.at.Contiguous:
		// The log's own copy: no better one will come.
		pl.batch.Feed = []FeedRow{markOf(d.Room, e, p.at.Epoch, why, now)}
	}
	b.Feed = pl.batch.Feed
	if err := p.write(ctx, b); err != nil {
		if p.parked[d.Room] == nil {
			p.held.free(d.Room) // the event comes again
		}
		return err
	}
	p.count("parked", 1)
	p.logger.Error("project: an event cannot be applied, its room is parked until it is healed from the committed state",
		"room", d.Room, "version", e.Version, "type", e.Type, "courier", d.Courier, "reason", why)
	if p.parked[d.Room] == nil {
		p.parked[d.Room] = &parkedRoom{}
	}
	p.lookNow()
	return nil
}

// markOf takes the place in the feed of an event that the log itself cannot give back.
func markOf(id ident.RoomID, e *event.RoomEvent, epoch string, why error, now time.Time) FeedRow {
	mark := event.RoomEvent{RoomID: id, Version: e.Version, Epoch: epoch, FeedSeq: e.FeedSeq, Type: event.EventUnreadable,
		Snapshot: view.RoomCard{ID: id, Version: e.Version}, Reason: why.Error(), OccurredAt: now}
	row := rowOf(&mark)
	row.Unread = true
	return row
}

// healDue tries state transfer for every parked room whose time has come.
func (p *Projector) healDue(ctx context.Context) error {
	now := p.clock()
	var due []ident.RoomID
	p.mu.Lock()
	for id, r := range p.parked {
		if !now.Before(r.next) {
			due = append(due, id)
		}
	}
	p.mu.Unlock()
	slices.Sort(due)
	for _, id := range due {
		if err := p.heal(ctx, id, string(station.StateTransfer)); err != nil {
			p.postpone(ctx, id, err)
		}
	}
	return nil
}

// heal makes a parked room right from B's committed state, and lets it flow again.
func (p *Projector) heal(ctx context.Context, id ident.RoomID, by string) error {
	if id == ident.AreaTree {
		if err := p.fillAreas(ctx); err != nil {
			return err
		}
		return p.release(ctx, id, by, 0)
	}
	card, found, err := p.source.Snapshot(ctx, id)
	if err != nil {
		return err
	}
	if !found {
		return p.release(ctx, id, by, 0) // the dead letter spoke of a room that never was
	}
	if err := p.transfer(ctx, []view.RoomCard{card}, by); err != nil {
		return err
	}
	return p.release(ctx, id, "", card.Version)
}

// release lets a room's events be applied again; by, when not empty, closes its dead letters. at is the
// version that was transferred: a newer one that was passed over meanwhile calls for another transfer.
func (p *Projector) release(ctx context.Context, id ident.RoomID, by string, at ident.Version) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if r := p.parked[id]; r != nil && r.passed > at {
		r.next = p.clock().Add(firstHealWait)
		return nil
	}
	if by != "" {
		if err := p.write(ctx, Batch{Heal: []Healing{{Room: id, By: by, At: p.clock()}}}); err != nil {
			return err
		}
	}
	delete(p.parked, id)
	p.held.free(id)
	p.count("healed", 1)
	return nil
}

// postpone waits longer before the next attempt, and counts the one that failed.
func (p *Projector) postpone(ctx context.Context, id ident.RoomID, why error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if r := p.parked[id]; r != nil {
		r.wait = min(max(2*r.wait, firstHealWait), lastHealWait)
		r.next = p.clock().Add(r.wait)
	}
	p.logger.Warn("project: a parked room cannot be healed yet", "room", id, "error", why)
	if err := p.write(ctx, Batch{Heal: []Healing{{Room: id, At: p.clock()}}}); err != nil {
		p.logger.Warn("project: cannot count the attempt", "room", id, "error", err)
	}
}

// Redrive heals the room of a dead letter now, whatever its backoff, and returns the letter as it then stands.
func (p *Projector) Redrive(ctx context.Context, id int64) (Parked, error) {
	letter, err := p.letter(ctx, id)
	if err != nil || !letter.HealedAt.IsZero() {
		return letter, err
	}
	if err := p.heal(ctx, letter.Room, "redrive"); err != nil {
		return letter, err
	}
	return p.letter(ctx, id)
}

func (p *Projector) letter(ctx context.Context, id int64) (Parked, error) {
	list, err := p.views.Parked(ctx, ParkedQuery{ID: id, Limit: 1})
	if err != nil {
		return Parked{}, err
	}
	if len(list) == 0 {
		return Parked{}, fault.ParkedNotFound.New("there is no parked event %d", id)
	}
	return list[0], nil
}
