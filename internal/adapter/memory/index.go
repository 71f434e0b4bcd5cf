package memory

import (
	"cmp"
	"context"
	"slices"
	"strings"
	"sync"
	"unicode"

	"github.com/greenroomlive/greenroom/internal/core/ident"
	"github.com/greenroomlive/greenroom/internal/core/view"
	"github.com/greenroomlive/greenroom/internal/flow/search"
)

// Index is search.Index in the plainest way: each search walks over all rooms. It knows letters and spaces only,
// no accents and no scripts without spaces.
type Index struct {
	mu    sync.Mutex
	rooms map[ident.RoomID]indexed
	turn  int
}

type indexed struct {
	view.RoomCard
	turn int
}

// NewIndex makes an empty index.
func NewIndex() *Index { return &Index{rooms: map[ident.RoomID]indexed{}} }

// Len is search.Index.
func (x *Index) Len() int {
	x.mu.Lock()
	defer x.mu.Unlock()
	return len(x.rooms)
}

// Put is search.Index.
func (x *Index) Put(cards []view.RoomCard) {
	x.mu.Lock()
	defer x.mu.Unlock()
	for _, c := range cards {
		if old, found := x.rooms[c.ID]; !found || old.turn < x.turn || old.Version <= c.Version {
			x.rooms[c.ID] = indexed{c, x.turn}
		}
	}
}

// Begin is search.Index.
func (x *Index) Begin() {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.turn++
}

// End is search.Index.
func (x *Index) End() {
	x.mu.Lock()
	defer x.mu.Unlock()
	for id, r := range x.rooms {
		if r.turn < x.turn {
			delete(x.rooms, id)
		}
	}
}

// Find is search.Index.
func (x *Index) Find(ctx context.Context, m search.Match, limit int) ([]ident.RoomID, error) {
	x.mu.Lock()
	defer x.mu.Unlock()
	scores := map[ident.RoomID]int{}
	for id, r := range x.rooms {
		if score := fit(&r.RoomCard, m); score > 0 {
			scores[id] = score
		}
	}
	out := make([]ident.RoomID, 0, len(scores))
	for id := range scores {
		out = append(out, id)
	}
	since := func(c *indexed) int64 {
		if c.OnAir() {
			return c.Live.StartedAt.UnixMilli()
		}
		return c.UpdatedAt.UnixMilli()
	}
	slices.SortFunc(out, func(i, j ident.RoomID) int {
		a, b := x.rooms[i], x.rooms[j]
		if a.OnAir() != b.OnAir() {
			return map[bool]int{true: -1, false: 1}[a.OnAir()]
		}
		return cmp.Or(cmp.Compare(scores[j], scores[i]), cmp.Compare(b.Audience.Online, a.Audience.Online), cmp.Compare(since(&b), since(&a)), cmp.Compare(i, j))
	})
	return out[:min(limit, len(out))], ctx.Err()
}

// The scores of a room, and of one word asked for in it.
const (
	misses   = iota
	begins   // the last word begins one of its words
	has      // all are words of it
	inTitle  // of its title
	theTitle // and as many as the title has
)

// fit is how well a room fits: misses to theTitle.
func fit(c *view.RoomCard, m search.Match) int {
	if !passes(c, m) {
		return misses
	}
	score, asked := theTitle, 0
	for _, t := range m.Terms {
		list := plainWords(t.Text)
		for i, w := range list {
			asked++
			score = min(score, fitWord(c, t, w, t.Prefix && i == len(list)-1))
		}
	}
	switch {
	case asked == 0:
		return misses
	case asked != len(plainWords(c.Title)):
		return min(score, inTitle)
	}
	return score
}

func passes(c *view.RoomCard, m search.Match) bool {
	return c.Findable() && (!m.Live || c.OnAir()) && (len(m.Areas) == 0 || slices.Contains(m.Areas, c.AreaID)) &&
		(m.Language == "" || strings.HasPrefix(strings.ToLower(c.Language)+"-", strings.ToLower(m.Language)+"-"))
}

// fitWord scores one word where the term looks for it; a word asked for by its field alone counts in full.
func fitWord(c *view.RoomCard, t search.Term, w string, prefix bool) int {
	begun := func(word string) bool { return prefix && strings.HasPrefix(word, w) }
	title, tags, anchor := plainWords(c.Title), plainWords(strings.Join(c.Tags, " ")), c.AnchorID.String()
	switch t.Field {
	case search.OfAnchor:
		return map[bool]int{true: theTitle}[w == anchor]
	case search.InTag:
		title, anchor = nil, ""
		if slices.Contains(tags, w) {
			return theTitle
		}
	}
	switch {
	case slices.Contains(title, w):
		return theTitle
	case slices.Contains(tags, w), w == anchor:
		return has
	case slices.ContainsFunc(title, begun), slices.ContainsFunc(tags, begun):
		return begins
	}
	return misses
}

func plainWords(text string) []string {
	return strings.FieldsFunc(strings.ToLower(text), func(r rune) bool { return !unicode.IsLetter(r) && !unicode.IsNumber(r) })
}
