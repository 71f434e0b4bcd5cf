package project

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/greenroomlive/greenroom/internal/core/ident"
	"github.com/greenroomlive/greenroom/internal/core/view"
)

// Phase is where a rebuild stands.
type Phase string

// The phases, in order. Switched and Failed are ends.
const (
	NoRebuild Phase = "idle"
	Scanning  Phase = "scanning"
	Replaying Phase = "replaying"
	Verifying Phase = "verifying"
	Switched  Phase = "switched"
	Failed    Phase = "failed"
)

// Progress of a rebuild.
type Progress struct {
	Phase                   Phase
	RoomsDone, RoomsTotal   int64
	EventsDone, EventsTotal int64
	StartedAt, FinishedAt   time.Time
	Error                   string
}

type rebuildJob struct {
	mu  sync.Mutex
	now Progress
}

// Progress tells how the newest rebuild stands.
func (p *Projector) Progress() Progress {
	p.rebuild.mu.Lock()
	defer p.rebuild.mu.Unlock()
	if p.rebuild.now.Phase == "" {
		return Progress{Phase: NoRebuild}
	}
	return p.rebuild.now
}

func (p *Projector) progress(change func(*Progress)) {
	p.rebuild.mu.Lock()
	defer p.rebuild.mu.Unlock()
	g := &p.rebuild.now
	change(g)
	// What is made meanwhile is copied, too.
	g.RoomsTotal, g.EventsTotal = max(g.RoomsTotal, g.RoomsDone), max(g.EventsTotal, g.EventsDone)
}

// BeginRebuild claims the one place for a rebuild; false when one runs already.
func (p *Projector) BeginRebuild() bool {
	p.rebuild.mu.Lock()
	defer p.rebuild.mu.Unlock()
	switch p.rebuild.now.Phase {
	case Scanning, Replaying, Verifying:
		return false
	}
	p.rebuild.now = Progress{Phase: Scanning, StartedAt: p.clock()}
	return true
}

// Rebuild builds the views a second time beside the running ones, from B's committed state and
// log, proves the copy equal to B, and switches. Readers notice nothing; a failure leaves the old views.
// BeginRebuild must have said yes.
func (p *Projector) Rebuild(ctx context.Context) error {
	err := p.rebuildShadow(ctx)
	if err != nil {
		if e := p.views.Drop(context.WithoutCancel(ctx)); e != nil {
			p.logger.Warn("project: cannot drop the shadow of a failed rebuild; the next start does", "error", e)
		}
	}
	p.progress(func(g *Progress) {
		g.FinishedAt = p.clock()
		if err != nil {
			g.Phase, g.Error = Failed, err.Error()
		} else {
			g.Phase = Switched
		}
	})
	return err
}

func (p *Projector) rebuildShadow(ctx context.Context) error {
	total, err := p.source.Count(ctx)
	if err != nil {
		return err
	}
	p.progress(func(g *Progress) { g.RoomsTotal = total })
	if err := p.views.Shadow(ctx); err != nil {
		return err
	}
	if err := p.scan(ctx); err != nil {
		return err
	}
	if err := p.replay(ctx); err != nil {
		return err
	}
	p.progress(func(g *Progress) { g.Phase = Verifying })
	if err := p.verify(ctx); err != nil {
		return err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if err := p.views.Switch(ctx); err != nil {
		return err
	}
	clear(p.versions)
	p.audience.Changed(Change{Reset: true, Contiguous: p.at.Contiguous})
	return nil
}

// scan copies the committed cards. From Shadow on, Apply fills both copies, so nothing that
// changes during the scan is lost; set-if-newer keeps the newest whoever comes first.
func (p *Projector) scan(ctx context.Context) error {
	for after := ident.RoomID(0); ; {
		cards, err := p.source.Snapshots(ctx, after, page)
		if err != nil || len(cards) == 0 {
			return err
		}
		if err := p.views.WriteShadow(ctx, Batch{Cards: cards}); err != nil {
			return err
		}
		after = cards[len(cards)-1].ID
		p.progress(func(g *Progress) { g.RoomsDone += int64(len(cards)) })
	}
}

// replay copies the kept log into the shadow's feed.
func (p *Projector) replay(ctx context.Context) error {
	head, err := p.source.Head(ctx)
	if err != nil {
		return err
	}
	p.progress(func(g *Progress) { g.Phase, g.EventsTotal = Replaying, int64(head.Seq-head.Floor+1) })
	for after := head.Floor - 1; after < head.Seq; {
		events, err := p.source.Events(ctx, after, page)
		if err != nil || len(events) == 0 {
			return err
		}
		rows := make([]FeedRow, len(events))
		for i := range events {
			e := &events[i]
			rows[i] = rowOf(e)
			if why := e.Intact(); why != nil {
				rows[i] = markOf(e.RoomID, e, head.Epoch, why, p.clock())
			}
		}
		if err := p.views.WriteShadow(ctx, Batch{Feed: rows}); err != nil {
			return err
		}
		after = events[len(events)-1].FeedSeq
		p.progress(func(g *Progress) { g.EventsDone += int64(len(events)) })
	}
	return nil
}

// verify proves that no card of the shadow is older than B or differs from it at the same version.
// A card that is newer than B's page was changed while we looked: B is asked again.
func (p *Projector) verify(ctx context.Context) error {
	for after := ident.RoomID(0); ; {
		truth, err := p.source.Snapshots(ctx, after, page)
		if err != nil || len(truth) == 0 {
			return err
		}
		last := truth[len(truth)-1].ID
		copied, err := p.views.ShadowCards(ctx, after, page)
		if err != nil {
			return err
		}
		have := make(map[ident.RoomID]*view.RoomCard, len(copied))
		for i := range copied {
			have[copied[i].ID] = &copied[i]
		}
		for i := range truth {
			if err := p.agrees(ctx, &truth[i], have[truth[i].ID]); err != nil {
				return err
			}
		}
		after = last
	}
}

func (p *Projector) agrees(ctx context.Context, truth, copied *view.RoomCard) error {
	if copied != nil && copied.Version > truth.Version {
		return nil // it moved on since B's page was read, by an event that Apply checked
	}
	if copied != nil && copied.Version == truth.Version {
		if copied.Checksum() != truth.Checksum() {
			return fmt.Errorf("room %s version %s: the copy's checksum is %s, B's is %s", truth.ID, truth.Version, copied.Checksum(), truth.Checksum())
		}
		return nil
	}
	// Older or absent: its event is on the way. Bring the state now, so that the switch hides nothing.
	return p.views.WriteShadow(ctx, Batch{Cards: []view.RoomCard{*truth}})
}
