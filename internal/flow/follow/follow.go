package follow

import (
	"context"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/greenroomlive/greenroom/internal/core/event"
	"github.com/greenroomlive/greenroom/internal/core/ident"
	"github.com/greenroomlive/greenroom/internal/flow/project"
	"github.com/greenroomlive/greenroom/internal/flow/proof"
	"github.com/greenroomlive/greenroom/internal/flow/station"
)

const (
	// lookEvery is the longest pause between two looks at a room_c that answers.
	lookEvery = 100 * time.Millisecond
	// rest is the shortest: under a load that never pauses, what is written meanwhile comes with the next look
	// instead of by a look of its own.
	rest = 2 * time.Millisecond
	// answerWithin bounds one read of room_c.
	answerWithin = 5 * time.Second
	// lastWait is the longest pause between two looks at a room_c that does not answer.
	lastWait = 2 * time.Second
	// page bounds the cards, and the feed rows, of one read.
	page = 512
	// leap is how many feed rows a follower reads to catch up: as many as the feed keeps in memory. Older ones would
	// push each other out of it, and whoever wants them reads them from room_c.
	leap = 1 << 16
)

// What Config.Count may be told, in things of that kind.
const (
	Cards  = "cards"  // told
	Rows   = "rows"   // of the feed, told
	Resets = "resets" // what was told before is void
	Fails  = "fails"  // looks without an answer
)

// Counted is every word that Config.Count may be told.
func Counted() []string { return []string{Cards, Rows, Resets, Fails} }

// Config is what a Follower is made of. Store, Audience and Logger are required.
type Config struct {
	Store    Store
	Audience project.Audience
	// News and Beats are heard while Run runs; nil for a node that hears none.
	News  News
	Beats project.Beats
	// Observer hears of events that became visible here. Their Event has the fields that say which it is and when
	// it was made, no snapshot. May be nil.
	Observer station.Observer
	// Count may be nil.
	Count  func(what string, n int)
	Logger *slog.Logger
	Clock  func() time.Time
	// Jitter in [0,1) keeps the looks of nodes apart that started together; nil for a random one.
	Jitter func() float64
}

// Follower keeps one viewer node at the state of room_c.
type Follower struct {
	Config
	proof   proof.Proof
	held    held
	drained atomic.Bool
	// log is the epoch of the log that the audience knows; "" as long as it knows none. Set by Run alone.
	log atomic.Pointer[string]
	// wentBack: the newest beat spoke of a log that ends before what was proven of it.
	wentBack atomic.Bool
	nudged   chan struct{}
	placed   chan struct{}

	at place // Run's alone
}

// New makes a follower; Run brings it to life.
func New(c Config) *Follower {
	if c.Count == nil {
		c.Count = func(string, int) {}
	}
	if c.Clock == nil {
		c.Clock = time.Now
	}
	if c.Jitter == nil {
		c.Jitter = rand.Float64
	}
	return &Follower{Config: c, nudged: make(chan struct{}, 1), placed: make(chan struct{})}
}

// Placed is closed when the follower knows where it begins. What is read from room_c before that is void, so whoever
// brings rooms into memory by itself begins here.
func (f *Follower) Placed() <-chan struct{} { return f.placed }

// Run follows room_c until ctx ends. It always returns nil: what fails is tried again.
func (f *Follower) Run(ctx context.Context) error {
	g, ctx := errgroup.WithContext(ctx)
	if f.News != nil {
		g.Go(func() error { return f.listen(ctx, "news", func() error { return f.News.Hear(ctx, f.nudge) }) })
	}
	if f.Beats != nil {
		g.Go(func() error { return f.listen(ctx, "beats", func() error { return f.Beats.Beats(ctx, f.Beat) }) })
	}
	g.Go(func() error { return f.watch(ctx) })
	return g.Wait()
}

// listen keeps an ear open. A deaf node still looks.
func (f *Follower) listen(ctx context.Context, what string, hear func() error) error {
	for ctx.Err() == nil {
		if err := hear(); err != nil && ctx.Err() == nil {
			f.Logger.Warn("follow: cannot listen, will try again", "what", what, "error", err)
		}
		pause(ctx, lastWait)
	}
	return nil
}

func (f *Follower) nudge() {
	select {
	case f.nudged <- struct{}{}:
	default: // a look is due already
	}
}

// watch looks again and again.
func (f *Follower) watch(ctx context.Context) error {
	var wait time.Duration // 0: the last look was answered
	for {
		err := f.look(ctx)
		if ctx.Err() != nil {
			return nil
		}
		if err == nil {
			if wait > 0 {
				f.Logger.Info("follow: room_c answers again")
			}
			wait = 0
			f.idle(ctx)
			continue
		}
		f.Count(Fails, 1)
		if wait == 0 {
			f.Logger.Warn("follow: room_c cannot be read; readers keep what they have, and it ages", "error", err)
		}
		// News do not shorten it: a zone full of nodes must not fall upon a database that has just come back.
		wait = min(max(2*wait, lookEvery), lastWait)
		pause(ctx, f.jittered(wait))
	}
}

// idle waits for news, or until it is time anyway.
func (f *Follower) idle(ctx context.Context) {
	pause(ctx, rest)
	tick := time.NewTimer(f.jittered(lookEvery - rest))
	defer tick.Stop()
	select {
	case <-ctx.Done():
	case <-f.nudged:
	case <-tick.C:
	}
}

// jittered is d or up to a quarter less.
func (f *Follower) jittered(d time.Duration) time.Duration {
	return d - time.Duration(f.Jitter()*float64(d/4))
}

func pause(ctx context.Context, d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
	case <-t.C:
	}
}

// Beat takes in a beat of the log. It never blocks.
func (f *Follower) Beat(b event.Beat) {
	taken := f.proof.Beat(b, f.Clock())
	log := f.log.Load()
	f.wentBack.Store(!taken && log != nil && *log == b.Epoch)
}

// Proven says how fresh this node is: it shows everything that was committed before at, and the feed went to seq
// then, or less far. Zero as long as nothing is proven.
func (f *Follower) Proven() (seq ident.FeedSeq, at time.Time) {
	c := f.proof.Proven()
	return c.Seq, c.At
}

// ProvenAt is query.Freshness.
func (f *Follower) ProvenAt() time.Time { return f.proof.Proven().At }

// Complete is query.Freshness.
func (f *Follower) Complete() bool { return f.proof.Complete() }

// Held is query.Freshness.
func (f *Follower) Held(id ident.RoomID) (since time.Time, parked bool) { return f.held.of(id) }

// Drained reports whether the operators want no readers in this zone, as room_c said last.
func (f *Follower) Drained() bool { return f.drained.Load() }

func (f *Follower) standing(ctx context.Context) (Standing, error) {
	ctx, cancel := context.WithTimeout(ctx, answerWithin)
	defer cancel()
	s, err := f.Store.Standing(ctx)
	if err != nil {
		return s, fmt.Errorf("where room_c stands: %w", err)
	}
	return s, nil
}

// since reads the next page. Rows that lie further back than a leap are passed over.
func (f *Follower) since(ctx context.Context) (Delta, error) {
	ctx, cancel := context.WithTimeout(ctx, answerWithin)
	defer cancel()
	from := f.at.mark
	from.Seq = max(from.Seq, f.at.seen-leap)
	d, err := f.Store.Since(ctx, from, page)
	if err != nil {
		return d, fmt.Errorf("what room_c wrote: %w", err)
	}
	if d.More && d.To == from {
		return d, fmt.Errorf("room_c has more after %+v, and gives none", from)
	}
	return d, nil
}
