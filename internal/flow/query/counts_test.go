package query_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/greenroomlive/greenroom/internal/core/ident"
	"github.com/greenroomlive/greenroom/internal/core/view"
	"github.com/greenroomlive/greenroom/internal/flow/query"
	"github.com/greenroomlive/greenroom/internal/wire"
)

func onAirIn(id ident.RoomID, version ident.Version, session ident.SessionID) view.RoomCard {
	c := liveCard(id, version, 1)
	c.Live.SessionID = session
	return c
}

// counted is a count at so many milliseconds.
func counted(id ident.RoomID, session ident.SessionID, online, asOf int64) view.Count {
	return view.Count{Room: id, Session: session, Online: online, Peak: online + 1, Likes: online + 2, AsOf: time.UnixMilli(asOf)}
}

// shown is what L1 has, checked against what the card with that audience would be encoded as.
func shown(t testing.TB, h *house, c view.RoomCard, audience view.Audience) {
	t.Helper()
	e, ok := h.Lookup(c.ID)
	if !ok {
		t.Fatalf("room %d is not resident", c.ID)
	}
	c.Audience = audience
	want := query.NewEntry(&c)
	if !bytes.Equal(e.JSON, want.JSON) || !bytes.Equal(e.Proto, want.Proto) || !bytes.Equal(e.ETag, want.ETag) || e.Version != want.Version {
		t.Errorf("room %d is shown as %s, want %s", c.ID, e.JSON, want.JSON)
	}
	var body struct{ Room json.RawMessage }
	if err := json.Unmarshal(e.JSON, &body); err != nil {
		t.Errorf("%s: %v", e.JSON, err)
	}
	if got, err := wire.UnmarshalAnswer(e.Proto); err != nil || got.Audience != audience {
		t.Errorf("over gRPC the audience is %+v, %v", got.Audience, err)
	}
}

func counting(online int64) view.Audience {
	return view.Audience{Online: online, Peak: online + 1, Likes: online + 2}
}

func TestACountIsLaidOverTheCard(t *testing.T) {
	h := newHouse()
	warm(t, h)
	v1, v2 := onAirIn(1, 1, 7), onAirIn(1, 2, 7)
	v2.Title = `,"audience":{}`
	ended, again := card(1, 3), onAirIn(1, 4, 8)

	h.commit(v1)
	shown(t, h, v1, view.Audience{})
	h.Counted([]view.Count{counted(1, 7, 5, 1000)})
	shown(t, h, v1, counting(5))
	h.Counted([]view.Count{counted(1, 7, 3, 999), counted(1, 6, 9, 2000)}) // older, and of a broadcast before
	shown(t, h, v1, counting(5))
	h.commit(v2) // an event keeps what the session has
	shown(t, h, v2, counting(5))
	h.commit(ended)
	shown(t, h, ended, view.Audience{})
	h.Counted([]view.Count{counted(1, 7, 6, 3000)}) // too late
	shown(t, h, ended, view.Audience{})
	h.commit(again)
	shown(t, h, again, view.Audience{})
	h.Counted([]view.Count{counted(1, 8, 2, 1)})
	shown(t, h, again, counting(2))
}

// TestACountWaitsForItsCard: it came before the event, or while the room was not in L1.
func TestACountWaitsForItsCard(t *testing.T) {
	h := newHouse()
	warm(t, h)
	h.Counted([]view.Count{counted(1, 7, 5, time.Now().UnixMilli())})
	c := onAirIn(1, 1, 7)
	h.commit(c)
	shown(t, h, c, counting(5))

	h.cache.evict(1)
	h.Counted([]view.Count{counted(1, 7, 6, time.Now().UnixMilli()+1)})
	if _, err := h.Get(t.Context(), 1, 0); err != nil {
		t.Fatal(err)
	}
	shown(t, h, c, counting(6))

	h.Changed(nil, nil, true) // a rebuild
	warm(t, h)
	shown(t, h, c, counting(6))
	if got := byOnline(t, h); len(got) != 1 || got[0] != 1 {
		t.Errorf("listed are %v", got)
	}
}

func byOnline(t testing.TB, h *house) []ident.RoomID {
	t.Helper()
	return crawlOnline(t, h, query.LiveQuery{Sort: query.ByOnline, PageSize: query.MaxPage})
}

func crawlOnline(t testing.TB, h *house, q query.LiveQuery) (ids []ident.RoomID) {
	t.Helper()
	for {
		page, err := h.Live(t.Context(), q)
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range page.Rooms {
			ids = append(ids, e.ID)
		}
		if q.PageToken = page.Next; page.Next == "" {
			return ids
		}
	}
}

// TestTheLiveListFollowsTheCounts: in any order of counts, events and crawls the list by viewers is in the order of the
// newest counts, and a crawl that has begun goes on as it began.
func TestTheLiveListFollowsTheCounts(t *testing.T) {
	const rooms = 20
	rapid.Check(t, func(rt *rapid.T) {
		h := newHouse()
		warm(t, h)
		cards, online := map[ident.RoomID]view.RoomCard{}, map[ident.SessionID]int64{}
		want := func() []ident.RoomID {
			var ids []ident.RoomID
			for id, c := range cards {
				if c.OnAir() {
					ids = append(ids, id)
				}
			}
			slices.SortFunc(ids, func(a, b ident.RoomID) int {
				if x, y := online[cards[a].Live.SessionID], online[cards[b].Live.SessionID]; x != y {
					return int(y - x)
				}
				return int(a - b)
			})
			return ids
		}
		now := int64(0)
		turns := rapid.IntRange(1, 40).Draw(rt, "turns")
		for range turns {
			id := ident.RoomID(rapid.IntRange(1, rooms).Draw(rt, "room"))
			c := cards[id]
			switch rapid.SampledFrom([]string{"start", "stop", "rename", "count", "crawl"}).Draw(rt, "what") {
			case "start":
				c = onAirIn(id, c.Version+1, ident.SessionID(int64(id)*1000+int64(c.Version)))
				cards[id] = c
				h.commit(c)
			case "stop":
				cards[id] = card(id, c.Version+1)
				h.commit(cards[id])
			case "rename":
				if c.ID != 0 {
					c.Version, c.Title = c.Version+1, fmt.Sprint(c.Version)
					cards[id] = c
					h.commit(c)
				}
			case "count":
				var told []view.Count
				for id, c := range cards {
					if c.OnAir() && rapid.Bool().Draw(rt, "told") {
						now++
						online[c.Live.SessionID] = rapid.Int64Range(0, 5).Draw(rt, "online")
						told = append(told, counted(id, c.Live.SessionID, online[c.Live.SessionID], now))
					}
				}
				h.Counted(told)
			case "crawl":
				before := want()
				q := query.LiveQuery{Sort: query.ByOnline, PageSize: 3}
				page, err := h.Live(t.Context(), q)
				if err != nil {
					rt.Fatal(err)
				}
				got := make([]ident.RoomID, 0, rooms)
				for _, e := range page.Rooms {
					got = append(got, e.ID)
				}
				for id, c := range cards { // all move under the crawl
					if c.OnAir() {
						now++
						online[c.Live.SessionID] = rapid.Int64Range(0, 5).Draw(rt, "online")
						h.Counted([]view.Count{counted(id, c.Live.SessionID, online[c.Live.SessionID], now)})
					}
				}
				if q.PageToken = page.Next; q.PageToken != "" {
					got = append(got, crawlOnline(t, h, q)...)
				}
				if !slices.Equal(got, before) {
					rt.Fatalf("the crawl found %v of %v", got, before)
				}
			}
			if got := byOnline(t, h); !slices.Equal(got, want()) {
				rt.Fatalf("listed are %v, want %v", got, want())
			}
			for id, c := range cards {
				e, _ := h.Lookup(id)
				if got, err := wire.UnmarshalAnswer(e.Proto); err != nil || got.Audience.Online != online[c.Live.SessionID] {
					rt.Fatalf("room %d shows %d viewers, want %d (%v)", id, got.Audience.Online, online[c.Live.SessionID], err)
				}
			}
		}
	})
}

// TestTheLargestStepsGoFirst: more rooms want to move than one telling may move. Those whose places are off by the most
// do, the others with the next ones, and all cards show their counts at once.
func TestTheLargestStepsGoFirst(t *testing.T) {
	const rooms = 3 * query.MaxMoves / 2
	h := newHouse()
	warm(t, h)
	var told []view.Count
	for id := ident.RoomID(1); id <= rooms; id++ {
		h.commit(onAirIn(id, 1, ident.SessionID(id)))
		told = append(told, counted(id, ident.SessionID(id), int64(id), 1))
	}
	rand.Shuffle(len(told), func(i, j int) { told[i], told[j] = told[j], told[i] })
	h.Counted(told)
	shown(t, h, onAirIn(1, 1, 1), counting(1))
	got := byOnline(t, h)
	for i, id := range got[:query.MaxMoves] {
		if id != ident.RoomID(rooms-i) {
			t.Fatalf("at place %d is room %d", i, id)
		}
	}
	if n := h.LateRooms(); n != rooms-query.MaxMoves {
		t.Errorf("%d rooms are late", n)
	}
	if got[query.MaxMoves] != 1 { // they are still in the order of no viewers
		t.Errorf("at the first place of those that wait is room %d", got[query.MaxMoves])
	}
	h.Counted(nil)
	if got = byOnline(t, h); !slices.IsSortedFunc(got, func(a, b ident.RoomID) int { return int(b - a) }) || len(got) != rooms {
		t.Errorf("after a second telling the list is not in order")
	}
}

// TestCountsOfEndedSessionsAreForgotten: what nobody shows any more does not pile up.
func TestCountsOfEndedSessionsAreForgotten(t *testing.T) {
	h := newHouse()
	warm(t, h)
	long := time.Now().Add(-time.Hour).UnixMilli()
	h.commit(onAirIn(1, 1, 1))
	h.Counted([]view.Count{counted(1, 1, 5, long)})
	for i := range 10_000 {
		h.Counted([]view.Count{counted(2, ident.SessionID(i+2), 5, long)})
	}
	if n := h.CountedSessions(); n > 100 {
		t.Errorf("%d counts are remembered of one session on air", n)
	}
	shown(t, h, onAirIn(1, 1, 1), counting(5))
	h.commit(onAirIn(1, 2, 1))
	shown(t, h, onAirIn(1, 2, 1), counting(5))
}

// BenchmarkCounted is a second's counts of 200,000 rooms on air, all of them moved; an operation is a room.
func BenchmarkCounted(b *testing.B) {
	for _, rooms := range []int{4096, finals} {
		b.Run(fmt.Sprint(rooms), func(b *testing.B) {
			h := newHouse()
			warm(b, h)
			for id := ident.RoomID(1); id <= finals; id++ {
				c := finalsCard(id, 1)
				c.Live.SessionID, c.Audience = ident.SessionID(id), view.Audience{}
				h.Changed([]view.RoomCard{c}, nil, false)
			}
			told := make([]view.Count, rooms)
			b.ReportAllocs()
			b.ResetTimer()
			for n := 0; n < b.N; n += rooms {
				b.StopTimer()
				for i := range told {
					told[i] = counted(ident.RoomID(i+1), ident.SessionID(i+1), rand.Int64N(1000), int64(n+1))
				}
				if _, err := h.Live(b.Context(), query.LiveQuery{Sort: query.ByOnline}); err != nil { // a snapshot to keep exact
					b.Fatal(err)
				}
				b.StartTimer()
				h.Counted(told)
			}
		})
	}
}
