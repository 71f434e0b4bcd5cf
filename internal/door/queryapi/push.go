package queryapi

import (
	"context"
	"errors"
	"log/slog"
	"math"
	"net"
	"os"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"github.com/greenroomlive/greenroom/internal/core/fault"
	"github.com/greenroomlive/greenroom/internal/flow/feed"
)

const (
	// maxFeeds is twice the crowd that a node is built for: the followers of one that stops find a place
	// at another. Each costs some 2 KB here and, at worst, its socket's buffer in the kernel.
	maxFeeds = 40_000
	// maxReplays bounds those who begin so far back that it is not in memory: each of them reads the
	// database, and holds what it read, some 300 KB, until the client took it.
	maxReplays = 256
	// closeBy is how many events from the end a replay may leave to a shard.
	closeBy = 256
)

// push sends the feed to all who follow it over HTTP.
//
// A follower that begins in the past is replayed by a goroutine of its own, which may wait for it.
// From then on it belongs to a shard: one goroutine that writes the same bytes to all of its followers
// and waits for none of them. So a follower costs no goroutine and no buffer, an event is encoded once,
// and one that is slow costs the others nothing: what does not fit into its socket is tried again a
// little later, from its cursor, and after a while without any progress it is cut. It comes back with
// its cursor and has missed nothing.
type push struct {
	hub      *feed.Hub
	log      *slog.Logger
	patience *time.Duration // until a follower that takes nothing is cut
	shards   []*shard
	next     atomic.Uint32

	feeds   atomic.Int64
	replays atomic.Int64

	mu        sync.Mutex
	stopped   bool
	replaying sync.WaitGroup
}

func newPush(c Config, patience *time.Duration) *push {
	p := &push{hub: c.Feed, log: c.Log, patience: patience}
	// A write to a socket is work of a core: more shards than cores would only take turns.
	for range runtime.GOMAXPROCS(0) {
		p.shards = append(p.shards, newShard(p))
	}
	return p
}

// run ends all feeds when ctx ends.
func (p *push) run(ctx context.Context) {
	var shards sync.WaitGroup
	for _, s := range p.shards {
		shards.Go(func() { s.run(ctx) })
	}
	<-ctx.Done()
	p.mu.Lock()
	p.stopped = true
	p.mu.Unlock()
	p.replaying.Wait()
	shards.Wait()
}

// room refuses one follower too many. Its place is counted when it is taken: some who ask in the same
// moment may get one more.
func (p *push) room(w *feed.Watcher) error {
	if p.feeds.Load() >= maxFeeds {
		return tooManyFeeds(maxFeeds)
	}
	if !w.Near() && p.replays.Load() >= maxReplays {
		return fault.Overloaded.New("%d feeds are being read from far back already", maxReplays)
	}
	return nil
}

// follow brings a follower to the feed's end, and gives it to a shard. It owns the connection.
func (p *push) follow(ctx context.Context, c net.Conn, f *follower, head []byte) {
	if !p.begin() {
		_ = c.Close()
		f.place.Leave()
		return
	}
	defer p.replaying.Done()
	p.feeds.Add(1)
	p.hub.Audience().Following.Add(1)
	if err := f.take(c); err != nil {
		p.log.Error("feed not begun", slog.String("error", err.Error()))
		_ = c.Close()
		p.left(f)
		return
	}
	switch err := p.replay(ctx, f, head); {
	case ctx.Err() != nil || errors.Is(err, errLeft):
		p.gone(f)
	case err != nil:
		p.end(f, newSender(), err)
	default:
		// Followers of one room go to all shards: the room of the day must not be one core's.
		p.shards[p.next.Add(1)%uint32(len(p.shards))].join(f)
	}
}

func (p *push) begin() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.stopped {
		p.replaying.Add(1)
	}
	return !p.stopped
}

// errLeft says that a client is gone, or was so slow that it was cut: there is nobody to tell.
var errLeft = errors.New("the client does not take its feed")

// replay writes what lies between the cursor and the end, in parts; each must be taken in time.
func (p *push) replay(ctx context.Context, f *follower, head []byte) error {
	if !f.Near() {
		p.replays.Add(1)
		defer p.replays.Add(-1)
	}
	_ = f.conn.SetWriteBuffer(socketBuffer) // it fails when the client has left; the first write finds out
	defer context.AfterFunc(ctx, func() { _ = f.conn.SetDeadline(time.Unix(1, 0)) })()
	for out := (net.Buffers{head}); len(out) > 0; {
		_ = f.conn.SetWriteDeadline(time.Now().Add(*p.patience))
		if ctx.Err() != nil {
			return ctx.Err() // the deadline may just have taken the place of the one that ends this
		}
		if _, err := out.WriteTo(f.conn); err != nil {
			if errors.Is(err, os.ErrDeadlineExceeded) {
				p.hub.Audience().Cut.Add(1)
			}
			return errLeft
		}
		if end, _ := p.hub.End(); f.Near() && end-f.Cursor() <= closeBy {
			break
		}
		frames, err := f.Until(ctx, math.MaxInt64)
		if err != nil {
			return err
		}
		for i := range frames {
			out = append(out, f.shape.frame(&frames[i]))
		}
	}
	_ = f.conn.SetDeadline(time.Time{}) // a shard never waits
	return nil
}

// end tells a client why, if that can still be written, and where it may go on.
func (p *push) end(f *follower, to *sender, err error) {
	if len(f.rest) == 0 {
		id := requestID(f.requestID)
		why := fault.Of(err)
		logFault(p.log, why, id)
		_, _ = to.send(f.raw, f.shape.fault(why.With("cursor", f.Cursor().String()).Envelope(id)))
	}
	p.gone(f)
}

// gone gives up a follower's place.
func (p *push) gone(f *follower) {
	_ = f.conn.Close()
	p.left(f)
}

func (p *push) left(f *follower) {
	f.place.Leave()
	p.feeds.Add(-1)
	p.hub.Audience().Following.Add(-1)
}
