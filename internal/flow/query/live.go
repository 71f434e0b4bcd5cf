package query

import (
	"context"
	"iter"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/greenroomlive/greenroom/internal/core/fault"
	"github.com/greenroomlive/greenroom/internal/core/ident"
	"github.com/greenroomlive/greenroom/internal/core/view"
)

// Bounds of a page.
const (
	DefaultPage = 50
	MaxPage     = 200
)

// warmAgain is the pause after a fill of the live list that failed.
const warmAgain = 200 * time.Millisecond

// LiveQuery asks for a page of the rooms on air.
type LiveQuery struct {
	Area ident.AreaID // 0: all
	Tag  string       // "": all
	Sort Sort
	// PageSize is 1 to MaxPage; 0 is DefaultPage.
	PageSize  int
	PageToken string
}

// LivePage is a page of one snapshot. Which rooms it lists, and in which order, is the
// snapshot's; their cards are the newest known.
type LivePage struct {
	Rooms []*Entry
	// Next is the token of the page after this one; "" on the last.
	Next string
	// Snapshot names the snapshot.
	Snapshot string
}

// liveList is the rooms on air, a projection of its own: no list is ever cut from the table of all
// rooms. shown serves; next, while there is one, is being filled and will take its place.
type liveList struct {
	mu     sync.Mutex
	shown  *board
	next   *board
	kept   snapshots
	resets chan struct{}
}

func (l *liveList) init() {
	l.kept.init()
	l.resets = make(chan struct{}, 1)
}

// apply takes in events. Before the first fill has begun there is nothing to keep current.
func (l *liveList) apply(cards []view.RoomCard, entries []*Entry) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, b := range []*board{l.shown, l.next} {
		if b == nil {
			continue
		}
		for i := range cards {
			b.apply(&cards[i], entries[i])
		}
	}
}

// reset begins the list anew. What is shown stays until the new one is filled: readers of an
// online rebuild notice nothing, and while the views are incomplete the list is NOT_READY anyway.
func (l *liveList) reset() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.next = newBoard()
}

// refill tells Run that there is a list to fill.
func (l *liveList) refill() {
	select {
	case l.resets <- struct{}{}:
	default: // one is waiting already
	}
}

// Run fills the live list and then L1, and again after every reset, until ctx ends.
func (r *Rooms) Run(ctx context.Context) error {
	for {
		err := r.Warm(ctx)
		if err == nil {
			err = r.FillL1(ctx)
		}
		if err != nil {
			select {
			case <-ctx.Done():
				return nil
			case <-time.After(warmAgain):
				continue
			}
		}
		select {
		case <-ctx.Done():
			return nil
		case <-r.live.resets:
		}
	}
}

// Warm fills the live list from the views and pins its rooms in L1. Events that come
// meanwhile are newer than what it reads, and win.
func (r *Rooms) Warm(ctx context.Context) error {
	l := &r.live
	l.mu.Lock()
	if l.next == nil {
		l.next = newBoard()
	}
	filling := l.next
	l.mu.Unlock()

	err := r.views.OnAir(ctx, func(c view.RoomCard) bool { return r.warm(filling, &c) })
	if err != nil {
		return fault.StoreUnavailable.Wrap(err, "the live list cannot be filled")
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.next == filling {
		filling.filled()
		l.shown, l.next = filling, nil
	}
	return nil // else a reset came: Run begins again
}

// warm takes in one card of a fill; false when a reset has made the fill void.
func (r *Rooms) warm(filling *board, c *view.RoomCard) bool {
	e := NewEntry(c)
	l := &r.live
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.next != filling {
		return false
	}
	filling.apply(c, e)
	// Only what the board took is pinned: a room that ended meanwhile would stay pinned for ever.
	if o := filling.rooms[c.ID]; o != nil && o.entry == e {
		r.cache.Put(e)
	}
	return true
}

// Live lists rooms on air. INVALID_ARGUMENT for a page token that is none or belongs to other
// filters, TOKEN_EXPIRED when its snapshot is gone, NOT_READY until the list has been filled.
func (r *Rooms) Live(q LiveQuery) (LivePage, error) {
	size := q.PageSize
	if size == 0 {
		size = DefaultPage
	}
	if size < 1 || size > MaxPage {
		return LivePage{}, invalid("page_size", "page_size is 1 to %d", MaxPage)
	}
	snap, from, err := r.place(q)
	if err != nil {
		return LivePage{}, err
	}
	page := LivePage{Snapshot: strconv.FormatUint(snap.id, 36), Rooms: make([]*Entry, 0, size)}
	var last row
	walk(snap.orders[q.Sort], from, func(at row) bool {
		if !q.takes(at.room) {
			return true
		}
		if len(page.Rooms) == size {
			page.Next = token{snap.id, q.fingerprint(), last.key, last.id}.String()
			return false
		}
		e := r.newest(at.id, at.room.entry.Version)
		if e == nil {
			e = at.room.entry
		}
		page.Rooms, last = append(page.Rooms, e), at
		return true
	})
	return page, nil
}

// place finds the snapshot a query reads and where in it; nil is its beginning.
func (r *Rooms) place(q LiveQuery) (*snapshot, *row, error) {
	var t token
	if q.PageToken != "" {
		var ok bool
		if t, ok = parseToken(q.PageToken); !ok {
			return nil, nil, invalid("page_token", "page_token is not one of ours")
		}
		if t.query != q.fingerprint() {
			return nil, nil, invalid("page_token", "page_token belongs to another sort, area or tag")
		}
	}
	l := &r.live
	l.mu.Lock()
	defer l.mu.Unlock()
	if q.PageToken != "" {
		snap, ok := l.kept.named(t.snapshot, r.now())
		if !ok {
			return nil, nil, fault.TokenExpired.New("the snapshot of this page_token is gone; start the crawl again")
		}
		return snap, &row{key: t.key, id: t.id}, nil
	}
	if l.shown == nil || !r.freshness.Complete() {
		return nil, nil, fault.NotReady.New("the live list is being filled")
	}
	return l.kept.of(l.shown, r.now()), nil, nil
}

// LiveIDs is the whole live set at this moment, newest broadcast first. NOT_READY as Live.
func (r *Rooms) LiveIDs() (iter.Seq[ident.RoomID], error) {
	snap, _, err := r.place(LiveQuery{})
	if err != nil {
		return nil, err
	}
	return func(yield func(ident.RoomID) bool) {
		walk(snap.orders[ByStarted], nil, func(at row) bool { return yield(at.id) })
	}, nil
}

// walk visits what comes after a place, from the beginning when after is nil.
func walk(o *order, after *row, visit func(row) bool) {
	if after == nil {
		o.Scan(visit)
		return
	}
	o.Ascend(*after, func(at row) bool { return !before(*after, at) || visit(at) })
}

func (q LiveQuery) takes(o *onAir) bool {
	return (q.Area == 0 || o.area == q.Area) && (q.Tag == "" || slices.Contains(o.tags, q.Tag))
}

func invalid(field, format string, args ...any) error {
	return fault.InvalidArgument.New(format, args...).With("field", field)
}
