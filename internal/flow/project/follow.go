package project

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/greenroomlive/greenroom/internal/core/ident"
	"github.com/greenroomlive/greenroom/internal/core/view"
	"github.com/greenroomlive/greenroom/internal/flow/proof"
	"github.com/greenroomlive/greenroom/internal/flow/station"
)

const (
	// lookEvery is how often Run looks whether something is missing. While beats come and the feed has reached
	// what they say, the log itself is not asked.
	lookEvery = 200 * time.Millisecond
	// page bounds one read of the log or of snapshots.
	page = 512
)

// At is the stored position.
func (p *Projector) At() Position {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.at
}

// Run keeps the views at the log's head until ctx ends: it fills views that are empty, brings
// what both couriers lost, heals parked rooms, and proves freshness.
func (p *Projector) Run(ctx context.Context) error {
	tick := time.NewTicker(lookEvery)
	defer tick.Stop()
	var before ident.FeedSeq // where the feed ended at the last look
	ask := true              // the log, whatever the beats say
	for {
		end, err := p.look(ctx, before, ask)
		before = end
		if err != nil && ctx.Err() == nil {
			p.logger.Warn("project: cannot follow the log, will try again", "error", err)
		}
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
			ask = false
		case <-p.behind:
			ask, before = true, p.At().Contiguous // something is known to be missing: fetch it at once
		}
	}
}

// look is one round of Run. stalled is where the feed ended a round ago: what has not moved since
// is fetched, what is moving is left to the couriers.
func (p *Projector) look(ctx context.Context, stalled ident.FeedSeq, ask bool) (ident.FeedSeq, error) {
	if err := p.settle(ctx); err != nil {
		return stalled, err
	}
	before := p.At() // the couriers move it on while the log answers
	asked := p.clock()
	if !ask && p.proof.Told(asked) && asked.Sub(p.asked) < lookAnyway {
		return before.Contiguous, p.healDue(ctx)
	}
	head, err := p.source.Head(ctx)
	if err != nil {
		return stalled, fmt.Errorf("ask the log's head: %w", err)
	}
	if head.Epoch != before.Epoch {
		return 0, p.startOver(ctx, head)
	}
	if head.Seq < before.Contiguous {
		// What the views hold of the time after the backup never happened; its versions would hide the new ones.
		p.logger.Error("project: the log ends before the views: room_b was put back from a backup, the views begin anew",
			"log", head.Seq, "views", before.Contiguous)
		p.mu.Lock()
		p.told = "" // nor may readers keep it
		p.mu.Unlock()
		return 0, p.startOver(ctx, head)
	}
	p.proof.Take(head.Epoch, proof.Claim{Seq: head.Seq + ident.FeedSeq(head.Pending), At: asked})
	p.asked = asked
	at := p.At().Contiguous
	if head.Seq > at && at == stalled {
		if err := p.catchUp(ctx, head); err != nil {
			return at, err
		}
	}
	return p.At().Contiguous, p.healDue(ctx)
}

// settle makes sure that the views are there, belong to a log and are filled.
func (p *Projector) settle(ctx context.Context) error {
	if err := p.reopen(ctx); err != nil {
		return err
	}
	if p.At().Epoch == "" {
		at, err := p.views.Position(ctx)
		if err != nil {
			return err
		}
		if at.Epoch == "" {
			head, err := p.source.Head(ctx)
			if err != nil {
				return err
			}
			return p.startOver(ctx, head)
		}
		if err := p.resume(ctx, at); err != nil {
			return err
		}
	}
	if !p.At().Complete {
		return p.fill(ctx)
	}
	p.proof.Filled()
	return nil
}

// reopen forgets what was known of views that are gone, in the same breath: a batch that came between
// would write the old position into the empty store, which would then pass for a full one.
func (p *Projector) reopen(ctx context.Context) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	lost, err := p.views.Reopen(ctx)
	if lost {
		p.logger.Warn("project: room_c is gone, beginning an empty one and filling it from the committed state")
		p.forget(Position{})
	}
	return err
}

// resume goes on from a stored position.
func (p *Projector) resume(ctx context.Context, at Position) error {
	areas, err := p.views.AreasVersion(ctx)
	if err != nil {
		return err
	}
	open, err := p.views.Parked(ctx, ParkedQuery{Open: true, Limit: maxParked})
	if err != nil {
		return err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.at, p.areas, p.told = at, areas, at.Epoch
	p.proof.Stands(at.Epoch, at.Contiguous)
	for _, d := range open {
		p.parked[d.Room] = &parkedRoom{}
		p.held.hold(d.Room, time.Time{}) // how old its card is, nobody remembers
	}
	p.audience.Changed(Change{Contiguous: at.Contiguous}) // where the feed ends, before the first event says so
	return nil
}

// forget drops everything that was known about the stored views. p.mu is held.
func (p *Projector) forget(at Position) {
	p.at, p.areas = at, 0
	clear(p.ahead)
	clear(p.versions)
	p.held.free(slices.Collect(maps.Keys(p.parked))...)
	clear(p.parked)
	p.proof.Void(at.Epoch, at.Contiguous)
}

// startOver empties the views for a log that they do not belong to, and fills them.
func (p *Projector) startOver(ctx context.Context, head Head) error {
	if err := p.empty(ctx, Position{Epoch: head.Epoch, Contiguous: head.Floor - 1}); err != nil {
		return err
	}
	return p.fill(ctx)
}

func (p *Projector) empty(ctx context.Context, at Position) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if err := p.views.Reset(ctx, at); err != nil {
		return err
	}
	p.forget(at)
	// Views that were lost take nothing back: the same log fills them again, and readers and watchers
	// go on with what they have. Only another log makes that void.
	if p.told != at.Epoch {
		p.told = at.Epoch
		p.audience.Changed(Change{Reset: true, Contiguous: at.Contiguous})
	}
	return nil
}

// fill copies the committed state, then the log; from then on a missing card proves that
// there is no such room. The couriers may bring events meanwhile.
func (p *Projector) fill(ctx context.Context) error {
	head, err := p.source.Head(ctx)
	if err != nil {
		return err
	}
	for after := ident.RoomID(0); ; {
		cards, err := p.source.Snapshots(ctx, after, page)
		if err != nil {
			return err
		}
		if len(cards) == 0 {
			break
		}
		if err := p.transfer(ctx, cards, ""); err != nil {
			return err
		}
		after = cards[len(cards)-1].ID
	}
	if err := p.fillAreas(ctx); err != nil {
		return err
	}
	if err := p.catchUp(ctx, head); err != nil {
		return err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	at := p.at
	at.Complete = true
	if err := p.write(ctx, Batch{Position: &at}); err != nil {
		return err
	}
	p.proof.Filled()
	return nil
}

func (p *Projector) fillAreas(ctx context.Context) error {
	areas, version, err := p.source.Areas(ctx)
	if err != nil {
		return err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if version <= p.areas {
		return nil
	}
	return p.write(ctx, Batch{Areas: areas, AreasVersion: version})
}

// transfer stores committed cards as they are: state transfer. heals says what closes the
// rooms' dead letters; empty for none.
func (p *Projector) transfer(ctx context.Context, cards []view.RoomCard, heals string) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	b := Batch{Cards: cards}
	if heals != "" {
		for i := range cards {
			b.Heal = append(b.Heal, Healing{Room: cards[i].ID, By: heals, At: p.clock()})
		}
	}
	return p.write(ctx, b)
}

// catchUp reads the log from the feed's end up to head.
func (p *Projector) catchUp(ctx context.Context, head Head) error {
	for {
		at := p.At().Contiguous
		if at >= head.Seq {
			return nil
		}
		events, err := p.source.Events(ctx, at, page)
		if err != nil {
			return err
		}
		if len(events) == 0 {
			return nil
		}
		if events[0].FeedSeq > at+1 {
			// The log forgot what we never had: we were away longer than it keeps. The cards come by
			// state transfer, the feed goes on where the log begins.
			return p.skipTo(ctx, events[0].FeedSeq-1)
		}
		p.count("catch-up", len(events))
		now := p.clock()
		list := make([]Delivery, len(events))
		for i := range events {
			list[i] = Delivery{Courier: station.CatchUp, Event: events[i], Room: events[i].RoomID, ReceivedAt: now}
		}
		if err := p.Apply(ctx, list); err != nil {
			return err
		}
		if p.At().Contiguous == at {
			return fmt.Errorf("the log's events after %d do not move the feed", at)
		}
	}
}

// skipTo moves the feed's end over what the log no longer keeps, and marks the views as incomplete. What the feed has
// from before goes first: with a hole behind it, it would promise to whoever begins there what nobody can give.
func (p *Projector) skipTo(ctx context.Context, seq ident.FeedSeq) error {
	defer p.lookNow()
	p.mu.Lock()
	defer p.mu.Unlock()
	for more := true; more; {
		var err error
		if more, err = p.views.ForgetFeed(ctx, p.at.Contiguous+1); err != nil {
			return err
		}
	}
	at := p.at
	at.Contiguous, at.Complete = seq, false
	p.proof.Void(p.at.Epoch, p.at.Contiguous) // the end is reached, what happened before it is not shown
	return p.write(ctx, Batch{Position: &at})
}
