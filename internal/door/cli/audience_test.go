package cli

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"
)

// auditorium is the viewers' side of one broadcast with two minutes of history, one a page; it keeps what it was asked.
type auditorium struct{ asked []url.Values }

func (a *auditorium) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.URL.Path != "/v1/rooms/7/audience" {
		w.WriteHeader(http.StatusNotFound)
		_, _ = io.WriteString(w, `{"error":{"code":"ROOM_NOT_FOUND","message":"m","details":{},"request_id":"r"}}`)
		return
	}
	a.asked = append(a.asked, r.URL.Query())
	minute, online, next := "12:00", 15, "9.b"
	if r.URL.Query().Get("page_token") == next {
		minute, online, next = "12:01", 16, ""
	}
	// The second page counts more than the first: what is printed as now is the first.
	_, _ = fmt.Fprintf(w, `{"room_id":"7","session_id":"9","online":"%d","peak":"30","likes":"40","unique_viewers":"50","watch_seconds":"10800000000",`+
		`"as_of":"2026-11-22T12:02:00Z","unique_error":0.0040625,"points":[{"minute":"2026-11-22T%s:00Z","online":"%d","peak":"3","likes":"4","unique_viewers":"5","watch_seconds":"61"}],"next_page_token":%q}`,
		online+5, minute, online, next)
}

func openAuditorium(t *testing.T) (*town, *auditorium) {
	t.Helper()
	a := &auditorium{}
	srv := httptest.NewServer(a)
	t.Cleanup(srv.Close)
	return &town{t: t, data: t.TempDir(), commandURL: srv.URL, queryURL: srv.URL}, a
}

func TestAudience(t *testing.T) {
	h, a := openAuditorium(t)
	h.ok(`(?s)^session +9\nonline +20\npeak +30\nlikes +40\nviewers +50 ± 0\.4 %\nwatched +3000000h0m0s\nas of +`+when+`\n`+
		`MINUTE +ONLINE +PEAK +LIKES +VIEWERS +WATCHED\n`+when+` +15 +3 +4 +5 +1m1s\n`+when+` +16 +3 +4 +5 +1m1s\n$`, "audience", "7")
	if len(a.asked) != 2 || a.asked[0].Get("from") == "" || a.asked[0].Get("from") != a.asked[1].Get("from") || a.asked[0].Has("session_id") {
		t.Errorf("asked %v", a.asked)
	}
	if from, err := time.Parse(time.RFC3339Nano, a.asked[0].Get("from")); err != nil || from.After(time.Now().Add(-time.Hour)) {
		t.Errorf("the last hour begins at %v, %v", from, err)
	}
	h.ok(`^\{"room_id":"7".*"online":"20".*"minute":"2026-11-22T12:00:00Z".*"minute":"2026-11-22T12:01:00Z".*"next_page_token":""\}\n$`, "--json", "audience", "7")
}

func TestAudienceAsksForNoMore(t *testing.T) {
	h, a := openAuditorium(t)
	h.ok(` 15 +3 +4 +5 +1m1s\n$`, "audience", "7", "--session", "9", "--last", "0", "--limit", "1")
	if len(a.asked) != 1 || a.asked[0].Encode() != "page_size=1&session_id=9" {
		t.Errorf("asked %v", a.asked)
	}
	if _, errs, status := h.run("audience", "8"); status != statusFault || !strings.Contains(errs, "ROOM_NOT_FOUND") {
		t.Errorf("no such room: status %d, %s", status, errs)
	}
}

func TestWatched(t *testing.T) {
	for seconds, want := range map[int64]string{0: "0s", 61: "1m1s", 3599: "59m59s", 3600: "1h0m0s", 7325: "2h2m5s", 10_800_000_000: "3000000h0m0s"} {
		if got := watched(seconds); got != want {
			t.Errorf("%d s: %s, want %s", seconds, got, want)
		}
	}
}
