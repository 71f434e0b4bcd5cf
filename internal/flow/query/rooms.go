package query

import (
	"context"
	"errors"
	"time"

	"github.com/greenroomlive/greenroom/internal/core/fault"
	"github.com/greenroomlive/greenroom/internal/core/ident"
	"github.com/greenroomlive/greenroom/internal/core/view"
)

const (
	// StaleAfter is the age from which an answer is marked stale. The projector proves freshness
	// several times a second; this many proofs missed in a row are an outage, not a hiccup.
	StaleAfter = 5 * time.Second
	// visibleWithin is how long a reader with a minimum version waits. Events take milliseconds;
	// beyond half a second something is wrong, and the reader is better served by being told.
	visibleWithin = 500 * time.Millisecond
	// MaxBatch bounds one batch: its answer is about a megabyte.
	MaxBatch = 1000
	// maxAnchorRooms bounds the list of one anchor's rooms.
	maxAnchorRooms = 200
)

// Config is what Rooms needs. The fields down to Now are required.
type Config struct {
	Cache     Cache
	Views     Views
	Freshness Freshness
	Now       func() time.Time
	// Second is L2; nil when there is none.
	Second Second
	// History is the audiences' charts; nil: none are kept.
	History History
	// CountBehind is told what came of the questions behind L1; the words are Behind's. It must not block; may be nil.
	CountBehind func(what string, n int)
	// Announcer carries word of hot rooms to and from the other nodes; nil for a node that is alone.
	Announcer Announcer
	// HotFrom is the reads per second of a room on this node from which it is hot; 0 is DefaultHotFrom.
	HotFrom float64
	// CountHot is told what happens to hot rooms (HotAnnounced and its like). It must not block; may be nil.
	CountHot func(what string, rooms int)
}

// Rooms is the viewers' reads.
type Rooms struct {
	cache     Cache
	views     Views
	freshness Freshness
	history   History
	now       func() time.Time

	fills   fills
	second  second
	waiters waiters
	counts  counts
	tree    tree
	live    liveList
	anchors anchors
	hot     hotRooms

	residence residence
}

// New makes the reads; Run brings the live list to life, RunHot watches over hot rooms.
func New(c Config) *Rooms {
	r := &Rooms{cache: c.Cache, views: c.Views, freshness: c.Freshness, history: c.History, now: c.Now}
	r.fills.init(c.Now())
	r.second.init(&c)
	r.waiters.rooms = map[ident.RoomID]*waiter{}
	r.counts.init()
	r.live.init(&r.counts)
	r.anchors.init()
	r.hot.init(&c)
	return r
}

// Lookup finds a resident room: no waiting, no allocation. Most reads end here.
func (r *Rooms) Lookup(id ident.RoomID) (*Entry, bool) {
	e, ok := r.cache.Get(id)
	if ok { // whoever asks for what is not there makes nothing hot
		r.hot.detector.Count(int64(id))
	}
	return e, ok
}

// Get finds a room, resident or not, at minVersion or newer (0: any). ROOM_NOT_FOUND,
// NOT_YET_VISIBLE when minVersion does not show up within 500 ms, NOT_READY while a missing room
// proves nothing, STORE_UNAVAILABLE when it is not resident and cannot be loaded.
func (r *Rooms) Get(ctx context.Context, id ident.RoomID, minVersion ident.Version) (*Entry, error) {
	e, err := r.get(ctx, id, minVersion)
	if err == nil {
		r.hot.detector.Count(int64(id))
	}
	return e, err
}

func (r *Rooms) get(ctx context.Context, id ident.RoomID, minVersion ident.Version) (*Entry, error) {
	e, err := r.find(ctx, id)
	if minVersion <= 0 || (err == nil && e.Version >= minVersion) {
		return e, err
	}
	if err != nil && !errors.Is(err, fault.RoomNotFound) && !errors.Is(err, fault.NotReady) {
		return nil, err
	}
	return r.await(ctx, id, minVersion)
}

// find loads what is not resident. It asks again only when an event or a reset overtook the load,
// so each round has a change of its own to blame.
func (r *Rooms) find(ctx context.Context, id ident.RoomID) (*Entry, error) {
	for {
		if e, ok := r.cache.Get(id); ok {
			return e, nil
		}
		loads, err := r.load(id)
		if err != nil {
			return nil, err
		}
		if loads == nil {
			return nil, notFound(id)
		}
		l := loads[0]
		if err := l.wait(ctx); err != nil {
			return nil, err
		}
		switch {
		case l.overtaken:
		case l.entry != nil:
			return l.entry, nil
		default:
			return nil, notFound(id)
		}
	}
}

// await waits until an event makes minVersion visible. It does not rely on what the event brought staying in L1.
func (r *Rooms) await(ctx context.Context, id ident.RoomID, minVersion ident.Version) (*Entry, error) {
	within, cancel := context.WithTimeout(ctx, visibleWithin)
	defer cancel()
	for {
		// First the ear, then the look: an event between the two is heard.
		woken, leave := r.waiters.join(id)
		if e, err := r.find(within, id); err == nil && e.Version >= minVersion {
			leave()
			return e, nil
		}
		select {
		case <-woken:
			leave()
		case <-within.Done():
			leave()
			if ctx.Err() != nil {
				return nil, gaveUp(ctx)
			}
			return nil, fault.NotYetVisible.New("room %s has not reached version %d", id, minVersion).
				With("min_version", minVersion.String())
		}
	}
}

// Changed takes in what a transaction made visible: cards in order, the area tree when it is not
// nil, and reset when everything known before is void. When it returns, readers see the cards.
func (r *Rooms) Changed(cards []view.RoomCard, areas []view.Area, reset bool) {
	entries := make([]*Entry, len(cards))
	for i := range cards {
		entries[i] = NewEntry(&cards[i])
	}
	if reset {
		r.tree.drop()
		// The fills of the live list and of L1 are made void before L1 is emptied, and begun again after.
		r.live.reset()
		r.residence.reset()
		r.second.forget()
		r.forget()
		r.anchors.forget()
		r.live.refill()
	}
	r.goOnAir(cards)
	// The list before L1: a fill that read a room before this event either meets the event on the
	// board and is refused, or has put its entry into L1 already, where the event's replaces it.
	r.live.apply(cards, r.now())
	r.residence.touch(cards)
	r.overtake(entries)
	r.offerChanged(entries)
	r.anchors.grow(cards)
	if areas != nil {
		r.tree.replace(areas)
	}
	r.waiters.wake(entries)
}

// Age is the age of one room, by a look of its own.
func (r *Rooms) Age(e *Entry) time.Duration {
	l := r.Look()
	return l.Age(e)
}

func notFound(id ident.RoomID) error {
	return fault.RoomNotFound.New("there is no room %s", id).With("room_id", id.String())
}

func gaveUp(ctx context.Context) error {
	return fault.DeadlineExceeded.Wrap(context.Cause(ctx), "the request ended before the answer was there")
}

func isNotFound(err error) bool { return errors.Is(err, fault.RoomNotFound) }
