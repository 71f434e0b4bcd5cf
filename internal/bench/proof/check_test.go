package proof

import (
	"bytes"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	roomv1 "github.com/greenroomlive/greenroom/api/gen/greenroom/room/v1"
	"github.com/greenroomlive/greenroom/internal/core/view"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// check lets a few readers and writers loose on a house, until they have read a lot or found a rule broken.
func check(t *testing.T, l lies, broken Rule) *Report {
	t.Helper()
	s := open(t, l)
	addr := strings.TrimPrefix(s.URL, "http://")
	r, _, err := Check{
		Layout: few, CommandAddr: addr, QueryAddr: addr, Commands: 2000, Writers: 4, Edits: 0.5,
		Singles: 1, Batches: 1, Crawlers: 2, For: 20 * time.Second, Seed: 1, Progress: io.Discard,
		Enough: func(r *Report) bool {
			return r.Rooms.Load() >= 20_000 && r.Crawls.Load() >= 4 || broken != "" && strings.Contains(r.ByRule(), string(broken))
		},
	}.Run(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func TestTheTruthBreaksNoRule(t *testing.T) {
	r := check(t, lies{}, "")
	if r.Violations() > 0 || r.Rooms.Load() < 20_000 || r.Crawls.Load() < 4 || r.Commands.Load() == 0 {
		t.Errorf("%s: %v", r.line(0), r.First())
	}
}

// A checker that cannot fail proves nothing: each rule is broken once.
func TestEachLieIsFoundOut(t *testing.T) {
	unsure := func(h http.Header) { h.Set("X-Room-Age-Ms", "3600000") }
	beginning := func(i int, _ int64) int64 { return few.Begins(i) }
	calls := 0
	for name, tt := range map[string]struct {
		lies lies
		rule Rule
	}{
		"a version that nobody wrote": {lies{shown: func(_ int, v int64) int64 { return v + 2 }}, NewerThanB},
		"back and forth": {lies{headers: unsure, shown: func(_ int, v int64) int64 {
			calls++
			return max(v-int64(calls%2), 1)
		}}, OlderThanSeen},
		"the first version, said to be fresh":      {lies{shown: beginning}, OlderThanItSays},
		"the first version, whatever is asked for": {lies{shown: beginning, headers: unsure}, OlderThanAsked},
		"the title of another version":             {lies{card: func(c *view.RoomCard) { c.Title = string(AppendTitle(nil, 99999)) }}, Torn},
		"half the title of another version": {lies{card: func(c *view.RoomCard) {
			c.Title = c.Title[:len(c.Title)-1] + "x"
		}}, Torn},
		"the status of another version": {lies{card: func(c *view.RoomCard) { c.Live.Status = view.Idle }}, Torn},
		"the epoch of another version":  {lies{card: func(c *view.RoomCard) { c.Live.Epoch += 5 }}, Torn},
		"the wrong X-Room-Version":      {lies{headers: func(h http.Header) { h.Set("X-Room-Version", "999") }}, HeadersDisagree},
		"no ETag":                       {lies{headers: func(h http.Header) { h.Del("ETag") }}, HeadersDisagree},
		"a batch with one room less":    {lies{list: func(ids []int) []int { return ids[1:] }}, NotAsAsked},
		"a batch without its last":      {lies{list: func(ids []int) []int { return ids[:len(ids)-1] }}, NotAsAsked},
		"a batch that repeats a room":   {lies{list: func(ids []int) []int { return append(ids, ids[0]) }}, NotAsAsked},
		"a batch in another order": {lies{list: func(ids []int) []int {
			slices.Reverse(ids)
			return ids
		}}, NotAsAsked},
		"a body that ends in its midst":         {lies{body: func(b []byte) []byte { return b[:len(b)/2] }}, Unreadable},
		"a body with something behind it":       {lies{body: func(b []byte) []byte { return append(b, '}') }}, Unreadable},
		"a page that repeats a room":            {lies{list: func(ids []int) []int { return append(ids, ids[0]) }}, CrawlRepeats},
		"a list without one of its rooms":       {lies{onAir: func(ids []int) []int { return ids[1:] }}, CrawlLacks},
		"a page without one of its rooms":       {lies{list: func(ids []int) []int { return ids[1:] }}, CrawlCount},
		"a list with rooms that are off":        {lies{onAir: func([]int) []int { return everyRoom() }}, CrawlHasOff},
		"a crawl that changes its snapshot":     {lies{snapshot: func(page int) string { return string(rune('a' + page)) }}, CrawlMoves},
		"an acknowledgement of another version": {lies{acknowledged: func(v int64) int64 { return v + 1 }}, AcknowledgedGaps},
	} {
		t.Run(name, func(t *testing.T) {
			r := check(t, tt.lies, tt.rule)
			if !strings.Contains(r.ByRule(), string(tt.rule)) {
				t.Errorf("found %q, not %q", r.ByRule(), tt.rule)
			}
		})
	}
}

func everyRoom() []int {
	all := make([]int, few.Rooms)
	for i := range all {
		all[i] = i
	}
	return all
}

func TestLiesOverGRPCAreFoundOut(t *testing.T) {
	truth := &roomv1.Room{Id: few.ID(3), Version: 2, Title: string(AppendTitle(nil, 1)), Live: &roomv1.Live{Status: roomv1.Live_LIVE, Epoch: 1}}
	found := func(change func(*roomv1.Room), c claim) string {
		report := NewReport(io.Discard)
		r := newReader(NewLedger(few), report, "gRPC", 1)
		r.seen[3] = 2
		change(truth)
		r.message(truth, 3, c)
		return report.ByRule()
	}
	if got := found(func(*roomv1.Room) {}, claim{asked: 2}); got != "" {
		t.Errorf("the truth: %q", got)
	}
	if got := found(func(m *roomv1.Room) { m.Title = "?" }, claim{}); got != string(Torn)+": 1" {
		t.Errorf("torn: %q", got)
	}
	got := found(func(m *roomv1.Room) { m.Version = 1 }, claim{asked: 2, fresh: time.Hour})
	for _, rule := range []Rule{OlderThanSeen, OlderThanAsked, OlderThanItSays, Torn} {
		if !strings.Contains(got, string(rule)) {
			t.Errorf("%q, not %q", got, rule)
		}
	}
	if got := found(func(m *roomv1.Room) { m.Id = few.ID(4) }, claim{}); got != string(NotAsAsked)+": 1" {
		t.Errorf("another room: %q", got)
	}
}

// The first violations are told in full, and all are counted.
func TestTheReportKeepsTheFirst(t *testing.T) {
	var out bytes.Buffer
	r := NewReport(&out)
	for i := range 25 {
		r.add(Violation{Rule: Torn, Room: int64(i), Detail: strings.Repeat("x", 2*detailBytes)})
	}
	if r.Violations() != 25 || len(r.First()) != told || strings.Count(out.String(), "\n") != told || out.Len() > told*(detailBytes+200) {
		t.Errorf("%d violations, %d kept, told %d bytes", r.Violations(), len(r.First()), out.Len())
	}
}

// page is a hundred cards and a reader that finds no fault with them.
func page() (r *reader, cards []byte) {
	h := &house{Layout: few, versions: make([]int64, few.Rooms)}
	for i := range h.versions {
		h.versions[i] = 17
	}
	list := h.rooms(everyRoom()[:100])
	r = newReader(NewLedger(few), NewReport(io.Discard), "bench", 1)
	for i := range h.versions {
		r.sends(i, 17)
	}
	return r, list
}

// look goes through the page once.
func (r *reader) look(tb testing.TB, cards []byte) {
	n := -1
	if rest, ok := r.list(cards, claim{fresh: -1}, func() int { n++; return n }, nil); !ok || len(rest) > 0 {
		tb.Fatal("unreadable")
	}
}

func TestLookingAtCardsDoesNotAllocate(t *testing.T) {
	r, cards := page()
	if n := testing.AllocsPerRun(100, func() { r.look(t, cards) }); n != 0 {
		t.Errorf("%v allocations for 100 cards", n)
	}
}

func BenchmarkScan(b *testing.B) {
	r, cards := page()
	b.ReportAllocs()
	for b.Loop() {
		r.look(b, cards)
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/100, "ns/card")
}
