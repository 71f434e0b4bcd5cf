package query_test

import (
	"context"
	"slices"
	"strconv"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/greenroomlive/greenroom/internal/core/fault"
	"github.com/greenroomlive/greenroom/internal/core/ident"
	"github.com/greenroomlive/greenroom/internal/core/view"
	"github.com/greenroomlive/greenroom/internal/flow/query"
)

// finals is how many rooms are on air during a world final.
const finals = 200_000

// finalsCard is a room as a platform has them: one of 40 areas, a language, and three tags, of which
// one is common, one known and one rare. The audience is as uneven as audiences are.
func finalsCard(id ident.RoomID, version ident.Version) view.RoomCard {
	n := uint64(id) * 0x9e3779b97f4a7c15 // scatters
	c := liveCard(id, version, 1_795_000_000_000+int64(version)*1000+int64(n>>44))
	c.AreaID = ident.AreaID(n>>20%40 + 1)
	c.Tags = []string{
		"common" + strconv.FormatUint(n>>30%20, 10), "known" + strconv.FormatUint(n>>35%500, 10), "rare" + strconv.FormatUint(n>>40%10_000, 10),
	}
	c.Language = []string{"en", "fr", "zh-Hans", "ja"}[n>>50%4]
	c.Audience.Online = 1 << (n >> 56 % 16)
	c.UpdatedAt = time.UnixMilli(1_795_000_000_000).UTC()
	return c
}

// finalsAreas are four main areas of ten.
func finalsAreas() (areas []view.Area) {
	for i := range ident.AreaID(40) {
		a := view.Area{ID: i + 1, Name: i.String()}
		if i%10 == 0 {
			areas = append(areas, a)
			continue
		}
		main := &areas[len(areas)-1]
		main.Children = append(main.Children, a)
	}
	return areas
}

// flip is the i-th of an endless row of changes: a room stops, then starts again.
func flip(i int, rooms ident.RoomID) view.RoomCard {
	id := ident.RoomID(uint64(i/2)*0x9e3779b97f4a7c15%uint64(rooms)) + 1
	c := finalsCard(id, ident.Version(i+2))
	if i%2 == 0 {
		c.Live = view.LiveState{}
	}
	return c
}

func finalsHouse(tb testing.TB, rooms ident.RoomID) *house {
	tb.Helper()
	h := newHouse()
	warm(tb, h)
	h.Changed(nil, finalsAreas(), false)
	for id := ident.RoomID(1); id <= rooms; id++ {
		h.Changed([]view.RoomCard{finalsCard(id, 1)}, nil, false)
	}
	return h
}

// TestCrawlsOfAWorldFinal: 200,000 rooms are on air and 2,000 start or stop each second. Crawlers that
// began at different times read a page each 10 ms: the longest goes on for 10 s. Each gets what the
// list was when it began, room by room.
func TestCrawlsOfAWorldFinal(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const perTurn = 20 // changes in 10 ms at 2,000 a second
		h, p := newHouse(), newPlatform()
		warm(t, h)
		h.Changed(nil, finalsAreas(), false)
		for _, main := range finalsAreas() {
			for _, below := range main.Children {
				p.parents[below.ID] = main.ID
			}
		}
		change := func(cards []view.RoomCard) {
			for i := range cards {
				cards[i].Tags = cards[i].Tags[cards[i].ID%3:][:1] // one is enough, and under the race detector fewer are faster
				p.rooms[cards[i].ID] = &cards[i]
			}
			h.Changed(cards, nil, false)
		}
		all := make([]view.RoomCard, finals)
		for i := range all {
			all[i] = finalsCard(ident.RoomID(i+1), 1)
		}
		change(all)
		questions := []query.LiveQuery{
			{Sort: query.ByStarted}, {Sort: query.ByOnline}, {Area: 11, Sort: query.ByOnline},
			{Tag: "common7"}, {Tag: "rare77", Sort: query.ByOnline}, {Language: "zh"}, {Area: 1, Tag: "common3", Language: "en"},
		}
		var crawlers []*crawler
		turns, crawled := 0, 0
		for ; len(questions) > 0 || len(crawlers) > 0; turns++ {
			if len(questions) > 0 {
				q := questions[0]
				q.PageSize = query.MaxPage
				crawlers, questions = append(crawlers, &crawler{query: q, want: p.list(q)}), questions[1:]
			}
			crawlers = slices.DeleteFunc(crawlers, func(c *crawler) bool {
				ended := c.turn(t, h)
				if ended {
					crawled += len(c.got)
				}
				return ended
			})
			cards := make([]view.RoomCard, perTurn)
			for i := range cards {
				cards[i] = flip(turns*perTurn+i, finals)
			}
			change(cards)
			time.Sleep(perTurn * time.Second / 2000)
		}
		if turns < finals/query.MaxPage || crawled < 2*finals {
			t.Errorf("%d rooms crawled in %d turns", crawled, turns)
		}
	})
}

// TestCrawlersInParallelWithChanges is for the race detector: readers of snapshots take no lock.
func TestCrawlersInParallelWithChanges(t *testing.T) {
	const rooms = 3000
	h := finalsHouse(t, rooms)
	var crawls sync.WaitGroup
	for _, q := range []query.LiveQuery{
		{}, {Sort: query.ByOnline}, {Area: 1}, {Language: "en", Sort: query.ByOnline}, {Area: 11, Tag: "common3"},
	} {
		crawls.Go(func() {
			for range 3 {
				next, seen := q, map[ident.RoomID]bool{}
				for next.PageToken != "" || len(seen) == 0 {
					page, err := h.Live(context.Background(), next)
					if err != nil {
						t.Error(err)
						return
					}
					for _, e := range page.Rooms {
						if seen[e.ID] {
							t.Errorf("%+v: room %s twice", q, e.ID)
						}
						seen[e.ID] = true
					}
					if next.PageToken = page.Next; page.Next == "" {
						break
					}
				}
			}
		})
	}
	done := make(chan struct{})
	go func() { crawls.Wait(); close(done) }()
	for i := 0; ; i++ {
		select {
		case <-done:
			return
		default:
			h.Changed([]view.RoomCard{flip(i, rooms)}, nil, false)
		}
	}
}

// TestAPageLooksAtSoManyRoomsOnly: 12,000 rooms have the tag, as many the language, and two have both.
func TestAPageLooksAtSoManyRoomsOnly(t *testing.T) {
	h := newHouse()
	warm(t, h)
	cards := make([]view.RoomCard, 24_000)
	for i := range cards {
		c := liveCard(ident.RoomID(i+1), 1, int64(i-20_000))
		if i%2 == 0 {
			c.Tags = []string{"chess"}
		} else {
			c.Language = "eo"
		}
		cards[i] = c
	}
	cards[0].Language, cards[2000].Language = "eo", "eo" // among the oldest: found last
	h.Changed(cards, nil, false)
	q := query.LiveQuery{Tag: "chess", Language: "eo"}
	page, err := h.Live(t.Context(), q)
	if err != nil || len(page.Rooms) != 0 || page.Next == "" {
		t.Fatalf("first page %+v, %v; want none yet, and a token", page, err)
	}
	if got := crawl(t, h, q, func() {}); !slices.Equal(got, []ident.RoomID{2001, 1}) {
		t.Errorf("crawled %v", got)
	}
}

// TestARoomOfASnapshotIsLoadedWhenItHasLeftL1: its card is the newest, not that of the snapshot.
func TestARoomOfASnapshotIsLoadedWhenItHasLeftL1(t *testing.T) {
	h := newHouse()
	warm(t, h)
	h.commit(liveCard(1, 1, 2), liveCard(2, 1, 1))
	page, err := h.Live(t.Context(), query.LiveQuery{PageSize: 1})
	if err != nil {
		t.Fatal(err)
	}
	h.commit(card(2, 2))
	h.cache.evict(2)
	page, err = h.Live(t.Context(), query.LiveQuery{PageSize: 1, PageToken: page.Next})
	if err != nil || len(page.Rooms) != 1 || page.Rooms[0].Version != 2 || page.Rooms[0].OnAir {
		t.Errorf("got %v, %v", page, err)
	}
}

// TestLiveIDsEndWhenTheirSnapshotDoes: a reader that pauses too long is told, instead of being given
// half the list for the whole.
func TestLiveIDsEndWhenTheirSnapshotDoes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := finalsHouse(t, 5000)
		parts, err := h.LiveIDs()
		if err != nil {
			t.Fatal(err)
		}
		for part, err := range parts {
			if err != nil {
				wantFault(t, err, fault.TokenExpired)
				return
			}
			if len(part) != 4096 {
				t.Errorf("%d ids in the first part", len(part))
			}
			time.Sleep(time.Minute)
		}
		t.Error("the list ended as if it was whole")
	})
}
