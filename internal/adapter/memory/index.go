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

// fit is how well a room fits: 0 not at all, 1 if the last word begins one of its words, 2 if all are words of
// it, 3 of its title, 4 if they are as many as the title has.
func fit(c *view.RoomCard, m search.Match) int {
	passes := c.Control.State != view.Hidden && (!m.Live || c.OnAir()) && (len(m.Areas) == 0 || slices.Contains(m.Areas, c.AreaID)) &&
		(m.Language == "" || strings.HasPrefix(strings.ToLower(c.Language)+"-", strings.ToLower(m.Language)+"-"))
	title, tags, anchor := plainWords(c.Title), plainWords(strings.Join(c.Tags, " ")), c.AnchorID.String()
	score, asked := 4, 0
	for _, t := range m.Terms {
		list := plainWords(t.Text)
		for i, w := range list {
			asked++
			begun := func(has string) bool { return t.Prefix && i == len(list)-1 && strings.HasPrefix(has, w) }
			inTitle, inTags := t.Field == search.Anywhere, t.Field != search.OfAnchor
			switch {
			case t.Field == search.OfAnchor && w == anchor, inTitle && slices.Contains(title, w), t.Field == search.InTag && slices.Contains(tags, w):
			case inTags && slices.Contains(tags, w), inTitle && w == anchor:
				score = min(score, 2)
			case inTitle && slices.ContainsFunc(title, begun), inTags && slices.ContainsFunc(tags, begun):
				score = min(score, 1)
			default:
				passes = false
			}
		}
	}
	switch {
	case !passes || asked == 0:
		return 0
	case asked != len(title):
		return min(score, 3)
	}
	return score
}

func plainWords(text string) []string {
	return strings.FieldsFunc(strings.ToLower(text), func(r rune) bool { return !unicode.IsLetter(r) && !unicode.IsNumber(r) })
}
