package console

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/greenroomlive/greenroom/internal/core/fault"
	"github.com/greenroomlive/greenroom/internal/flow/command"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// ask sends a request to the console as a browser on loopback would.
func ask(c *Console, method, target string, form url.Values, change ...func(*http.Request)) *httptest.ResponseRecorder {
	r := httptest.NewRequest(method, "http://127.0.0.1:8080"+target, strings.NewReader(form.Encode()))
	if method == http.MethodPost {
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		r.Header.Set("Origin", "http://127.0.0.1:8080")
		r.Header.Set("Sec-Fetch-Site", "same-origin")
	}
	r.Header.Set("Accept", "text/html,application/xhtml+xml;q=0.9,*/*;q=0.8")
	for _, f := range change {
		f(r)
	}
	w := httptest.NewRecorder()
	c.ServeHTTP(w, r)
	return w
}

func as(cookie *http.Cookie) func(*http.Request) {
	return func(r *http.Request) { r.AddCookie(cookie) }
}
func header(name, value string) func(*http.Request) {
	return func(r *http.Request) { r.Header.Set(name, value) }
}

var htmx = header("HX-Request", "true")

func TestAProgramIsAnsweredAsByEveryDoor(t *testing.T) {
	_, c := newWorld(t)
	for _, method := range []string{"GET", "POST", "DELETE"} {
		got := ask(c, method, "/nowhere", nil, header("Accept", "*/*"))
		want := string(notFound().(*fault.Error).Envelope(got.Header().Get("X-Request-Id")))
		if got.Code != http.StatusNotFound || got.Header().Get("Content-Type") != "application/json" || got.Body.String() != want {
			t.Errorf("%s: answered %d %s", method, got.Code, got.Body)
		}
	}
}

func TestPagesAnswer(t *testing.T) {
	w, c := newWorld(t)
	id := w.newRoom(t, "Chess", 2).String()
	anchor := &http.Cookie{Name: cookieName, Value: c.sessions.begin(command.Caller{Subject: "anchor:7", Anchor: 7, Scopes: []command.Scope{command.ScopeAnchor}})}
	for _, tc := range []struct {
		name, method, path string
		status             int
		says               string
		change             []func(*http.Request)
	}{
		{"board", "GET", "/", 200, "Nobody is on air", nil},
		{"second page of the list", "GET", "/?before=" + id, 200, "No older rooms", nil},
		{"page that is none", "GET", "/?before=x", 400, "Not a room id", nil},
		{"room", "GET", "/rooms/" + id, 200, "Version ladder", nil},
		{"no such room", "GET", "/rooms/99", 404, "ROOM_NOT_FOUND", nil},
		{"no room id", "GET", "/rooms/chess", 404, "ROOM_NOT_FOUND", nil},
		{"no such page", "GET", "/nowhere", 404, "NOT_FOUND", nil},
		{"no such asset", "GET", "/console/static/0/console.css", 404, "NOT_FOUND", nil},
		{"form for a visitor", "GET", "/console/rooms/new", 200, "Sign in", nil},
		{"action of a visitor", "POST", "/console/rooms/" + id + "/start", 401, "Sign in", nil},
		{"form", "GET", "/console/rooms/new", 200, "Games › Chess", []func(*http.Request){as(signedIn(c))}},
		{"somebody else's room", "POST", "/console/rooms/" + id + "/start", 403, "PERMISSION_DENIED", []func(*http.Request){as(anchor)}},
		{"somebody else's keys", "GET", "/rooms/" + id, 200, "belongs to somebody else", []func(*http.Request){as(anchor)}},
		{"no such key", "GET", "/console/rooms/" + id + "/keys/5/revoke", 404, "KEY_NOT_FOUND", []func(*http.Request){as(signedIn(c))}},
		{"foreign host", "GET", "/", 403, "not one of the console", []func(*http.Request){func(r *http.Request) { r.Host = "rebound.example" }}},
		{"configured host", "GET", "/", 200, "On air", []func(*http.Request){func(r *http.Request) { r.Host = "console.example:8080" }}},
		{"loopback by name", "GET", "/", 200, "On air", []func(*http.Request){func(r *http.Request) { r.Host = "localhost:8080" }}},
		{"loopback of IPv6", "GET", "/", 200, "On air", []func(*http.Request){func(r *http.Request) { r.Host = "[::1]:8080" }}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			got := ask(c, tc.method, tc.path, nil, tc.change...)
			if got.Code != tc.status || !strings.Contains(strings.ToLower(got.Body.String()), strings.ToLower(tc.says)) {
				t.Fatalf("answered %d, want %d saying %q:\n%s", got.Code, tc.status, tc.says, got.Body)
			}
			if got.Code >= 400 && tc.says != "Sign in" && !strings.Contains(got.Body.String(), got.Header().Get("X-Request-Id")) {
				t.Error("the error page does not carry the request id")
			}
		})
	}
}

func TestEveryAnswerIsGuarded(t *testing.T) {
	_, c := newWorld(t)
	for _, path := range []string{"/", "/nowhere", "/console/sign-in", "/rooms/1"} {
		h := ask(c, "GET", path, nil).Header()
		for name, want := range map[string]string{
			"X-Content-Type-Options": "nosniff", "Referrer-Policy": "no-referrer", "X-Frame-Options": "DENY", "Cache-Control": "no-store",
		} {
			if got := h.Get(name); got != want {
				t.Errorf("%s: %s is %q, want %q", path, name, got, want)
			}
		}
		policy := h.Get("Content-Security-Policy")
		for _, rule := range []string{"default-src 'none'", "script-src 'self'", "style-src 'self'", "frame-ancestors 'none'", "base-uri 'none'"} {
			if !strings.Contains(policy, rule+";") && !strings.HasSuffix(policy, rule) {
				t.Errorf("%s: the policy lacks %q: %s", path, rule, policy)
			}
		}
		if strings.Contains(policy, "unsafe") {
			t.Errorf("%s: the policy allows something unsafe: %s", path, policy)
		}
	}
}

func TestOnlyTheHLSOriginIsLetIn(t *testing.T) {
	got, err := contentPolicy("http://127.0.0.1:8088/hls")
	if err != nil || !strings.Contains(got, "connect-src 'self' http://127.0.0.1:8088;") || !strings.Contains(got, "media-src 'self' blob: http://127.0.0.1:8088;") {
		t.Errorf("policy %q, %v", got, err)
	}
	for _, bad := range []string{"javascript:alert(1)", "/hls", "http://a; script-src *", "ftp://a/b"} {
		if _, err := contentPolicy(bad); err == nil {
			t.Errorf("%q was taken as an HLS base", bad)
		}
	}
}

func TestForeignSitesCannotAct(t *testing.T) {
	w, c := newWorld(t)
	id := w.newRoom(t, "Chess", 0)
	for name, change := range map[string][]func(*http.Request){
		"foreign origin":    {header("Origin", "http://evil.example"), header("Sec-Fetch-Site", "")},
		"another port":      {header("Origin", "http://127.0.0.1:9999"), header("Sec-Fetch-Site", "")},
		"cross-site fetch":  {header("Sec-Fetch-Site", "cross-site")},
		"same-site sibling": {header("Sec-Fetch-Site", "same-site")},
	} {
		t.Run(name, func(t *testing.T) {
			got := ask(c, "POST", "/console/rooms/"+id.String()+"/start", nil, append(change, as(signedIn(c)))...)
			if got.Code != http.StatusForbidden {
				t.Errorf("answered %d, want 403", got.Code)
			}
			if r, _ := w.GetRoom(t.Context(), command.Meta{Caller: ops}, id); r.Session != nil {
				t.Error("the broadcast began all the same")
			}
		})
	}
}

func TestSignInByLinkAndOut(t *testing.T) {
	_, c := newWorld(t)
	got := ask(c, "GET", "/?token="+opsToken, nil)
	if got.Code != http.StatusSeeOther || got.Header().Get("Location") != "/" {
		t.Fatalf("answered %d to %q, want a redirect to the clean address", got.Code, got.Header().Get("Location"))
	}
	cookie := got.Result().Cookies()[0]
	if !cookie.HttpOnly || cookie.SameSite != http.SameSiteStrictMode || cookie.Path != "/" || cookie.MaxAge <= 0 {
		t.Errorf("the cookie is not guarded: %s", cookie)
	}
	if strings.Contains(cookie.String(), opsToken) {
		t.Error("the cookie holds the token")
	}
	if page := ask(c, "GET", "/", nil, as(cookie)).Body.String(); !strings.Contains(page, "Sign out") {
		t.Error("the page does not know who is signed in")
	}
	if got := ask(c, "POST", "/console/sign-out", nil, as(cookie)); got.Result().Cookies()[0].MaxAge >= 0 {
		t.Error("signing out leaves the cookie")
	}
	if page := ask(c, "GET", "/", nil, as(cookie)).Body.String(); strings.Contains(page, "Sign out") {
		t.Error("the session outlives the sign-out")
	}
	if got := ask(c, "GET", "/?token=wrong", nil); got.Code != http.StatusUnauthorized || len(got.Result().Cookies()) > 0 {
		t.Errorf("a wrong token answered %d with %d cookies", got.Code, len(got.Result().Cookies()))
	}
}

func TestSignInByForm(t *testing.T) {
	_, c := newWorld(t)
	for next, want := range map[string]string{
		"/rooms/5": "/rooms/5", "//evil.example": "/", "https://evil.example": "/", `/\evil.example`: "/", "": "/", "javascript:alert(1)": "/",
	} {
		got := ask(c, "POST", "/console/sign-in", url.Values{"token": {opsToken}, "next": {next}})
		if got.Code != http.StatusSeeOther || got.Header().Get("Location") != want {
			t.Errorf("next %q leads to %q (%d), want %q", next, got.Header().Get("Location"), got.Code, want)
		}
	}
	got := ask(c, "POST", "/console/sign-in", url.Values{"token": {"wrong-one"}})
	if got.Code != http.StatusUnauthorized || strings.Contains(got.Body.String(), "wrong-one") {
		t.Errorf("a wrong token answered %d, or stands in the answer", got.Code)
	}
}

func TestSessionsEnd(t *testing.T) {
	now := time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)
	s := newSessions(func() time.Time { return now })
	first := s.begin(ops)
	for range maxSessions {
		now = now.Add(time.Millisecond)
		s.begin(ops)
	}
	if _, ok := s.find(first); ok || len(s.byID) > maxSessions {
		t.Errorf("%d sessions are kept, the oldest among them: %v", len(s.byID), ok)
	}
	last := s.begin(ops)
	now = now.Add(sessionLife)
	if _, ok := s.find(last); ok {
		t.Error("a session outlives its life")
	}
}

func TestWhatAnchorsWriteIsInert(t *testing.T) {
	w, c := newWorld(t)
	const title = `<script>alert(1)</script>"'><img src=x onerror=alert(2)>`
	id := w.newRoom(t, title, 0, `"><b>tag`)
	w.mu.Lock()
	w.rooms[id].CoverURL = "javascript:alert(3)" // no command takes this; a page must not rely on it
	w.mu.Unlock()
	start(t, w, id)
	for _, path := range []string{"/", "/rooms/" + id.String(), "/console/rooms/" + id.String() + "/edit", "/console/rooms/" + id.String() + "/stop"} {
		body := ask(c, "GET", path, nil, as(signedIn(c))).Body.String()
		for _, live := range []string{"<script>alert", "<img src=x", "<b>tag", `src="javascript:`} {
			if strings.Contains(body, live) {
				t.Errorf("%s holds %q as it was written", path, live)
			}
		}
		if !strings.Contains(body, "&lt;script&gt;alert(1)") {
			t.Errorf("%s does not show the title", path)
		}
	}
	if got := announcement(nil, byID([]cardView{{ID: 1, Title: title}}), []cardView{{ID: 1, Title: title}}); strings.Contains(escape(got), "<") {
		t.Errorf("announced as %q", escape(got))
	}
}

func TestFormFaultsStandAtTheirField(t *testing.T) {
	_, c := newWorld(t)
	good := url.Values{"title": {"Chess"}, "anchor_id": {"42"}}
	for field, bad := range map[string]string{
		"title": "", "anchor_id": "x", "area_id": "99", "tags": "a, a", "language": strings.Repeat("x", 36), "cover_url": "javascript:alert(1)",
	} {
		t.Run(field, func(t *testing.T) {
			form := url.Values{}
			for k, v := range good {
				form[k] = v
			}
			form.Set(field, bad)
			got := ask(c, "POST", "/console/rooms/new", form, as(signedIn(c)), htmx)
			marked := regexp.MustCompile(`name="` + field + `"[^>]*aria-invalid="true"`)
			if got.Code < 400 || !marked.MatchString(got.Body.String()) {
				t.Errorf("answered %d without a mark at %s:\n%s", got.Code, field, got.Body)
			}
			if field != "title" && !strings.Contains(got.Body.String(), `value="Chess"`) {
				t.Error("what was filled in is lost")
			}
		})
	}
}

func TestSecretIsShownOnceAndOnlyToWhoMayActOnTheRoom(t *testing.T) {
	w, c := newWorld(t)
	id := w.newRoom(t, "Chess", 0)
	cookie := as(signedIn(c))
	path := "/console/rooms/" + id.String() + "/keys/new"
	form := url.Values{"label": {"Studio"}, "once": {"one-form"}}
	secret := regexp.MustCompile(`gr_[0-9a-z]+_[a-z2-7]+`)
	first := secret.FindString(ask(c, "POST", path, form, cookie, htmx).Body.String())
	if first == "" {
		t.Fatal("the new key's secret is not shown")
	}
	if again := secret.FindString(ask(c, "POST", path, form, cookie, htmx).Body.String()); again != first {
		t.Errorf("the same form made another key: %q", again)
	}
	page := ask(c, "GET", "/rooms/"+id.String(), nil, cookie).Body.String()
	if strings.Contains(page, first) || !strings.Contains(page, "Studio") {
		t.Error("the room page shows the secret, or not the key")
	}
	visitor := ask(c, "GET", "/rooms/"+id.String(), nil).Body.String()
	for _, hidden := range []string{"Studio", "?key=", "/keys/", "rtmp://"} {
		if strings.Contains(visitor, hidden) {
			t.Errorf("a visitor sees %q", hidden)
		}
	}
}

func TestKeysRotateAndRevoke(t *testing.T) {
	w, c := newWorld(t)
	id := w.newRoom(t, "Chess", 0)
	m := command.Meta{Caller: ops}
	made, err := w.CreateKey(t.Context(), m, id, "Studio")
	must(t, err)
	path := "/console/rooms/" + id.String() + "/keys/" + made.Key.ID.String()
	if got := ask(c, "POST", path+"/rotate", url.Values{"overlap": {"999h"}}, as(signedIn(c)), htmx); got.Code != http.StatusBadRequest {
		t.Errorf("an overlap of 999 h answered %d", got.Code)
	}
	if got := ask(c, "POST", path+"/rotate", url.Values{"overlap": {"1h"}}, as(signedIn(c)), htmx); got.Code != http.StatusOK || !strings.Contains(got.Body.String(), "retiring") {
		t.Errorf("rotating answered %d: %s", got.Code, got.Body)
	}
	if got := ask(c, "POST", path+"/revoke", nil, as(signedIn(c))); got.Code != http.StatusSeeOther || got.Header().Get("Location") != "/rooms/"+id.String() {
		t.Errorf("revoking without script answered %d", got.Code)
	}
	keys, err := w.ListKeys(t.Context(), m, id)
	must(t, err)
	if len(keys) != 2 || keys[1].RevokedAt.IsZero() || !keys[0].RevokedAt.IsZero() {
		t.Errorf("keys after rotate and revoke: %+v", keys)
	}
}

func TestEditThatRacedIsRefused(t *testing.T) {
	w, c := newWorld(t)
	id := w.newRoom(t, "Chess", 0)
	rename(t, w, id, "Chess, renamed elsewhere")
	got := ask(c, "POST", "/console/rooms/"+id.String()+"/edit", url.Values{"title": {"Mine"}, "version": {"1"}}, as(signedIn(c)), htmx)
	if got.Code != http.StatusPreconditionFailed || !strings.Contains(got.Body.String(), `value="Mine"`) || !strings.Contains(got.Body.String(), `name="version" value="2"`) {
		t.Errorf("answered %d: %s", got.Code, got.Body)
	}
}

func TestRoomPageStandsWithoutTheViewersSide(t *testing.T) {
	w, c := newWorld(t)
	id := w.newRoom(t, "Chess", 0)
	w.broken = fault.NotReady.New("the views are being rebuilt")
	got := ask(c, "GET", "/rooms/"+id.String(), nil, as(signedIn(c)))
	if got.Code != http.StatusOK || !strings.Contains(got.Body.String(), "the views are being rebuilt") || !strings.Contains(got.Body.String(), "Start broadcast") {
		t.Errorf("answered %d: %s", got.Code, got.Body)
	}
	w.broken = errors.New("secret of the database")
	got = ask(c, "GET", "/", nil)
	if got.Code != http.StatusInternalServerError || strings.Contains(got.Body.String(), "secret of the database") || !strings.Contains(got.Body.String(), got.Header().Get("X-Request-Id")) {
		t.Errorf("answered %d: %s", got.Code, got.Body)
	}
}

func TestAssetsAreKeptForEver(t *testing.T) {
	_, c := newWorld(t)
	for name := range c.assets.byName {
		got := ask(c, "GET", c.assets.url(name), nil)
		h := got.Header()
		if got.Code != http.StatusOK || !strings.Contains(h.Get("Cache-Control"), "immutable") || h.Get("Vary") != "" {
			t.Fatalf("%s: %d %v", name, got.Code, h)
		}
		if again := ask(c, "GET", c.assets.url(name), nil, header("If-None-Match", h.Get("ETag"))); again.Code != http.StatusNotModified {
			t.Errorf("%s: asked again with its ETag answered %d", name, again.Code)
		}
	}
	page := ask(c, "GET", "/", nil).Body.String()
	for _, m := range regexp.MustCompile(`(?:src|href)="(/console/static/[^"]+)"`).FindAllStringSubmatch(page, -1) {
		if got := ask(c, "GET", m[1], nil); got.Code != http.StatusOK {
			t.Errorf("the page asks for %s: %d", m[1], got.Code)
		}
	}
}
