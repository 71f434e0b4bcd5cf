package queryapi_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/greenroomlive/greenroom/internal/core/fault"
	"github.com/greenroomlive/greenroom/internal/core/ident"
	"github.com/greenroomlive/greenroom/internal/core/view"
)

func room(id ident.RoomID, version ident.Version) view.RoomCard {
	return view.RoomCard{ID: id, AnchorID: 42, Title: "Late night jazz", Version: version, UpdatedAt: time.Now()}
}

func onAir(id ident.RoomID) view.RoomCard {
	c := room(id, 1)
	c.Live = view.LiveState{Status: view.Live, StartedAt: time.UnixMilli(int64(id)).UTC()}
	return c
}

func TestARoomSaysHowFreshItIs(t *testing.T) {
	h := open(t)
	c := room(7, 17)
	h.commit(c)
	a := h.get(t, "/v1/rooms/7")
	if want := `{"room":` + string(c.AppendJSON(nil)) + `}`; a.StatusCode != 200 || a.body != want {
		t.Errorf("%d %s\nwant %s", a.StatusCode, a.body, want)
	}
	for name, want := range map[string]string{
		"X-Room-Version": "17", "ETag": `"17"`, "Content-Type": "application/json", "X-Room-Stale": "",
		"Cache-Control": "public, max-age=1, stale-while-revalidate=5", "Access-Control-Allow-Origin": "*", "Vary": "X-Room-Min-Version",
	} {
		if got := a.Header.Get(name); got != want {
			t.Errorf("%s is %q, want %q", name, got, want)
		}
	}
	if a.Header.Get("X-Room-Age-Ms") == "" || a.Header.Get("Date") == "" {
		t.Errorf("headers %v", a.Header)
	}
}

func TestAnOldProofIsSaid(t *testing.T) {
	h := open(t)
	c := room(7, 1)
	c.UpdatedAt = time.Now().Add(-time.Hour)
	h.commit(c)
	h.shelf.set(func() { h.shelf.provenAt = time.Now().Add(-time.Minute); h.shelf.down = errors.New("gone") })
	a := h.get(t, "/v1/rooms/7")
	if a.StatusCode != 200 || a.Header.Get("X-Room-Stale") != "true" {
		t.Errorf("%d, headers %v", a.StatusCode, a.Header)
	}
	if list := h.get(t, "/v1/rooms?ids=7"); list.Header.Get("X-Room-Stale") != "true" {
		t.Errorf("the batch hides it: %v", list.Header)
	}
}

func TestARoomThatDidNotChangeIsNotSentAgain(t *testing.T) {
	h := open(t)
	h.commit(room(7, 17))
	for header, want := range map[string]int{
		`"17"`: 304, `W/"17"`: 304, `"16", "17"`: 304, `*`: 304, `"16"`: 200, `17`: 200, `"1", W/"7"`: 200,
	} {
		a := h.get(t, "/v1/rooms/7", "If-None-Match", header)
		if a.StatusCode != want || (want == 304) != (a.body == "") || a.Header.Get("ETag") != `"17"` {
			t.Errorf("If-None-Match %s: %d %q %v", header, a.StatusCode, a.body, a.Header)
		}
	}
	a := h.do(t, http.MethodHead, "/v1/rooms/7")
	if a.StatusCode != 200 || a.body != "" || a.ContentLength <= 0 || a.Header.Get("X-Room-Version") != "17" {
		t.Errorf("HEAD: %d %q %v", a.StatusCode, a.body, a.Header)
	}
}

func TestAMinimumVersion(t *testing.T) {
	h := open(t)
	h.commit(room(7, 17))
	if a := h.get(t, "/v1/rooms/7", "X-Room-Min-Version", "17"); a.StatusCode != 200 || a.Header.Get("Cache-Control") != "no-store" {
		t.Errorf("there already: %d %v", a.StatusCode, a.Header)
	}
	wantError(t, h.get(t, "/v1/rooms/7", "X-Room-Min-Version", "18"), fault.NotYetVisible, "min_version", "18")
	wantError(t, h.get(t, "/v1/rooms/7", "X-Room-Min-Version", "new"), fault.InvalidArgument, "field", "X-Room-Min-Version")
}

func wantError(t testing.TB, a answer, code *fault.Code, key, value string) {
	t.Helper()
	var body struct {
		Error struct {
			Code, Message string
			Details       map[string]string
			RequestID     string `json:"request_id"`
		}
	}
	if err := json.Unmarshal([]byte(a.body), &body); err != nil {
		t.Fatalf("%d %s: %v", a.StatusCode, a.body, err)
	}
	e := body.Error
	if a.StatusCode != code.HTTP || e.Code != code.Name || e.Message == "" || e.Details == nil || e.Details[key] != value {
		t.Errorf("%d %s, want %s with %s %q", a.StatusCode, a.body, code.Name, key, value)
	}
	if e.RequestID == "" || a.Header.Get("X-Request-Id") != e.RequestID || a.Header.Get("Cache-Control") != "no-store" {
		t.Errorf("headers %v of %s", a.Header, a.body)
	}
}

func TestWhatIsRefused(t *testing.T) {
	h := open(t)
	h.commit(room(7, 1))
	h.happen(2)
	many := strings.TrimSuffix(strings.Repeat("7,", 1001), ",")
	for _, tc := range []struct {
		path       string
		code       *fault.Code
		key, value string
	}{
		{"/v1/rooms/8", fault.RoomNotFound, "", ""},
		{"/v1/rooms/0", fault.InvalidArgument, "field", "id"},
		{"/v1/rooms/-7", fault.InvalidArgument, "field", "id"},
		{"/v1/rooms/9223372036854775808", fault.InvalidArgument, "field", "id"},
		{"/v1/rooms/", fault.InvalidArgument, "field", "id"},
		{"/v1/rooms/7?fields=key", fault.InvalidArgument, "field", "fields"},
		{"/v1/rooms/7/keys", fault.NotFound, "", ""},
		{"/v1/rooms", fault.InvalidArgument, "field", "ids"},
		{"/v1/rooms?ids=7,x", fault.InvalidArgument, "field", "ids"},
		{"/v1/rooms?ids=7&ids=8", fault.InvalidArgument, "field", "ids"},
		{"/v1/rooms?ids=" + many, fault.TooLarge, "field", "ids"},
		{"/v1/anchors/me/rooms", fault.InvalidArgument, "field", "anchor_id"},
		{"/v1/live?area=music", fault.InvalidArgument, "field", "area"},
		{"/v1/live?sort=name", fault.InvalidArgument, "field", "sort"},
		{"/v1/live?page_size=201", fault.InvalidArgument, "field", "page_size"},
		{"/v1/live?page_size=4294967297", fault.InvalidArgument, "field", "page_size"},
		{"/v1/live?page_token=x", fault.InvalidArgument, "field", "page_token"},
		{"/v1/live?offset=10", fault.InvalidArgument, "field", "offset"},
		{"/v1/live:ids?tag=x", fault.InvalidArgument, "field", "tag"},
		{"/v1/feed?after=3", fault.InvalidArgument, "field", "after"},
		{"/v1/feed?types=RoomExploded", fault.InvalidArgument, "field", "types"},
		{"/v1/feed?since=1", fault.InvalidArgument, "field", "since"},
		{"/v2/rooms/7", fault.NotFound, "", ""},
	} {
		t.Run(tc.path[:min(len(tc.path), 40)], func(t *testing.T) {
			wantError(t, h.get(t, tc.path), tc.code, tc.key, tc.value)
		})
	}
	t.Run("a header that is too large", func(t *testing.T) {
		wantError(t, h.get(t, "/v1/rooms/7", "X-Padding", strings.Repeat("x", 30<<10)), fault.TooLarge, "", "")
	})
	t.Run("a store that is gone", func(t *testing.T) {
		h.shelf.set(func() { h.shelf.down = errors.New("secret path of the database") })
		a := h.get(t, "/v1/rooms/9", "X-Request-Id", "mine-1")
		wantError(t, a, fault.StoreUnavailable, "", "")
		if a.Header.Get("X-Request-Id") != "mine-1" || a.Header.Get("Retry-After") != "1" || strings.Contains(a.body, "secret") {
			t.Errorf("%v %s", a.Header, a.body)
		}
	})
}

func TestOtherMethods(t *testing.T) {
	h := open(t)
	a := h.do(t, http.MethodPost, "/v1/rooms/7")
	wantError(t, a, fault.MethodNotAllowed, "", "")
	if a.Header.Get("Allow") != "GET, HEAD, OPTIONS" {
		t.Errorf("Allow %q", a.Header.Get("Allow"))
	}
	a = h.do(t, http.MethodOptions, "/v1/rooms/7", "Origin", "https://player.example")
	if a.StatusCode != 204 || a.Header.Get("Access-Control-Allow-Origin") != "*" || !strings.Contains(a.Header.Get("Access-Control-Allow-Methods"), "GET") {
		t.Errorf("preflight %d %v", a.StatusCode, a.Header)
	}
}

func TestTheLargestBatch(t *testing.T) {
	h := open(t)
	h.commit(room(9_000_000_000_000_000_002, 1), room(9_000_000_000_000_000_001, 1))
	var ids []string
	for i := range 1000 {
		ids = append(ids, fmt.Sprint(9_000_000_000_000_000_999-i))
	}
	a := h.get(t, "/v1/rooms?ids="+strings.Join(ids, ","))
	var body struct {
		Rooms   []struct{ ID string }
		Missing []string
	}
	if err := json.Unmarshal([]byte(a.body), &body); err != nil {
		t.Fatalf("%d %.200s: %v", a.StatusCode, a.body, err)
	}
	if len(body.Rooms) != 2 || body.Rooms[0].ID != "9000000000000000002" || len(body.Missing) != 998 {
		t.Errorf("%d rooms, %d missing", len(body.Rooms), len(body.Missing))
	}
}

func TestLists(t *testing.T) {
	h := open(t)
	h.shelf.areas = []view.Area{{ID: 1, Name: "music"}}
	h.commit(onAir(1), onAir(2), onAir(3), room(4, 1))
	var page struct {
		Rooms    []struct{ ID string }
		Next     string `json:"next_page_token"`
		Snapshot string
	}
	var ids []string
	for path := "/v1/live?page_size=2"; path != ""; {
		a := h.get(t, path)
		if err := json.Unmarshal([]byte(a.body), &page); err != nil || page.Snapshot == "" {
			t.Fatalf("%d %s: %v", a.StatusCode, a.body, err)
		}
		for _, r := range page.Rooms {
			ids = append(ids, r.ID)
		}
		path = ""
		if page.Next != "" {
			path = "/v1/live?page_size=2&page_token=" + page.Next
		}
	}
	if fmt.Sprint(ids) != "[3 2 1]" {
		t.Errorf("crawled %v", ids)
	}
	for path, want := range map[string]string{
		"/v1/live:ids":        `{"ids":["3","2","1"]}`,
		"/v1/areas":           `{"areas":[{"id":"1","name":"music","children":[]}]}`,
		"/v1/anchors/5/rooms": `{"rooms":[]}`,
		"/v1/rooms?ids=9":     `{"rooms":[],"missing":["9"]}`,
		"/healthz":            `{"status":"ok"}`,
		"/readyz":             `{"status":"ready"}`,
	} {
		if a := h.get(t, path); want != "" && (a.StatusCode != 200 || a.body != want) {
			t.Errorf("%s: %d %s, want %s", path, a.StatusCode, a.body, want)
		}
	}
	tag := h.get(t, "/v1/areas").Header.Get("ETag")
	if a := h.get(t, "/v1/areas", "If-None-Match", tag); a.StatusCode != 304 {
		t.Errorf("areas again: %d", a.StatusCode)
	}
}

func TestReadyzSaysWhyNot(t *testing.T) {
	h := open(t)
	h.shelf.set(func() { h.shelf.notReady = errors.New("the views are being filled: 40 %") })
	a := h.get(t, "/readyz")
	wantError(t, a, fault.NotReady, "", "")
	if !strings.Contains(a.body, "40 %") || h.get(t, "/healthz").StatusCode != 200 {
		t.Errorf("%s", a.body)
	}
}
