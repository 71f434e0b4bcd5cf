package console

import (
	"net/http"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"

	"github.com/greenroomlive/greenroom/internal/core/ident"
	"github.com/greenroomlive/greenroom/internal/flow/command"
)

// in is the cookie of a caller who signed in.
func in(c *Console, caller command.Caller) func(*http.Request) {
	return as(&http.Cookie{Name: cookieName, Value: c.sessions.begin(caller)})
}

func TestAuditPage(t *testing.T) {
	w, c := newWorld(t)
	id := w.newRoom(t, "Morning <b>sets</b>", ident.AreaID(3))
	w.newRoom(t, "Chess", 2)
	evil := command.Meta{Caller: command.Caller{Subject: "<script>\u202eops\n", Scopes: []command.Scope{command.ScopeStaff}}}
	if _, err := w.StartRoom(t.Context(), evil, id); err != nil {
		t.Fatal(err)
	}
	staff := in(c, ops)
	for name, tc := range map[string]struct{ query, says, not string }{
		"all":              {"", "by ops", "Older"},
		"by room":          {"?room=" + id.String(), "Morning &lt;b&gt;sets", "Chess"},
		"by command":       {"?command=startroom", "StartRoom", "CreateRoom"},
		"by actor":         {"?actor=ops", "CreateRoom", "StartRoom"},
		"forged":           {"?command=StartRoom", `&lt;script&gt;\u{202e}ops\u{a}`, "<script>\u202e"},
		"none":             {"?since=2099-01-01T00:00", "Nothing that fits", "trail-head"},
		"no room":          {"?room=x", "A room is a number.", "trail-head"},
		"no time":          {"?until=x", "A time is a day and a minute", "trail-head"},
		"the filter stays": {"?actor=%22%3E", `value="&#34;&gt;"`, `value="">"`},
	} {
		t.Run(name, func(t *testing.T) {
			got := ask(c, "GET", "/audit"+tc.query, nil, staff)
			if text := got.Body.String(); got.Code != http.StatusOK || !strings.Contains(text, tc.says) || strings.Contains(text, tc.not) {
				t.Errorf("answered %d, want %q and not %q:\n%s", got.Code, tc.says, tc.not, text)
			}
		})
	}
	if got := ask(c, "GET", "/audit", nil); got.Code != http.StatusUnauthorized {
		t.Errorf("a visitor is answered %d", got.Code)
	}
	anchor := in(c, command.Caller{Subject: "anchor:7", Anchor: 7, Scopes: []command.Scope{command.ScopeAnchor}})
	if got := ask(c, "GET", "/audit", nil, anchor); got.Code != http.StatusForbidden {
		t.Errorf("an anchor is answered %d", got.Code)
	}
}

func TestAuditPageGoesBack(t *testing.T) {
	w, c := newWorld(t)
	srv := serve(t, c)
	for range auditShown {
		w.newRoom(t, "Chess", 2)
	}
	ctx, seen := browser(t)
	run(t, ctx, chromedp.Navigate(srv.URL+"/?token="+opsToken), has(".who-name", "ops"), chromedp.Navigate(srv.URL+"/audit"),
		holds(`document.querySelectorAll("#trail > li").length === 50`), click(".pager a"), has("#trail", "SeedAreas"),
		typed("#f-command", "createroom\r"), holds(`document.querySelectorAll("#trail > li").length === 50`))
	seen.none(t)
}
