package console

import (
	"context"
	"math"
	"net/http"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/chromedp/chromedp"

	"github.com/greenroomlive/greenroom/internal/core/fault"
	"github.com/greenroomlive/greenroom/internal/core/ident"
	"github.com/greenroomlive/greenroom/internal/core/room"
	"github.com/greenroomlive/greenroom/internal/core/view"
	"github.com/greenroomlive/greenroom/internal/flow/command"
	"github.com/greenroomlive/greenroom/internal/flow/query"
)

// Audience is console.Audience.
func (w *world) Audience(_ context.Context, q query.AudienceQuery) (query.AudiencePage, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.charts++
	page := query.AudiencePage{Now: view.Count{Room: q.Room, Session: q.Session}}
	for _, m := range w.watched[q.Session] {
		if !m.AsOf.Before(q.From) && len(page.Points) < q.PageSize {
			page.Points = append(page.Points, m)
		}
	}
	if s := w.sessions[q.Session]; s.EndedAt.IsZero() && len(page.Points) > 0 {
		page.Now = page.Points[len(page.Points)-1]
	}
	return page, w.broken
}

// watch has a broadcast watched for so many minutes, up to now. One minute in the middle nobody counted.
func (w *world) watch(s ident.SessionID, minutes int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.watched == nil {
		w.watched = map[ident.SessionID][]view.Count{}
	}
	w.watched[s] = nil
	first := w.clock().Truncate(time.Minute).Add(-time.Duration(minutes) * time.Minute)
	peak := int64(0)
	for i := range minutes {
		online := int64(900*math.Sin(float64(i+4)/30) + 60*math.Sin(float64(i)/3) + 300)
		peak = max(peak, online)
		if i == minutes/2 && minutes > 10 {
			continue
		}
		w.watched[s] = append(w.watched[s], view.Count{
			Session: s, Online: online, Peak: peak, Likes: int64(i * i), Unique: peak * 2, WatchSeconds: int64(i) * 40_000, AsOf: first.Add(time.Duration(i) * time.Minute),
		})
	}
}

// broadcasts are the room's, the newest first.
func (w *world) broadcasts(t *testing.T, id ident.RoomID) []room.Session {
	t.Helper()
	list, err := w.ListSessions(t.Context(), command.Meta{Caller: ops}, id, 0, 10)
	must(t, err)
	return list
}

func TestACrowdsWatchTimeIsShownWhole(t *testing.T) {
	v := audienceView{Total: view.Count{WatchSeconds: 10_800_000_000}} // a million viewers, three hours
	if got := v.Watched(); got != "125000 d 0 h" {
		t.Errorf("watched %s", got)
	}
}

func TestTheAudienceIsATableWithoutScript(t *testing.T) {
	w, c := newWorld(t)
	id := w.newRoom(t, "Night radio", 2)
	page := "/rooms/" + id.String()
	says := func(path string, want ...string) string {
		t.Helper()
		got := ask(c, http.MethodGet, path, nil).Body.String()
		for _, text := range want {
			if !strings.Contains(got, text) {
				t.Errorf("%s does not say %s", path, text)
			}
		}
		return got
	}
	says(page, "has never been on air", `id="minutes" open hidden`)
	start(t, w, id)
	says(page, "The first minute is drawn when it is over", `id="minutes" open hidden`)
	first := w.broadcasts(t, id)[0].ID
	w.watch(first, 3)
	want := w.watched[first][2]
	got := says(page, `id="minutes" open>`, `<tr data-at="`+strconv.FormatInt(want.AsOf.Unix(), 10)+`">`, "<dt>Online</dt><dd>"+strconv.FormatInt(want.Online, 10))
	if rows := strings.Count(got, "<tr data-at="); rows != 3 || strings.Contains(got, "<select") {
		t.Errorf("%d rows, or a choice of one broadcast", rows)
	}
	stop(t, w, id)
	start(t, w, id)
	second := w.broadcasts(t, id)[0].ID
	got = says(page, `value="`+second.String()+`" selected`, `value="`+first.String()+`"`, "The first minute", `sse-connect="/console`+page+`"`)
	if strings.Contains(got, "<tr data-at=") {
		t.Error("the broadcast that runs has the minutes of the one before")
	}
	// One that was chosen stays, and has its last minute's sums; one of another room is not shown here.
	says(page+"?session="+first.String(), `value="`+first.String()+`" selected`, "<dt>Online</dt><dd>–", "<dt>Peak</dt><dd>"+strconv.FormatInt(want.Peak, 10),
		`sse-connect="/console`+page+`?session=`+first.String()+`"`)
	says(page+"?session=77", `value="`+second.String()+`" selected`)
	w.broken = fault.NotReady.New("the views are being rebuilt")
	says(page, "callout warn", "Stream keys")
}

func TestAnOpenPageReadsTheChartNowAndThen(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, c := newWorld(t)
		id := w.newRoom(t, "Night radio", 2)
		start(t, w, id)
		first := sessionView{ID: w.broadcasts(t, id)[0].ID}
		charts := charting{console: c}
		look := func(s sessionView) { charts.audience(t.Context(), id, s, []sessionView{s}) }
		for range 50 { // as feeds that are busy make it look
			look(first)
		}
		if w.charts != 1 {
			t.Errorf("read %d times", w.charts)
		}
		time.Sleep(chartEvery)
		look(first)
		look(sessionView{ID: first.ID + 1}) // another broadcast waits for nothing
		if w.charts != 3 {
			t.Errorf("read %d times, want 3", w.charts)
		}
	})
}

func TestTheChartIsDrawnAndFollows(t *testing.T) {
	w, c := newWorld(t)
	var ahead atomic.Int64
	c.Clock = func() time.Time { return time.Now().Add(time.Duration(ahead.Load())) }
	later := func() { ahead.Add(int64(chartEvery)) }
	srv := serve(t, c)
	id := w.newRoom(t, "Night radio", 2)
	start(t, w, id)
	stop(t, w, id)
	old := w.broadcasts(t, id)[0].ID
	w.watch(old, 40)
	start(t, w, id)
	ctx, seen := browser(t)

	run(t, ctx, chromedp.Navigate(srv.URL+"/rooms/"+id.String()), has("#audience-now", "The first minute"), streaming(),
		holds(`document.querySelector("#chart").hidden && document.querySelector("#minutes").hidden`))
	w.watch(w.broadcasts(t, id)[0].ID, 2)
	later()
	run(t, ctx, holds(`document.querySelectorAll("#chart canvas").length === 1 && document.querySelector("#chart").clientHeight > 200`),
		holds(`!document.querySelector("#minutes").open && document.querySelectorAll("#minutes tr[data-at]").length === 2`))
	// More minutes are the same chart.
	run(t, ctx, script(`document.querySelector("#chart .uplot").known = true`))
	w.watch(w.broadcasts(t, id)[0].ID, 3)
	later()
	run(t, ctx, holds(`document.querySelectorAll("#minutes tr[data-at]").length === 3 && document.querySelector("#chart .uplot").known`))
	// The broadcast before, by the picker alone.
	run(t, ctx, script(`{ const s = document.querySelector("#audience-session"); s.value = "`+old.String()+`"; s.dispatchEvent(new Event("change", { bubbles: true })); }`),
		holds(`location.search === "?session=`+old.String()+`"`), holds(`document.querySelectorAll("#minutes tr[data-at]").length === 39`),
		holds(`document.querySelector("#chart canvas")`), streaming(), has("#audience-session option[selected]", "1 ·"))
	seen.none(t)
}
