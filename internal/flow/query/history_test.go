package query_test

import (
	"context"
	"slices"
	"testing"
	"time"

	"github.com/greenroomlive/greenroom/internal/core/fault"
	"github.com/greenroomlive/greenroom/internal/core/ident"
	"github.com/greenroomlive/greenroom/internal/core/view"
	"github.com/greenroomlive/greenroom/internal/flow/query"
)

// points is a query.History in a list.
type points struct {
	list []view.Count
	err  error
}

func (p *points) Points(_ context.Context, room ident.RoomID, session ident.SessionID, from, to time.Time, limit int) (out []view.Count, err error) {
	for _, c := range p.list {
		if c.Room == room && c.Session == session && !c.AsOf.Before(from) && c.AsOf.Before(to) && len(out) < limit {
			out = append(out, c)
		}
	}
	return out, p.err
}

func historyHouse(t *testing.T) (*house, *points) {
	t.Helper()
	h, p := newHouse(), &points{}
	h.Rooms = query.New(query.Config{Cache: h.cache, Views: h.views, Freshness: h.proof, Now: time.Now, History: p})
	warm(t, h)
	for _, session := range []ident.SessionID{6, 7} {
		for i := range 5 {
			p.list = append(p.list, view.Count{Room: 1, Session: session, Online: int64(i), AsOf: time.Unix(int64(session)*10_000+int64(i)*60, 0)})
		}
	}
	h.commit(onAirIn(1, 1, 7), onAirIn(3, 1, 9), card(2, 1))
	return h, p
}

func ask(t *testing.T, h *house, q query.AudienceQuery) query.AudiencePage {
	t.Helper()
	page, err := h.Audience(t.Context(), q)
	if err != nil {
		t.Fatal(err)
	}
	return page
}

func TestTheAudienceOfNow(t *testing.T) {
	h, _ := historyHouse(t)
	five, other := counted(1, 7, 5, 1000), counted(3, 9, 1, 2000)
	five.Unique, five.WatchSeconds = 8, 99
	h.Counted([]view.Count{five})
	h.Counted([]view.Count{other})
	five.AsOf = other.AsOf // nothing else was told since: it is still so
	for _, c := range []struct {
		q    query.AudienceQuery
		want view.Count
	}{
		{query.AudienceQuery{Room: 1}, five},
		{query.AudienceQuery{Room: 1, Session: 7}, five},
		{query.AudienceQuery{Room: 1, Session: 6}, view.Count{Room: 1, Session: 6}}, // it is not counted any more
		{query.AudienceQuery{Room: 1, Session: 9}, view.Count{Room: 1, Session: 9}}, // of another room
		{query.AudienceQuery{Room: 2}, view.Count{Room: 2}},
	} {
		if got := ask(t, h, c.q).Now; got != c.want {
			t.Errorf("%+v: got %+v, want %+v", c.q, got, c.want)
		}
	}
	before := time.Now()
	h.Counted(nil) // nothing has changed, at this moment
	if got := ask(t, h, query.AudienceQuery{Room: 1}).Now; got.AsOf.Before(before) || got.Online != five.Online {
		t.Errorf("unchanged: %+v", got)
	}
	_, err := h.Audience(t.Context(), query.AudienceQuery{Room: 4})
	wantFault(t, err, fault.RoomNotFound)
}

func TestTheHistoryIsReadInPages(t *testing.T) {
	h, p := historyHouse(t)
	of7 := p.list[5:]
	q := query.AudienceQuery{Room: 1, PageSize: 2}
	var got []view.Count
	for {
		page := ask(t, h, q)
		if len(page.Points) > 2 {
			t.Fatalf("a page of %d", len(page.Points))
		}
		got = append(got, page.Points...)
		if q.PageToken = page.Next; page.Next == "" {
			break
		}
	}
	if !slices.Equal(got, of7) {
		t.Errorf("got %v", got)
	}
	if got := ask(t, h, query.AudienceQuery{Room: 1, From: of7[1].AsOf, To: of7[3].AsOf}).Points; !slices.Equal(got, of7[1:3]) {
		t.Errorf("in between are %v", got)
	}
	if got := ask(t, h, query.AudienceQuery{Room: 1, Session: 6}).Points; !slices.Equal(got, p.list[:5]) {
		t.Errorf("of the broadcast before are %v", got)
	}
	if got := ask(t, h, query.AudienceQuery{Room: 2}); got.Points != nil || got.Next != "" {
		t.Errorf("of an idle room are %v", got)
	}
}

func TestWhatTheHistoryRefuses(t *testing.T) {
	h, p := historyHouse(t)
	next := ask(t, h, query.AudienceQuery{Room: 1, PageSize: 1}).Next
	for name, q := range map[string]query.AudienceQuery{
		"a page too large":          {Room: 1, PageSize: query.MaxPoints + 1},
		"a negative page":           {Room: 1, PageSize: -1},
		"a token of nobody":         {Room: 1, PageToken: "x"},
		"a token of letters":        {Room: 1, PageToken: "7.!"},
		"a token of another":        {Room: 1, Session: 6, PageToken: next},
		"a token of before the era": {Room: 1, PageToken: "7.-1"},
	} {
		if _, err := h.Audience(t.Context(), q); err == nil {
			t.Errorf("%s is taken", name)
		} else {
			wantFault(t, err, fault.InvalidArgument)
		}
	}
	p.err = errDown
	_, err := h.Audience(t.Context(), query.AudienceQuery{Room: 1})
	wantFault(t, err, fault.StoreUnavailable)
}

// TestCountsOfAMinute: those that have viewers, and those that moved in it.
func TestCountsOfAMinute(t *testing.T) {
	h, _ := historyHouse(t)
	now := time.Now().UnixMilli()
	crowd, gone, late, left := counted(1, 7, 5, now-60_000), counted(3, 9, 0, now-60_000), counted(2, 8, 0, now), counted(4, 4, 5, now-60_000)
	h.Counted([]view.Count{crowd, gone, late, left})
	got := h.Counts(time.UnixMilli(now - 30_000))
	slices.SortFunc(got, func(a, b view.Count) int { return int(a.Room - b.Room) })
	if !slices.Equal(got, []view.Count{crowd, late}) {
		t.Errorf("got %+v", got)
	}
}
