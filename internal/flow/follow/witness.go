package follow

import (
	"context"
	"log/slog"
	"time"

	"github.com/greenroomlive/greenroom/internal/core/ident"
	"github.com/greenroomlive/greenroom/internal/flow/project"
	"github.com/greenroomlive/greenroom/internal/flow/proof"
)

const (
	// witnessEvery is how often the projector's proof is left in room_c: as often as the log beats.
	witnessEvery = 250 * time.Millisecond
	// witnessWithin bounds one write of it. A later one says more.
	witnessWithin = time.Second
)

// WitnessKeeper leaves what the projector has proven in room_c, for followers that hear no beats. All fields are required.
type WitnessKeeper struct {
	Witness Witness
	// Proven is the projector's.
	Proven func() (ident.FeedSeq, time.Time)
	Logger *slog.Logger
}

// Run keeps the witness until ctx ends, and then returns nil. A proof that cannot be left is followed by the next.
func (k *WitnessKeeper) Run(ctx context.Context) error {
	tick := time.NewTicker(witnessEvery)
	defer tick.Stop()
	var left time.Time // at which the newest proof was made that room_c has
	failing := false
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
		seq, at := k.Proven()
		if !at.After(left) {
			continue
		}
		err := k.leave(ctx, proof.Claim{Seq: seq, At: at})
		if err == nil {
			left = at
		} else if !failing && ctx.Err() == nil {
			k.Logger.Warn("follow: the proof of freshness cannot be left in room_c; nodes that hear no beats age", "error", err)
		}
		failing = err != nil
	}
}

func (k *WitnessKeeper) leave(ctx context.Context, c proof.Claim) error {
	ctx, cancel := context.WithTimeout(ctx, witnessWithin)
	defer cancel()
	return k.Witness.Prove(ctx, c)
}

// Nudge is the audience of a projector whose viewers' nodes follow room_c: they are told that there is something to read.
type Nudge struct{ News News }

// Changed is project.Audience.
func (n Nudge) Changed(project.Change) { n.News.Tell() }
