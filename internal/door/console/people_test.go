package console

import (
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"github.com/greenroomlive/greenroom/internal/core/ident"
	"github.com/greenroomlive/greenroom/internal/core/view"
)

func TestPeopleAreTreatedAndUndone(t *testing.T) {
	w, c := newWorld(t)
	id := w.newRoom(t, "Night radio", 2)
	cookie, path := staffed(c), "/console/rooms/"+id.String()+"/people/"
	post := func(at string, form url.Values) int {
		t.Helper()
		return ask(c, http.MethodPost, path+at, form, cookie).Code
	}
	if code := post("mute", url.Values{"users": {"7, 8\n9"}, "reason": {"<b>loud</b>"}, "note": {"twice"}, "seconds": {"3600"}}); code != http.StatusSeeOther {
		t.Fatalf("muted: %d", code)
	}
	p := w.people[id][8]
	if len(w.people[id]) != 3 || p.Mute == nil || p.Mute.Reason != "<b>loud</b>" || p.Mute.Until.Sub(p.Mute.Since) != time.Hour || p.Muted.Note != "twice" {
		t.Errorf("muted: %+v", p)
	}
	for at, want := range map[string]func(ident.UserID) bool{
		"ban":       func(u ident.UserID) bool { return w.people[id][u].Ban != nil },
		"moderator": func(u ident.UserID) bool { return w.people[id][u].Role == view.Moderator },
		"vip":       func(u ident.UserID) bool { return w.people[id][u].Role == view.VIP },
	} {
		if code := post(at, url.Values{"users": {"20"}, "reason": {"because"}, "seconds": {"0"}}); code != http.StatusSeeOther || !want(20) {
			t.Errorf("%s: %d, %+v", at, code, w.people[id][20])
		}
		if code := post("20/"+at+"/undo", url.Values{"reason": {"a mistake"}}); code != http.StatusSeeOther || want(20) {
			t.Errorf("%s undone: %d, %+v", at, code, w.people[id][20])
		}
		if got := ask(c, http.MethodGet, path+"20/"+at+"/undo", nil, cookie); got.Code != http.StatusNotFound {
			t.Errorf("%s undone twice: %d", at, got.Code)
		}
	}

	page := ask(c, http.MethodGet, "/rooms/"+id.String(), nil, cookie).Body.String()
	if strings.Count(page, "<small>&lt;b&gt;loud&lt;/b&gt;</small>") != 3 {
		t.Errorf("the page says %s", page)
	}
	if visitor := ask(c, http.MethodGet, "/rooms/"+id.String(), nil).Body.String(); strings.Contains(visitor, "people-title") || strings.Contains(visitor, "rules-title") {
		t.Error("a visitor sees who is muted")
	}
}

func TestWhatCannotBeDoneToPeopleIsSaidAtTheField(t *testing.T) {
	w, c := newWorld(t)
	id := w.newRoom(t, "Night radio", 2)
	cookie, path := staffed(c), "/console/rooms/"+id.String()+"/people/mute"
	for name, x := range map[string]struct{ users, reason, seconds, at string }{
		"nobody":         {" ", "loud", "0", "w-users"},
		"no number":      {"7 ann", "loud", "0", "w-users"},
		"the owner":      {"7 42", "loud", "0", "w-users"},
		"a long reason":  {"7", strings.Repeat("x", 101), "0", "w-reason"},
		"another length": {"7", "loud", "-5", "none of those offered"},
	} {
		got := ask(c, http.MethodPost, path, url.Values{"users": {x.users}, "reason": {x.reason}, "seconds": {x.seconds}}, cookie)
		body := got.Body.String()
		if got.Code != http.StatusBadRequest || !strings.Contains(strings.ToLower(body), x.at) || !strings.Contains(body, x.users) || !strings.Contains(body, x.reason) {
			t.Errorf("%s: %d %s", name, got.Code, body)
		}
	}
	if len(w.people[id]) > 0 {
		t.Errorf("something was done: %+v", w.people[id])
	}
	if got := ask(c, http.MethodPost, path, url.Values{"users": {"7"}, "seconds": {"0"}}); got.Code != http.StatusUnauthorized {
		t.Errorf("a visitor mutes: %d", got.Code)
	}
}

func TestThePageOfPeopleIsFilteredAndPaged(t *testing.T) {
	w, c := newWorld(t)
	id := w.newRoom(t, "Night radio", 2)
	cookie, path := staffed(c), "/console/rooms/"+id.String()+"/people/"
	var users []string
	for n := 1000; n < 1000+2*peopleShown; n++ {
		users = append(users, strconv.Itoa(n))
	}
	ask(c, http.MethodPost, path+"mute", url.Values{"users": {strings.Join(users, " ")}, "reason": {"a raid"}, "seconds": {"0"}}, cookie)
	ask(c, http.MethodPost, path+"vip", url.Values{"users": {"5"}, "seconds": {"0"}}, cookie)
	page := func(at string) string {
		t.Helper()
		got := ask(c, http.MethodGet, at, nil, cookie)
		if got.Code != http.StatusOK {
			t.Fatalf("%s: %d", at, got.Code)
		}
		return got.Body.String()
	}
	at := "/rooms/" + id.String() + "/people"
	if vips := page(at + "?kind=4"); strings.Count(vips, `class="key"`) != 1 || strings.Contains(vips, "a raid") {
		t.Errorf("the VIPs: %s", vips)
	}
	first := page(at + "?kind=1")
	if strings.Count(first, `class="key"`) != peopleShown || !strings.Contains(first, "after=1049") {
		t.Errorf("the first page: %s", first)
	}
	second := page(at + "?kind=1&after=1049")
	if strings.Count(second, `class="key"`) != peopleShown || strings.Contains(second, "after=") || strings.Contains(second, ">1049<") || !strings.Contains(second, ">1099<") {
		t.Errorf("the last page: %s", second)
	}
	for _, wrong := range []string{"?kind=9", "?kind=x", "?after=-1"} {
		if got := ask(c, http.MethodGet, at+wrong, nil, cookie); got.Code != http.StatusNotFound {
			t.Errorf("%s: %d", wrong, got.Code)
		}
	}
	if got := ask(c, http.MethodGet, at, nil); strings.Contains(got.Body.String(), "a raid") {
		t.Error("a visitor sees who is muted")
	}
}

func TestRulesAreSetAsTheyWereMeant(t *testing.T) {
	w, c := newWorld(t)
	id := w.newRoom(t, "Night radio", 2)
	cookie, path := staffed(c), "/console/rooms/"+id.String()+"/rules"
	form := url.Values{"version": {"0"}, "slow_mode": {"30"}, "min_account_age": {"1.5"}, "no_links": {"on"}, "blocked_terms": {"one thing\r\n\r\nanother\r\n"}, "blocked_expressions": {"a+b"}}
	if got := ask(c, http.MethodPost, path, form, cookie); got.Code != http.StatusSeeOther {
		t.Fatalf("set: %d %s", got.Code, got.Body)
	}
	d := w.spoken[id]
	if d.SlowMode != 30*time.Second || d.MinAccountAge != 36*time.Hour || !d.NoLinks || d.MembersOnly || d.EmoteOnly || strings.Join(d.BlockedTerms, "|") != "another|one thing" || len(d.BlockedExpressions) != 1 {
		t.Errorf("set: %+v", d.Rules)
	}
	page := ask(c, http.MethodGet, "/rooms/"+id.String(), nil, cookie).Body.String()
	for _, line := range []string{"a message every 30 seconds", "No links.", "2 terms are blocked", "1 expression is blocked"} {
		if !strings.Contains(page, line) {
			t.Errorf("the page does not say %q", line)
		}
	}
	form.Set("version", d.Version.String())
	for field, bad := range map[string]struct{ value, at string }{
		"slow_mode": {"99999999", "w-slow"}, "min_account_age": {"NaN", "w-age"}, "blocked_expressions": {"fine\n(", "w-expressions"}, "blocked_terms": {strings.Repeat("x", 65), "w-terms"},
	} {
		sent := url.Values{}
		for k, v := range form {
			sent[k] = v
		}
		sent.Set(field, bad.value)
		if got := ask(c, http.MethodPost, path, sent, cookie); got.Code != http.StatusBadRequest || !strings.Contains(got.Body.String(), bad.at) || !strings.Contains(got.Body.String(), bad.value) {
			t.Errorf("%s: %d %s", field, got.Code, got.Body)
		}
	}
	// Somebody else was faster: what was written stays in the form, and may be sent again over theirs.
	form.Set("slow_mode", "40")
	if got := ask(c, http.MethodPost, path, form, cookie); got.Code != http.StatusSeeOther {
		t.Fatalf("set again: %d", got.Code)
	}
	form.Set("slow_mode", "50")
	if got := ask(c, http.MethodPost, path, form, cookie); got.Code < 400 || !strings.Contains(got.Body.String(), `value="50"`) || w.spoken[id].SlowMode != 40*time.Second {
		t.Errorf("over another's: %d, %v", got.Code, w.spoken[id].SlowMode)
	}
}

func TestPeopleAndRulesInABrowser(t *testing.T) {
	w, c := newWorld(t)
	srv := serve(t, c)
	id := w.newRoom(t, "Night radio", 2)
	ctx, seen := browser(t)
	run(t, ctx, chromedp.Navigate(srv.URL+"/?token="+opsToken), has(".who-name", "ops"),
		chromedp.Navigate(srv.URL+"/rooms/"+id.String()), has("#people", "Nobody is muted"), script(`window.unreloaded = true`),
		click("#people-mute"), opened("#f-users"), typed("#f-users", "42"), click("dialog button[type=submit]"), has("#w-users", "42 cannot be muted"),
		chromedp.SetValue(chromedp.CSS("#f-users"), "1007 1008"), typed("#f-reason", "spam"), click("dialog button[type=submit]"),
		has("#people", "1008"), has("#people", "spam"), holds(`!document.getElementById("dialog").open`),
		click("#people .key-acts a"), opened("form"), click("dialog button[type=submit]"),
		holds(`!document.getElementById("dialog").open && !document.getElementById("people").textContent.includes("1007")`),
		click("#edit-rules"), opened("#f-slow"), chromedp.SetValue(chromedp.CSS("#f-slow"), "20"), click("dialog [name=emote_only]"), click("dialog button[type=submit]"),
		has("#rules", "every 20 seconds"), has("#rules", "Emotes only"), holds(`!document.getElementById("dialog").open`), holds(`window.unreloaded === true`))
	seen.none(t, "status of 400")
}
