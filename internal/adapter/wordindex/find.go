package wordindex

import (
	"context"
	"slices"
	"strings"

	"github.com/greenroomlive/greenroom/internal/core/ident"
	"github.com/greenroomlive/greenroom/internal/flow/search"
)

// scratch is what one search marks in. Each set lies within the one before it.
type scratch struct {
	// any: the rooms that match; whole: without taking the last word as a prefix; title: with nothing but the title.
	any, whole, title bitset
	// one is where the rooms of one word are gathered.
	one bitset
}

func (x *Index) borrow() *scratch {
	s, _ := x.scratch.Get().(*scratch)
	if n := len(x.onAir); s == nil || cap(s.one) < n {
		n += n / 4 // the index grows
		s = &scratch{make(bitset, n), make(bitset, n), make(bitset, n), make(bitset, n)}
	}
	for _, b := range []*bitset{&s.any, &s.whole, &s.title, &s.one} {
		*b = (*b)[:len(x.onAir)]
	}
	return s
}

// Find is search.Index.
func (x *Index) Find(ctx context.Context, m search.Match, limit int) ([]ident.RoomID, error) {
	x.mu.RLock()
	defer x.mu.RUnlock()
	s := x.borrow()
	defer x.scratch.Put(s)
	asked, err := x.mark(ctx, s, m.Terms)
	if err != nil || asked == 0 || limit < 1 {
		return nil, err
	}
	best := ranking{limit: limit}
	if err := x.rank(ctx, s, m, asked, &best, true); err != nil {
		return nil, err
	}
	if !m.Live && len(best.rows) < limit {
		if err := x.rank(ctx, s, m, asked, &best, false); err != nil {
			return nil, err
		}
	}
	return best.ids(), nil
}

// mark finds the rooms that match every term, and returns of how many words they consist; 0 when none does.
func (x *Index) mark(ctx context.Context, s *scratch, terms []search.Term) (asked int, err error) {
	for _, t := range terms {
		list := words(t.Text)
		for i, w := range list {
			clear(s.one)
			if asked == 0 {
				fill(s.any, s.whole, s.title)
			}
			asked++
			found, err := x.markWord(ctx, s, t, w, t.Prefix && i == len(list)-1)
			if err != nil || !found {
				return 0, err
			}
		}
	}
	return asked, nil
}

func fill(sets ...bitset) {
	for _, b := range sets {
		for i := range b {
			b[i] = ^uint64(0)
		}
	}
}

// markWord narrows the sets to the rooms of one more word; false when none is left. What is gathered only
// grows, from the best way of having the word to the weakest.
func (x *Index) markWord(ctx context.Context, s *scratch, t search.Term, w word, prefix bool) (found bool, err error) {
	gather := func(prefix bool, signs ...string) {
		for _, sign := range signs {
			if !prefix {
				x.gather(s.one, sign+w.text)
			} else if err == nil {
				err = x.gatherPrefix(ctx, s.one, sign+w.text)
			}
		}
	}
	// Of a script without spaces a pair is no shorter and no longer than what is filed, and a single character
	// begins the pairs it stands in: there a prefix is as good as the whole.
	first, others, begins := "", []string{tagSign, anchorSign}, []string{"", tagSign}
	switch t.Field {
	case search.InTag:
		first, others, begins = tagSign, nil, []string{tagSign}
	case search.OfAnchor:
		first, others, begins = anchorSign, nil, nil
	}
	gather(w.unspaced, first)
	s.title.and(s.one)
	gather(w.unspaced, others...)
	s.whole.and(s.one)
	if prefix && !w.unspaced {
		gather(true, begins...)
	}
	return s.any.and(s.one), err
}

func (x *Index) gather(into bitset, word string) {
	if e := x.words[word]; e != nil {
		for _, slot := range e.slots {
			into.mark(slot)
		}
	}
}

// gatherPrefix gathers the rooms of all words that begin with prefix.
func (x *Index) gatherPrefix(ctx context.Context, into bitset, prefix string) error {
	seen := 0
	x.order.Ascend(&entry{word: prefix}, func(e *entry) bool {
		if !strings.HasPrefix(e.word, prefix) {
			return false
		}
		for _, slot := range e.slots {
			into.mark(slot)
		}
		seen++
		return seen%1024 != 0 || ctx.Err() == nil
	})
	return ctx.Err()
}

// rank goes through the rooms that match and are on air, or through those that are not.
func (x *Index) rank(ctx context.Context, s *scratch, m search.Match, asked int, best *ranking, onAir bool) error {
	for i, marked := range s.any {
		if i%4096 == 0 && ctx.Err() != nil {
			return ctx.Err()
		}
		if onAir {
			marked &= x.onAir[i]
		} else {
			marked &^= x.onAir[i]
		}
		each(i, marked, func(slot uint32) {
			r := &x.rooms[slot]
			if !r.passes(m) {
				return
			}
			best.add(row{onAir: onAir, score: s.score(slot, int(r.titled) == asked), online: r.online, at: r.at, id: r.id})
		})
	}
	return nil
}

// passes reports whether the filters let a room through.
func (r *room) passes(m search.Match) bool {
	if len(m.Areas) > 0 {
		if _, among := slices.BinarySearch(m.Areas, r.area); !among {
			return false
		}
	}
	return m.Language == "" || begins(m.Language, r.language.Value())
}

// begins reports whether a language is the one asked for or a kind of it: RFC 4647, basic filtering.
func begins(asked, language string) bool {
	n := len(asked)
	return len(language) >= n && strings.EqualFold(language[:n], asked) && (len(language) == n || language[n] == '-')
}

// score is how well the words fit, from 0: the last one only begins a word of the room; 1: all are words of it;
// 2: of its title; 3: and are as many as the title has.
func (s *scratch) score(slot uint32, entire bool) int {
	switch {
	case s.title.has(slot) && entire:
		return 3
	case s.title.has(slot):
		return 2
	case s.whole.has(slot):
		return 1
	}
	return 0
}

// row is a room in the order of an answer.
type row struct {
	onAir  bool
	score  int
	online int64
	at     int64
	id     ident.RoomID
}

// before: on air first, then by how well the words fit, then by audience, then the newest.
func (a *row) before(b *row) bool {
	switch {
	case a.onAir != b.onAir:
		return a.onAir
	case a.score != b.score:
		return a.score > b.score
	case a.online != b.online:
		return a.online > b.online
	case a.at != b.at:
		return a.at > b.at
	}
	return a.id < b.id
}

// ranking keeps the best rows: it lets twice as many come in and then cuts, so that most rooms cost one comparison
// with the worst that was kept.
type ranking struct {
	limit int
	rows  []row
	cut   bool // rows[limit-1] is the worst that was kept
}

func (k *ranking) add(r row) {
	if k.cut && !r.before(&k.rows[k.limit-1]) {
		return
	}
	if k.rows = append(k.rows, r); len(k.rows) == 2*k.limit {
		k.sort()
	}
}

func (k *ranking) sort() {
	slices.SortFunc(k.rows, func(a, b row) int {
		if a.before(&b) {
			return -1
		}
		return 1
	})
	if len(k.rows) >= k.limit {
		k.rows, k.cut = k.rows[:k.limit], true
	}
}

func (k *ranking) ids() []ident.RoomID {
	k.sort()
	out := make([]ident.RoomID, len(k.rows))
	for i := range k.rows {
		out[i] = k.rows[i].id
	}
	return out
}
