package query

import (
	"context"
	"sync"
	"sync/atomic"
	"time"

	"github.com/greenroomlive/greenroom/internal/core/fault"
	"github.com/greenroomlive/greenroom/internal/core/ident"
	"github.com/greenroomlive/greenroom/internal/core/view"
	"github.com/greenroomlive/greenroom/internal/guard/hotkey"
)

const (
	// DefaultHotFrom is the reads per second of one room on one node that make it hot. A node answers
	// some hundred thousand reads a second: a room with half a percent of them is a crowd.
	DefaultHotFrom = 500
	// MaxHot bounds the hot rooms of a node, and of one announcement.
	MaxHot = 64
	// hotWindow is how often the detector is asked, and so how long a crowd is unknown at most.
	hotWindow = time.Second
	// sayAgain repeats the word of a room that is still hot: for nodes that have just started, and
	// because words get lost.
	sayAgain = 10 * time.Second
	// keptFor is how long a room stays warm after the last word of it: three words may be lost.
	keptFor = 3 * sayAgain
	// maxKept bounds the rooms that are kept warm: one query loads them all.
	maxKept = MaxBatch
	// warmWithin bounds the wait for rooms that are to be warmed: whoever hangs must not keep the
	// detector from its next window. What is being loaded then goes on being loaded.
	warmWithin = hotWindow / 2
	// maxGoingOnAir bounds the anchors whose followers are expected. Beyond, the first follower pays.
	maxGoingOnAir = 256
)

// What happens to hot rooms, as Config.CountHot is told.
const (
	HotAnnounced = "announced" // to the other nodes
	HotHeard     = "heard"     // from another node
	HotWarmed    = "warmed"    // brought into L1 before anybody here asked
	HotFailed    = "failed"    // not announced or not warmed this time; it is tried again
)

// HotRoom is a room that a crowd reads from this node.
type HotRoom struct {
	ID             ident.RoomID
	ReadsPerSecond float64 // an estimate, of the last few windows
	Since          time.Time
	Entry          *Entry // nil when it is not resident
}

// hotRooms is what a node knows of hot rooms: those that it has found itself, and those it keeps warm.
type hotRooms struct {
	detector  *hotkey.Detector
	announcer Announcer
	count     func(what string, rooms int)
	found     atomic.Pointer[[]hotkey.Hot]
	said      map[ident.RoomID]time.Time // of RunHot only
	onAir     chan ident.AnchorID
	heard     chan struct{}

	mu   sync.Mutex
	kept map[ident.RoomID]time.Time // until when
}

func (h *hotRooms) init(c *Config) {
	from := c.HotFrom
	if from <= 0 {
		from = DefaultHotFrom
	}
	h.detector, h.announcer, h.count = hotkey.New(c.Now(), from, MaxHot), c.Announcer, c.CountHot
	if h.count == nil {
		h.count = func(string, int) {}
	}
	h.found.Store(&[]hotkey.Hot{})
	h.said, h.kept = map[ident.RoomID]time.Time{}, map[ident.RoomID]time.Time{}
	h.onAir, h.heard = make(chan ident.AnchorID, maxGoingOnAir), make(chan struct{}, 1)
}

// Hot are the hot rooms of this node, the most read first, at most MaxHot.
func (r *Rooms) Hot() []HotRoom {
	found := *r.hot.found.Load()
	out := make([]HotRoom, len(found))
	for i, h := range found {
		id := ident.RoomID(h.Key)
		e, _ := r.cache.Get(id)
		out[i] = HotRoom{ID: id, ReadsPerSecond: h.PerSecond, Since: h.Since, Entry: e}
	}
	return out
}

// HotFrom is the rate from which a room is hot on this node, in reads per second.
func (r *Rooms) HotFrom() float64 { return r.hot.detector.From() }

// HotKept is how many rooms this node keeps warm, its own hot ones and those of other nodes.
func (r *Rooms) HotKept() int {
	r.hot.mu.Lock()
	defer r.hot.mu.Unlock()
	return len(r.hot.kept)
}

// RunHot finds hot rooms, tells the other nodes of them, and keeps warm what is hot anywhere, until
// ctx ends. Nothing but speed depends on it.
func (r *Rooms) RunHot(ctx context.Context) error {
	h := &r.hot
	if h.announcer != nil {
		stop, err := h.announcer.Listen(r.hear)
		if err != nil {
			return fault.Internal.Wrap(err, "hot rooms of other nodes cannot be heard of")
		}
		defer stop()
	}
	h.detector.Turn(r.now()) // the first window begins here
	tick := time.NewTicker(hotWindow)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
			h.turn(r.now())
			r.keepWarm(ctx)
		case <-h.heard:
			r.keepWarm(ctx)
		case anchor := <-h.onAir:
			r.expectFollowers(ctx, anchor)
		}
	}
}

// turn ends a window of the detector.
func (h *hotRooms) turn(now time.Time) {
	found := h.detector.Turn(now)
	h.found.Store(&found)
	ids := make([]ident.RoomID, len(found))
	for i := range found {
		ids[i] = ident.RoomID(found[i].Key)
	}
	h.keep(ids, now)
	h.announce(ids, now)
}

// announce says what has not been said lately.
func (h *hotRooms) announce(ids []ident.RoomID, now time.Time) {
	for id, at := range h.said {
		if now.Sub(at) >= sayAgain {
			delete(h.said, id)
		}
	}
	var say []ident.RoomID
	for _, id := range ids {
		if _, known := h.said[id]; !known {
			say = append(say, id)
		}
	}
	if h.announcer == nil || len(say) == 0 {
		return
	}
	if err := h.announcer.Announce(say); err != nil {
		h.count(HotFailed, len(say)) // said in the next window, while they are still hot
		return
	}
	h.count(HotAnnounced, len(say))
	for _, id := range say {
		h.said[id] = now
	}
}

// hear takes in the word of another node. Whatever the word is, it costs at most maxKept rooms.
func (r *Rooms) hear(ids []ident.RoomID) {
	h := &r.hot
	h.count(HotHeard, len(ids))
	if h.keep(ids, r.now()) {
		select {
		case h.heard <- struct{}{}:
		default: // the loop knows already
		}
	}
}

// keep has rooms kept warm from now on, as many as there is place for; true when one of them was not before.
func (h *hotRooms) keep(ids []ident.RoomID, now time.Time) (fresh bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, id := range ids {
		_, known := h.kept[id]
		if !known && len(h.kept) >= maxKept {
			continue
		}
		h.kept[id] = now.Add(keptFor)
		fresh = fresh || !known
	}
	return fresh
}

// keepWarm looks every kept room up, which tells L1 that it is wanted, and loads those that are not
// resident or no longer.
func (r *Rooms) keepWarm(ctx context.Context) {
	h := &r.hot
	var absent []ident.RoomID
	now := r.now()
	h.mu.Lock()
	for id, until := range h.kept {
		if !now.Before(until) {
			delete(h.kept, id)
		} else if _, resident := r.cache.Get(id); !resident {
			absent = append(absent, id)
		}
	}
	h.mu.Unlock()
	ctx, cancel := context.WithTimeout(ctx, warmWithin)
	defer cancel()
	loaded, err := r.loadAll(ctx, absent)
	if err != nil {
		h.count(HotFailed, len(absent))
		return
	}
	h.count(HotWarmed, len(loaded))
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, id := range absent {
		if loaded[id] == nil {
			delete(h.kept, id) // there is no such room
		}
	}
}

// goOnAir takes note of the rooms that go on air with these cards. It looks at L1 as it was before
// them: a room that is on air is always there.
func (r *Rooms) goOnAir(cards []view.RoomCard) {
	for i := range cards {
		if !cards[i].OnAir() {
			continue
		}
		if e, resident := r.cache.Get(cards[i].ID); resident && e.OnAir {
			continue
		}
		select {
		case r.hot.onAir <- cards[i].AnchorID:
		default: // so many at once: a fill of the views, or a morning on which the first followers pay
		}
	}
}

// expectFollowers brings into memory what they ask for first. The room that went on air and its place
// on the live list came with the event; what other rooms the anchor has, no event can say.
func (r *Rooms) expectFollowers(ctx context.Context, anchor ident.AnchorID) {
	ctx, cancel := context.WithTimeout(ctx, warmWithin)
	defer cancel()
	if _, err := r.ByAnchor(ctx, anchor); err != nil {
		r.hot.count(HotFailed, 1) // not tried again: the first follower will
	}
}
