package console

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/greenroomlive/greenroom/internal/core/room"
	"github.com/greenroomlive/greenroom/internal/core/view"
	"github.com/greenroomlive/greenroom/internal/flow/command"
)

func TestViewersSeeTheReasonAndStaffTheNote(t *testing.T) {
	w, c := newWorld(t)
	id := w.newRoom(t, "Night radio", 2)
	_, err := c.Control.Intervene(t.Context(), command.Meta{Caller: ops}, id, view.Locked, room.Order{Reason: "a <b>raid</b>", Note: "seen by two", For: time.Hour})
	must(t, err)
	visitor := ask(c, http.MethodGet, "/rooms/"+id.String(), nil).Body.String()
	if !strings.Contains(visitor, "a &lt;b&gt;raid&lt;/b&gt;") || strings.Contains(visitor, "seen by two") || strings.Contains(visitor, "control-title") {
		t.Errorf("a visitor sees %s", visitor)
	}
	staff := ask(c, http.MethodGet, "/rooms/"+id.String(), nil, staffed(c)).Body.String()
	for _, want := range []string{"seen by two", `id="control-lock"`, "/control/lock/lift", "a &lt;b&gt;raid&lt;/b&gt;"} {
		if !strings.Contains(staff, want) {
			t.Errorf("staff does not see %s", want)
		}
	}
}

func TestALockIsConfirmedAndLifted(t *testing.T) {
	w, c := newWorld(t)
	id := w.newRoom(t, "Night radio", 2)
	cookie, path := staffed(c), "/console/rooms/"+id.String()+"/control/lock"
	form := ask(c, http.MethodGet, path, nil, cookie)
	if form.Code != http.StatusOK || !strings.Contains(form.Body.String(), "No running broadcast ends by this.") || len(w.rooms[id].Interventions) > 0 {
		t.Errorf("asked to confirm: %d %s", form.Code, form.Body)
	}
	for name, sent := range map[string]url.Values{
		"w-reason": {"seconds": {"0"}}, "none of those offered": {"reason": {"a raid"}, "seconds": {"99999999"}},
	} {
		if got := ask(c, http.MethodPost, path, sent, cookie); got.Code != http.StatusBadRequest || !strings.Contains(got.Body.String(), name) {
			t.Errorf("%v: %d %s", sent, got.Code, got.Body)
		}
	}
	if got := ask(c, http.MethodPost, path, url.Values{"reason": {"a raid"}, "seconds": {"3600"}}, cookie); got.Code != http.StatusSeeOther {
		t.Errorf("locked: %d %s", got.Code, got.Body)
	}
	if in := w.rooms[id].Interventions; len(in) != 1 || in[0].Reason != "a raid" || in[0].Until.Sub(in[0].At) != time.Hour {
		t.Errorf("in force: %+v", in)
	}
	if got := ask(c, http.MethodPost, path+"/lift", url.Values{"reason": {"mistake"}}, cookie); got.Code != http.StatusSeeOther || len(w.rooms[id].Interventions) > 0 {
		t.Errorf("lifted: %d, %+v", got.Code, w.rooms[id].Interventions)
	}
	if got := ask(c, http.MethodGet, "/console/rooms/"+id.String()+"/control/explode", nil, cookie); got.Code != http.StatusNotFound {
		t.Errorf("an unknown level: %d", got.Code)
	}
}

func TestAnAnchorControlsNothing(t *testing.T) {
	w, c := newWorld(t)
	id := w.newRoom(t, "Night radio", 2)
	anchor := func(r *http.Request) {
		caller, err := w.Caller(r.Context(), "anchor")
		must(t, err)
		r.AddCookie(&http.Cookie{Name: cookieName, Value: c.sessions.begin(caller)})
	}
	if page := ask(c, http.MethodGet, "/rooms/"+id.String(), nil, anchor); page.Code != http.StatusOK || strings.Contains(page.Body.String(), "control-lock") {
		t.Errorf("an anchor is offered room control: %d", page.Code)
	}
	path := "/console/rooms/" + id.String() + "/control/hide"
	if got := ask(c, http.MethodGet, path, nil, anchor); got.Code != http.StatusForbidden {
		t.Errorf("asked: %d", got.Code)
	}
	if got := ask(c, http.MethodPost, path, url.Values{"reason": {"x"}, "seconds": {"0"}}, anchor); got.Code != http.StatusForbidden || len(w.rooms[id].Interventions) > 0 {
		t.Errorf("done: %d, %+v", got.Code, w.rooms[id].Interventions)
	}
}

// staffed signs a request in as ops.
func staffed(c *Console) func(*http.Request) {
	return func(r *http.Request) { r.AddCookie(signedIn(c)) }
}
