package project

import (
	"context"
	"time"

	"github.com/greenroomlive/greenroom/internal/core/event"
	"github.com/greenroomlive/greenroom/internal/core/ident"
)

// lookAnyway is how often the log is asked although beats come and nothing is missing: whoever beats may be
// wrong about it.
const lookAnyway = 5 * time.Second

// Beats is the receiving end of the log's heartbeat.
type Beats interface {
	// Beats calls hear with each beat that arrives, until ctx ends. Beats may be lost, repeated and late.
	// hear must not block.
	Beats(ctx context.Context, hear func(event.Beat)) error
}

// Beat is relay.BeatCourier, and takes what Beats brings. It never blocks and never fails.
func (p *Projector) Beat(_ context.Context, b event.Beat) error {
	if !p.proof.Beat(b, p.clock()) {
		p.lookNow() // Run decides which log is ours
	}
	return nil
}

// Proven says how fresh the views are: they hold everything that was committed before at, and the feed went to seq
// then, or less far. Zero as long as nothing is proven.
func (p *Projector) Proven() (seq ident.FeedSeq, at time.Time) {
	c := p.proof.Proven()
	return c.Seq, c.At
}

// ProvenAt is query.Freshness.
func (p *Projector) ProvenAt() time.Time { return p.proof.Proven().At }

// Complete is query.Freshness.
func (p *Projector) Complete() bool { return p.proof.Complete() }
