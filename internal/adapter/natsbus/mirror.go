package natsbus

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/greenroomlive/greenroom/internal/core/ident"
	"github.com/greenroomlive/greenroom/internal/flow/project"
)

const (
	// compareEvery is how often a zone compares its mirror with the stream at home.
	compareEvery = 2 * time.Second
	// stuckAfter is when a mirror that does not move, behind or ahead, is made anew. Ahead it seems to be while a new
	// leader at home does not know yet what was committed before. Behind it stays when home has got another leader:
	// the server notices after ten to twenty seconds of silence, and after thirty when its question was lost.
	stuckAfter = 3 * compareEvery
)

var (
	errStrayed = errors.New("natsbus: the mirror is no copy of the stream at home")
	errStuck   = errors.New("natsbus: the mirror is behind and does not move")
	errMirror  = errors.New("natsbus: this zone has a mirror: events are published at home")
)

// A mirror copies sequence numbers, and asks the stream at home for what comes after its own last one. When the stream
// at home was wiped, or has lost its newest messages, that is a number which it will only reach again in a while: until
// then the mirror waits in silence, and afterwards it goes on behind a hole. The server does not notice (nats-server
// issue 6206). So the zone compares: the message at the mirror's end must be the one at home, told by its time, which
// is copied, too.

// place is one in a log.
type place struct {
	epoch string
	seq   ident.FeedSeq
}

// follows takes a page's entries into account, and is errStrayed when a mirror's page leaves some of the log out. A
// mirror that comes back to a stream that was wiped may be behind the hole before anybody has compared; then its newest
// message is home's, and only the page tells. Home may have lost the same: behind one place the mirror is made anew
// once, and what it then goes on with is all there is.
func (b *batch) follows(page []project.Delivery) error {
	for i := range page {
		d := &page[i]
		at := place{d.Event.Epoch, d.Event.FeedSeq}
		if d.Unreadable != nil || at.seq == 0 {
			continue
		}
		if b.home != nil && b.end.seq > 0 && at.epoch == b.end.epoch && at.seq > b.end.seq+1 && b.mended != b.end {
			b.mended = b.end
			return fmt.Errorf("mirror goes on at %s behind %s of the log: %w", at.seq, b.end.seq, errStrayed)
		}
		if at.epoch != b.end.epoch || at.seq > b.end.seq {
			b.end = at
		}
	}
	return nil
}

// ensureMirror returns the mirror, made when it is not there.
func (b *Bus) ensureMirror(ctx context.Context) (jetstream.Stream, error) {
	// The server asks for a stream that is not there yet once in ten seconds, and then less and less.
	if _, err := b.home.Stream(ctx, b.stream); errors.Is(err, jetstream.ErrStreamNotFound) {
		return nil, fmt.Errorf("natsbus: nothing was published at home yet: %w", err)
	}
	s, err := b.js.Stream(ctx, b.stream)
	if errors.Is(err, jetstream.ErrStreamNotFound) {
		return b.makeMirror(ctx, 0)
	}
	if err != nil {
		return nil, fmt.Errorf("natsbus: find mirror: %w", err)
	}
	have, want := s.CachedInfo().Config, b.mirrorConfig(0)
	if m := have.Mirror; m == nil || m.Name != b.stream || m.External == nil || m.External.APIPrefix != "$JS."+b.cfg.Home+".API" {
		return b.makeMirror(ctx, 0) // it was the home zone, or another's
	}
	if have.MaxBytes == want.MaxBytes && have.Replicas == want.Replicas {
		return s, nil
	}
	want.Mirror = have.Mirror
	if s, err = b.js.UpdateStream(ctx, want); err != nil {
		return nil, fmt.Errorf("natsbus: update mirror: %w", err)
	}
	return s, nil
}

// makeMirror makes the mirror, in place of what there is, from the number on; 0 for all that home has. Its consumer goes
// with the old one.
func (b *Bus) makeMirror(ctx context.Context, from uint64) (jetstream.Stream, error) {
	if err := b.js.DeleteStream(ctx, b.stream); err != nil && !errors.Is(err, jetstream.ErrStreamNotFound) {
		return nil, fmt.Errorf("natsbus: delete mirror: %w", err)
	}
	s, err := b.js.CreateStream(ctx, b.mirrorConfig(from))
	if err != nil {
		return nil, fmt.Errorf("natsbus: make mirror: %w", err)
	}
	return s, nil
}

func (b *Bus) mirrorConfig(from uint64) jetstream.StreamConfig {
	return jetstream.StreamConfig{
		Name:        b.stream,
		Description: "A zone's mirror of the room events. Transport, never truth.",
		Storage:     jetstream.FileStorage,
		Retention:   jetstream.LimitsPolicy,
		Discard:     jetstream.DiscardOld,
		MaxBytes:    b.cfg.MaxBytes,
		Replicas:    b.cfg.Replicas,
		Mirror:      &jetstream.StreamSource{Name: b.stream, Domain: b.cfg.Home, OptStartSeq: from},
	}
}

// comparison is how a mirror stands to the stream at home.
type comparison struct {
	last, home uint64 // newest numbers
	differs    bool   // the message at the mirror's end is another at home
}

// compare asks the mirror first: what it has by then home has as well, or has lost.
func (b *Bus) compare(ctx context.Context, mirror jetstream.Stream) (c comparison, err error) {
	here, err := mirror.Info(ctx)
	if err != nil {
		return c, fmt.Errorf("natsbus: ask the mirror: %w", err)
	}
	there, err := b.home.Stream(ctx, b.stream)
	if err != nil {
		return c, fmt.Errorf("natsbus: ask home: %w", err)
	}
	at := there.CachedInfo().State
	c.last, c.home = here.State.LastSeq, at.LastSeq
	if c.last == 0 || c.last < at.FirstSeq || c.last > c.home {
		return c, nil // the mirror is empty, or farther behind than home keeps, or home has lost what the mirror has
	}
	copied, err := mirror.GetMsg(ctx, c.last)
	if err != nil {
		return c, fmt.Errorf("natsbus: read the mirror's newest message: %w", err)
	}
	original, err := there.GetMsg(ctx, c.last)
	if err != nil {
		return c, fmt.Errorf("natsbus: read the mirror's newest message at home: %w", err)
	}
	c.differs = !copied.Time.Equal(original.Time)
	return c, nil
}

// watchMirror compares until ctx ends or the mirror has to be made anew.
func (b *Bus) watchMirror(ctx context.Context, mirror jetstream.Stream) error {
	tick := time.NewTicker(compareEvery)
	defer tick.Stop()
	var w watched
	for now := time.Now(); ; {
		c, err := b.compare(ctx, mirror)
		if err != nil {
			w = watched{} // one of them cannot be asked now: that says nothing
		} else if err = w.judge(c, now); err != nil {
			return fmt.Errorf("mirror at %d, home at %d: %w", c.last, c.home, err)
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case now = <-tick.C:
		}
	}
}

// watched is what comparisons have shown so far.
type watched struct {
	last  uint64    // where the mirror stands
	since time.Time // when it first stood there, behind or ahead
}

// judge takes the next comparison and returns why the mirror must be made anew, or nil.
func (w *watched) judge(c comparison, now time.Time) error {
	switch {
	case c.differs:
		return errStrayed
	case c.last == c.home:
		*w = watched{}
		return nil
	case c.last != w.last || w.since.IsZero():
		*w = watched{c.last, now}
	}
	switch {
	case now.Sub(w.since) < stuckAfter:
		return nil
	case c.last > c.home:
		return errStrayed
	default:
		return errStuck
	}
}
