package query

import (
	"container/heap"
	"iter"
	"math"

	"github.com/tidwall/btree"

	"github.com/greenroomlive/greenroom/internal/core/ident"
)

// maxVisits bounds the rows that one page looks at: filters combined may fit few of many.
const maxVisits = 10_000

// place is where a room stands in an order.
type place struct {
	key int64
	id  ident.RoomID
}

// beginning is the place before all rooms.
func beginning() place { return place{key: math.MaxInt64, id: -1} }

// reading is one reader's view of a snapshot. It belongs to the reader: nothing in it changes.
type reading struct {
	snapshot *snapshot
	// Each room that fits is in one of these, …
	walked []*order
	// … and stands on at least one shelf of each of these.
	also  []shelfSet
	after place
	total int64 // negative: not known
}

type shelfSet map[*shelf]struct{}

// read puts a question to the snapshot, from its beginning. What is asked for is walked where it is
// rarest. The lock of the list is held.
func (s *snapshot) read(q LiveQuery) *reading {
	v := &reading{snapshot: s, after: beginning(), total: -1, also: s.asked(q)}
	rarest, fewest := 0, math.MaxInt
	for i, set := range v.also {
		n := 0
		for sh := range set {
			n += sh.rooms
		}
		if n < fewest {
			rarest, fewest = i, n
		}
	}
	// The shelves count the rooms of now, and a crowd of crawlers is given a snapshot of a little while ago.
	switch {
	case q.unfiltered():
		v.total = int64(s.rooms)
	case len(v.also) == 1 && s.at == s.board.now:
		v.total = int64(fewest)
	}
	for sh := range v.also[rarest] {
		v.walked = append(v.walked, sh.orders[q.Sort].Copy())
	}
	v.also[rarest] = v.also[len(v.also)-1]
	v.also = v.also[:len(v.also)-1]
	return v
}

// asked is the shelves a question names, a set for each filter. Without filters it is one for all rooms.
func (s *snapshot) asked(q LiveQuery) (sets []shelfSet) {
	add := func(labels ...label) {
		set := shelfSet{}
		for _, l := range labels {
			if sh := s.board.shelves[l]; sh != nil {
				set[sh] = struct{}{}
			}
		}
		sets = append(sets, set)
	}
	if q.Area != 0 {
		var labels []label
		for _, id := range s.areas.within(q.Area) {
			labels = append(labels, areaLabel(id))
		}
		add(labels...)
	}
	if q.Tag != "" {
		add(tagLabel(q.Tag))
	}
	if q.Language != "" {
		add(languageLabel(q.Language))
	}
	if len(sets) == 0 {
		add(label{})
	}
	return sets
}

// page appends rooms to ids until they fill its capacity. It returns the place to go on after, and
// whether there may be more behind it.
func (v *reading) page(ids []ident.RoomID, after place) (_ []ident.RoomID, done place, more bool) {
	// A place may have several rows, of stays at different times, of which a snapshot shows one: the
	// page stops between places.
	here, visits := after, 0
	for at := range v.walk(after) {
		if p := (place{at.key, at.id}); p != here {
			if visits >= maxVisits {
				return ids, here, true
			}
			done, here = here, p
		}
		visits++
		if !at.stay.seenAt(v.snapshot.at) || !v.fits(at.stay) {
			continue
		}
		if len(ids) == cap(ids) {
			return ids, done, true
		}
		ids = append(ids, at.id)
	}
	return ids, here, false
}

func (v *reading) fits(s *stay) bool {
	for _, set := range v.also {
		if !s.onAny(set) {
			return false
		}
	}
	return true
}

func (s *stay) onAny(set shelfSet) bool {
	for _, sh := range s.shelves {
		if _, on := set[sh]; on {
			return true
		}
	}
	return false
}

// walk merges the walked orders from a place on.
func (v *reading) walk(after place) iter.Seq[row] {
	return func(yield func(row) bool) {
		m := make(merge, 0, len(v.walked))
		for _, o := range v.walked {
			c := o.Iter()
			// No stay has the id of a room and the moment 0: this is where the next place begins.
			if c.Seek(row{after.key, after.id + 1, &stay{}}) {
				m = append(m, c)
			}
		}
		heap.Init(&m)
		for len(m) > 0 && yield(m[0].Item()) {
			if m[0].Next() {
				heap.Fix(&m, 0)
			} else {
				heap.Pop(&m)
			}
		}
	}
}

// merge is a heap of iterators by the rows they have reached.
type merge []btree.IterG[row]

func (m merge) Len() int           { return len(m) }
func (m merge) Less(i, j int) bool { return before(m[i].Item(), m[j].Item()) }
func (m merge) Swap(i, j int)      { m[i], m[j] = m[j], m[i] }
func (m *merge) Push(any)          {} // never called: all are there before the first row

func (m *merge) Pop() any {
	*m = (*m)[:len(*m)-1]
	return nil
}
