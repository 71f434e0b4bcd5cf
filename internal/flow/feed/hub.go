package feed

import (
	"context"
	"sync"
	"sync/atomic"
	"time"

	"github.com/greenroomlive/greenroom/internal/core/fault"
	"github.com/greenroomlive/greenroom/internal/core/ident"
)

// Config is what a Hub needs.
type Config struct {
	Store Store
	// MaxFrames and MaxBytes bound what is in memory, whichever is met first. 0 means 65,536 frames
	// and 64 MiB: a minute at 1,000 events per second, so that a reconnecting watcher finds its place
	// in memory and a deploy of all watchers does not become a scan of the database.
	MaxFrames int
	MaxBytes  int
	// Complete is false while the feed is being filled: then a cursor beyond its end proves nothing
	// against who brings it. nil means always complete.
	Complete func() bool
	// Proven is a position and a moment: whatever was committed by then has none larger. The heartbeats
	// of the feed carry it, and a cursor beyond the end is held against it. The zero time means that nothing is
	// proven; nil, that nobody could.
	Proven func() (ident.FeedSeq, time.Time)
}

// Hub is the feed's end.
type Hub struct {
	store    Store
	complete func() bool
	proven   func() (ident.FeedSeq, time.Time)
	audience Audience

	mu sync.RWMutex
	// started: Advance or Reset has said where the end is.
	started bool
	end     ident.FeedSeq
	// resets counts the logs before this one, which began at floor: a place beyond that in one of them is none
	// here, however far this one has grown since.
	resets int
	floor  ident.FeedSeq
	recent ring
	// early holds frames behind the gapless end, until it reaches them.
	early map[ident.FeedSeq]Frame
	// moved is closed, and replaced, when the end has moved.
	moved chan struct{}
}

// New makes a hub. Watchers are NOT_READY until Advance or Reset has told it the end.
func New(c Config) *Hub {
	if c.MaxFrames <= 0 {
		c.MaxFrames = 1 << 16
	}
	if c.MaxBytes <= 0 {
		c.MaxBytes = 64 << 20
	}
	if c.Complete == nil {
		c.Complete = func() bool { return true }
	}
	return &Hub{
		store: c.Store, complete: c.Complete, proven: c.Proven,
		moved: make(chan struct{}), early: map[ident.FeedSeq]Frame{},
		recent: ring{maxFrames: c.MaxFrames, maxBytes: c.MaxBytes},
	}
}

// Advance takes in frames that were stored, in any order, and moves the feed's end to contiguous:
// every event up to there is stored. An end before the present one changes nothing: a store that was
// lost is being filled again from the same log, and watchers go on from where they are.
func (h *Hub) Advance(frames []Frame, contiguous ident.FeedSeq) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if !h.started {
		h.restart(contiguous)
	}
	for _, f := range frames {
		// What may be shown now is on its way into the ring. Of the rest, beyond the bound, the store
		// remembers for us.
		if f.Seq > h.end && (f.Seq <= contiguous || len(h.early) < h.recent.maxFrames) {
			h.early[f.Seq] = f.framed()
		}
	}
	if contiguous <= h.end {
		return
	}
	for seq := h.end + 1; seq <= contiguous && len(h.early) > 0; seq++ {
		if f, ok := h.early[seq]; ok {
			h.recent.push(f)
			delete(h.early, seq)
		}
	}
	h.move(contiguous)
}

// Reset says that the log was replaced or rebuilt and now ends at contiguous. Watchers whose
// cursor lies behind it are told CURSOR_EXPIRED, the others go on.
func (h *Hub) Reset(contiguous ident.FeedSeq) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.resets, h.floor = h.resets+1, contiguous
	h.restart(contiguous)
}

func (h *Hub) restart(end ident.FeedSeq) {
	h.started = true
	h.recent.clear()
	clear(h.early)
	h.move(end)
}

func (h *Hub) move(end ident.FeedSeq) {
	h.end = end
	close(h.moved)
	h.moved = make(chan struct{})
}

// End is the newest position that may be shown; false before it is known.
func (h *Hub) End() (ident.FeedSeq, bool) {
	h.mu.RLock()
	defer h.mu.RUnlock()
	return h.end, h.started
}

// Audience counts who follows the feed, whichever door they came through; the doors keep it.
type Audience struct {
	Following atomic.Int64
	// Cut is how many were cut because they did not take what was there for them.
	Cut atomic.Int64
}

// Audience is the hub's.
func (h *Hub) Audience() *Audience { return &h.audience }

// Moved is closed when the end has moved. Taken before a look at the feed, it misses nothing after it.
func (h *Hub) Moved() <-chan struct{} {
	h.mu.RLock()
	defer h.mu.RUnlock()
	return h.moved
}

// Proven is Config.Proven.
func (h *Hub) Proven() (seq ident.FeedSeq, at time.Time) {
	if h.proven != nil {
		seq, at = h.proven()
	}
	return seq, at
}

// Tail is a watcher of all that will happen from now on.
func (h *Hub) Tail() *Watcher {
	h.mu.RLock()
	defer h.mu.RUnlock()
	return &Watcher{hub: h, cursor: h.end, resets: h.resets}
}

// look returns the end, and from memory up to limit frames after the watcher's cursor; none when they are not
// there. void: the cursor belongs to another log.
func (h *Hub) look(w *Watcher, limit int) (end ident.FeedSeq, frames []Frame, void bool) {
	h.mu.RLock()
	defer h.mu.RUnlock()
	if h.void(w) {
		return h.end, nil, true
	}
	w.resets = h.resets
	return h.end, h.recent.after(w.cursor, limit), false
}

// void: the log went back behind what this watcher has seen, so its numbers mean other events now. Who has slept
// through more than one change of the log is not asked: only the last floor is kept. h.mu is held.
func (h *Hub) void(w *Watcher) bool {
	return w.resets != h.resets && (w.cursor > h.floor || w.resets+1 != h.resets)
}

// oldest is the first position kept, in memory or in the store.
func (h *Hub) oldest(ctx context.Context) (ident.FeedSeq, error) {
	seq, err := h.store.Oldest(ctx)
	if err != nil {
		return 0, unreadable(err)
	}
	return seq, nil
}

func unreadable(err error) error {
	return fault.StoreUnavailable.Wrap(err, "the feed cannot be read now")
}
