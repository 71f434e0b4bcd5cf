package query_test

import (
	"cmp"
	"context"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/greenroomlive/greenroom/internal/core/ident"
	"github.com/greenroomlive/greenroom/internal/core/view"
	"github.com/greenroomlive/greenroom/internal/flow/query"
)

// platform is the live list as the simplest program would keep it, and the areas, of which any may lie
// below a smaller one.
type platform struct {
	rooms   map[ident.RoomID]*view.RoomCard
	parents map[ident.AreaID]ident.AreaID
	version ident.Version
}

// areas is the number of areas of the small platform.
const areas = 4

func newPlatform() *platform {
	return &platform{rooms: map[ident.RoomID]*view.RoomCard{}, parents: map[ident.AreaID]ident.AreaID{}}
}

// list is what a crawl has to return: filtered by looking at each room, sorted at once.
func (p *platform) list(q query.LiveQuery) []ident.RoomID {
	var rooms []*view.RoomCard
	for _, c := range p.rooms {
		if c.OnAir() && p.fits(c, q) {
			rooms = append(rooms, c)
		}
	}
	slices.SortFunc(rooms, func(a, b *view.RoomCard) int {
		byKey := b.Live.StartedAt.Compare(a.Live.StartedAt)
		if q.Sort == query.ByOnline {
			byKey = cmp.Compare(b.Audience.Online, a.Audience.Online)
		}
		return cmp.Or(byKey, cmp.Compare(a.ID, b.ID))
	})
	ids := make([]ident.RoomID, len(rooms))
	for i, c := range rooms {
		ids[i] = c.ID
	}
	return ids
}

func (p *platform) fits(c *view.RoomCard, q query.LiveQuery) bool {
	area := c.AreaID
	for q.Area != 0 && area != 0 && area != q.Area {
		area = p.parents[area]
	}
	language := strings.ToLower(c.Language)
	return (q.Area == 0 || area == q.Area) && (q.Tag == "" || slices.Contains(c.Tags, q.Tag)) &&
		(q.Language == "" || strings.HasPrefix(language+"-", strings.ToLower(q.Language)+"-"))
}

// tree is the areas as viewers see them.
func (p *platform) tree(below ident.AreaID) (out []view.Area) {
	for id := below + 1; id <= areas; id++ {
		if p.parents[id] == below {
			out = append(out, view.Area{ID: id, Name: id.String(), Children: p.tree(id)})
		}
	}
	return out
}

// drawChange changes one of 40 rooms in any way.
func (p *platform) drawChange(t *rapid.T) view.RoomCard {
	p.version++
	c := liveCard(ident.RoomID(rapid.IntRange(1, 40).Draw(t, "room")), p.version, int64(rapid.IntRange(0, 3).Draw(t, "started")))
	c.Live.Status = rapid.SampledFrom([]view.LiveStatus{view.Idle, view.Live, view.Live, view.Interrupted}).Draw(t, "status")
	c.Audience.Online = int64(rapid.IntRange(0, 3).Draw(t, "online"))
	c.AreaID = ident.AreaID(rapid.IntRange(0, 4).Draw(t, "area"))
	c.Tags = rapid.SliceOfNDistinct(rapid.SampledFrom([]string{"a", "b", "c"}), 0, 3, rapid.ID).Draw(t, "tags")
	c.Language = rapid.SampledFrom([]string{"", "en", "en-GB", "zh-Hans-CN", "ZH", "zha"}).Draw(t, "language")
	return c
}

func drawQuery(t *rapid.T) query.LiveQuery {
	return query.LiveQuery{
		Sort:     rapid.SampledFrom([]query.Sort{query.ByStarted, query.ByOnline}).Draw(t, "sort"),
		Area:     ident.AreaID(rapid.SampledFrom([]int{0, 0, 1, 2, 4, 5}).Draw(t, "in area")),
		Tag:      rapid.SampledFrom([]string{"", "", "a", "b", "none"}).Draw(t, "tagged"),
		Language: rapid.SampledFrom([]string{"", "", "en", "EN-gb", "zh", "zh-hans"}).Draw(t, "in language"),
		PageSize: rapid.IntRange(1, 7).Draw(t, "size"),
	}
}

// filters counts those of a question.
func filters(q query.LiveQuery) (n int) {
	for _, on := range []bool{q.Area != 0, q.Tag != "", q.Language != ""} {
		if on {
			n++
		}
	}
	return n
}

// crawler is a reader in the midst of a list.
type crawler struct {
	query    query.LiveQuery
	want     []ident.RoomID
	got      []ident.RoomID
	snapshot string
}

// turn reads the next page; true after the last.
func (c *crawler) turn(t rapid.TB, h *house) (ended bool) {
	page, err := h.Live(context.Background(), c.query)
	if err != nil {
		t.Fatalf("page: %v", err)
	}
	if c.snapshot == "" {
		c.snapshot = page.Snapshot
	}
	if page.Snapshot != c.snapshot {
		t.Fatalf("the crawl moved from snapshot %s to %s", c.snapshot, page.Snapshot)
	}
	if known := filters(c.query) < 2; known && page.Total != int64(len(c.want)) || !known && page.Total >= 0 {
		t.Fatalf("total %d of %d, %d filters", page.Total, len(c.want), filters(c.query))
	}
	for _, e := range page.Rooms {
		c.got = append(c.got, e.ID)
	}
	c.query.PageToken = page.Next
	if page.Next != "" {
		return false
	}
	if !slices.Equal(c.got, c.want) {
		t.Fatalf("%+v crawled %v\nwant %v", c.query, c.got, c.want)
	}
	return true
}

// TestACrawlUnderChurnSeesItsSnapshotExactlyOnce lets crawls of all kinds begin and go on between
// changes of rooms and of the area tree.
func TestACrawlUnderChurnSeesItsSnapshotExactlyOnce(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		h, p := newHouse(), newPlatform()
		warm(t, h)
		var crawlers []*crawler
		t.Repeat(map[string]func(*rapid.T){
			"rooms change": func(t *rapid.T) {
				for range rapid.IntRange(1, 12).Draw(t, "changes") {
					c := p.drawChange(t)
					p.rooms[c.ID] = &c
					h.commit(c)
				}
			},
			"an area moves": func(t *rapid.T) {
				id := rapid.IntRange(1, areas).Draw(t, "area")
				p.parents[ident.AreaID(id)] = ident.AreaID(rapid.IntRange(0, id-1).Draw(t, "parent"))
				h.Changed(nil, p.tree(0), false)
			},
			"a crawl begins": func(t *rapid.T) {
				q := drawQuery(t)
				c := &crawler{query: q, want: p.list(q)}
				if !c.turn(t, h) {
					crawlers = append(crawlers, c)
				}
			},
			"a crawl goes on": func(t *rapid.T) {
				if len(crawlers) == 0 {
					t.Skip()
				}
				i := rapid.IntRange(0, len(crawlers)-1).Draw(t, "crawl")
				if crawlers[i].turn(t, h) {
					crawlers = slices.Delete(crawlers, i, i+1)
				}
			},
			"": func(t *rapid.T) { checkLiveIDs(t, h, p.list(query.LiveQuery{})) },
		})
		for _, c := range crawlers {
			for !c.turn(t, h) {
			}
		}
	})
}

func checkLiveIDs(t rapid.TB, h *house, want []ident.RoomID) {
	t.Helper()
	parts, err := h.LiveIDs()
	if err != nil {
		t.Fatal(err)
	}
	var got []ident.RoomID
	for part, err := range parts {
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, part...)
	}
	if !slices.Equal(got, want) {
		t.Fatalf("on air %v, want %v", got, want)
	}
}
