package console

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"github.com/greenroomlive/greenroom/internal/core/view"
)

// soon is a wall in UTC, two days from now, as a browser sends it.
func soon() string { return time.Now().UTC().Add(48 * time.Hour).Format("2006-01-02T15:04") }

func TestABroadcastIsPlannedAndCancelled(t *testing.T) {
	w, c := newWorld(t)
	id := w.newRoom(t, "Night radio", 2)
	cookie, path := staffed(c), "/console/rooms/"+id.String()+"/schedule/"
	draft := url.Values{"title": {"A <b>talk</b>"}, "start": {soon()}, "zone": {"UTC"}, "length_minutes": {"45"}, "rule": {"FREQ=WEEKLY"}}
	for field, value := range map[string]string{"title": "", "start": "tomorrow", "zone": "Mars", "length_minutes": "-1"} {
		bad := url.Values{}
		for k, v := range draft {
			bad[k] = v
		}
		bad.Set(field, value)
		id := "w-" + strings.TrimPrefix(field, "length_")
		if got := ask(c, http.MethodPost, path+"new", bad, cookie); got.Code != http.StatusBadRequest || !strings.Contains(got.Body.String(), id) || !strings.Contains(got.Body.String(), "selected>every week<") {
			t.Errorf("%s: %d %s", field, got.Code, got.Body)
		}
	}
	if got := ask(c, http.MethodPost, path+"new", draft, cookie); got.Code != http.StatusSeeOther || len(w.planned[id].Plans) != 1 {
		t.Fatalf("planned: %d %s", got.Code, got.Body)
	}
	page := ask(c, http.MethodGet, "/rooms/"+id.String(), nil, cookie).Body.String()
	if strings.Count(page, "A &lt;b&gt;talk&lt;/b&gt;") != nextBroadcasts {
		t.Errorf("the page says %s", page)
	}
	if visitor := ask(c, http.MethodGet, "/rooms/"+id.String(), nil).Body.String(); strings.Contains(visitor, "schedule-title") {
		t.Error("a visitor is offered to plan")
	}

	p := w.planned[id].Plans[0]
	cancel := path + p.ID.String() + "/" + p.Start + "/cancel"
	if got := ask(c, http.MethodGet, cancel, nil, cookie); got.Code != http.StatusOK || !strings.Contains(got.Body.String(), "all of the series") {
		t.Errorf("asked to confirm: %d %s", got.Code, got.Body)
	}
	if got := ask(c, http.MethodPost, cancel, url.Values{"all": {""}}, cookie); got.Code != http.StatusSeeOther {
		t.Errorf("cancelled: %d", got.Code)
	}
	if x := w.planned[id].Plans[0].Exceptions; len(x) != 1 || x[0] != (view.Exception{Original: p.Start}) {
		t.Errorf("exceptions: %+v", x)
	}
	if got := ask(c, http.MethodPost, cancel, url.Values{"all": {"all"}}, cookie); got.Code != http.StatusSeeOther || len(w.planned[id].Plans) != 0 {
		t.Errorf("taken back: %d, %+v", got.Code, w.planned[id].Plans)
	}
	if got := ask(c, http.MethodGet, cancel, nil, cookie); got.Code != http.StatusNotFound {
		t.Errorf("what is gone: %d", got.Code)
	}
}

func TestPlanningInABrowser(t *testing.T) {
	w, c := newWorld(t)
	srv := serve(t, c)
	id := w.newRoom(t, "Night radio", 2)
	ctx, seen := browser(t)
	run(t, ctx, chromedp.Navigate(srv.URL+"/?token="+opsToken), has(".who-name", "ops"),
		chromedp.Navigate(srv.URL+"/rooms/"+id.String()), has("#schedule", "Nothing is planned"), script(`window.unreloaded = true`),
		click("#plan-broadcast"), opened("#f-title"), typed("#f-title", "Sunday talk"), chromedp.SetValue(chromedp.CSS("#f-start"), soon()),
		click("dialog button[type=submit]"), has("#schedule", "Sunday talk"), holds(`!document.getElementById("dialog").open`),
		click("#schedule .key-acts a"), opened("form"), click("dialog button[type=submit]"),
		has("#schedule", "Nothing is planned"), holds(`window.unreloaded === true`))
	seen.none(t)
}
