package greenroom_test

import (
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"

	greenroom "github.com/greenroomlive/greenroom/client"
	"github.com/greenroomlive/greenroom/internal/adapter/memory"
	"github.com/greenroomlive/greenroom/internal/core/ident"
	"github.com/greenroomlive/greenroom/internal/door/auth"
	"github.com/greenroomlive/greenroom/internal/door/commandapi"
	"github.com/greenroomlive/greenroom/internal/flow/command"
)

func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m,
		// What fasthttp, below the real viewers' nodes, leaves running for the process or for 10 s.
		goleak.IgnoreAnyFunction("github.com/valyala/fasthttp.(*workerPool).Start.func2"),
		goleak.IgnoreAnyFunction("github.com/valyala/fasthttp.updateServerDate.func1"))
}

// commandSide is the real door, behind a handler that may break what passes.
func commandSide(t testing.TB, around func(http.Handler) http.Handler) *greenroom.Client {
	t.Helper()
	anchor := command.NewAnchor(command.Config{Store: memory.NewRooms("test"), IDs: ident.NewMinter(1)})
	door, err := commandapi.New(commandapi.Config{Anchor: anchor, Callers: auth.New("token", nil, nil), Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	srv := httptest.NewServer(around(door))
	t.Cleanup(srv.Close)
	return greenroom.New(greenroom.CommandURL(srv.URL+"/"), greenroom.Token("token"), greenroom.HTTPClient(srv.Client()), quick)
}

var quick = greenroom.Backoff(time.Microsecond, time.Microsecond)

func plain(h http.Handler) http.Handler { return h }

func TestCommandsOfARoomsLife(t *testing.T) {
	c, ctx := commandSide(t, plain), t.Context()
	made, err := c.CreateRoom(ctx, &greenroom.NewRoom{Title: "A", Tags: []string{"x"}})
	if err != nil {
		t.Fatal(err)
	}
	id := made.GetRoom().GetId()
	edited, err := c.UpdateRoom(ctx, id, &greenroom.RoomPatch{}, []string{"tags"}, greenroom.IfMatch(1))
	if err != nil || len(edited.GetRoom().GetTags()) != 0 {
		t.Errorf("edited: %v, %v", edited, err)
	}
	_, err = c.UpdateRoom(ctx, id, &greenroom.RoomPatch{Title: new("B")}, nil, greenroom.IfMatch(1))
	if e, ok := errors.AsType[*greenroom.Error](err); !ok || e.Code != "VERSION_CONFLICT" || e.Details["version"] != "2" || !e.Retryable || e.RequestID == "" {
		t.Errorf("raced: %#v", err)
	}
	key, err := c.CreateKey(ctx, id, "studio")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := c.RotateKey(ctx, id, key.GetKeyId(), time.Minute); err != nil {
		t.Error(err)
	}
	if k, err := c.RevokeKey(ctx, id, key.GetKeyId()); err != nil || k.GetRevokedAt() == nil {
		t.Errorf("revoked: %v, %v", k, err)
	}
	if keys, err := c.ListKeys(ctx, id); err != nil || len(keys) != 2 {
		t.Errorf("keys: %v, %v", keys, err)
	}
	if live, err := c.StartRoom(ctx, id); err != nil || live.GetRoom().GetLive().GetEpoch() != 1 {
		t.Errorf("live: %v, %v", live, err)
	}
	if _, err := c.StopRoom(ctx, id); err != nil {
		t.Error(err)
	}
	if s, _, err := c.ListSessions(ctx, id, ""); err != nil || len(s) != 1 {
		t.Errorf("sessions: %v, %v", s, err)
	}
	if own, err := c.OwnRoom(ctx, id); err != nil || own.GetRoom().GetVersion() != 4 {
		t.Errorf("own: %v, %v", own, err)
	}
	area, err := c.CreateArea(ctx, 0, "Games")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := c.RenameArea(ctx, area.GetId(), "Play"); err != nil {
		t.Error(err)
	}
	if _, err := c.MoveArea(ctx, area.GetId(), area.GetId()); !greenroom.HasCode(err, "AREA_CONFLICT") {
		t.Errorf("moved below itself: %v", err)
	}
	if _, err := c.TraceRoom(ctx, 0, 0); !greenroom.HasCode(err, "INVALID_ARGUMENT") {
		t.Errorf("room 0: %v", err)
	}
}

func TestALostAnswerIsAskedForAgainAndTheCommandHappensOnce(t *testing.T) {
	var mu sync.Mutex
	keys := map[string]int{}
	lost := 0
	c := commandSide(t, func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			mu.Lock()
			keys[r.Header.Get("Idempotency-Key")]++
			lose := lost < 2
			lost++
			mu.Unlock()
			if !lose {
				next.ServeHTTP(w, r)
				return
			}
			next.ServeHTTP(httptest.NewRecorder(), r) // it happens, and nobody hears of it
			panic(http.ErrAbortHandler)
		})
	})
	made, err := c.CreateRoom(t.Context(), &greenroom.NewRoom{Title: "A"})
	if err != nil {
		t.Fatal(err)
	}
	rooms, _, err := c.ListRooms(t.Context(), 0, "")
	if err != nil || len(rooms) != 1 || rooms[0].GetId() != made.GetRoom().GetId() {
		t.Errorf("rooms: %v, %v", rooms, err)
	}
	delete(keys, "")
	if len(keys) != 1 {
		t.Errorf("keys of one command: %v", keys)
	}
}

func TestOnlyWhatPassesIsRetried(t *testing.T) {
	tests := map[string]struct {
		status, want int
		body         string
		code         string
	}{
		"overload":    {429, 3, `{"error":{"code":"OVERLOADED","message":"m","details":{},"request_id":"r"}}`, "OVERLOADED"},
		"shed":        {503, 3, `{"error":{"code":"SHED","message":"m","details":{},"request_id":""}}`, "SHED"},
		"budget":      {429, 3, `{"error":{"code":"RATE_LIMITED","message":"m","details":{},"request_id":""}}`, "RATE_LIMITED"},
		"not visible": {503, 3, `{"error":{"code":"NOT_YET_VISIBLE","message":"m","details":{},"request_id":"r"}}`, "NOT_YET_VISIBLE"},
		"no room":     {404, 1, `{"error":{"code":"ROOM_NOT_FOUND","message":"m","details":{"field":"id"},"request_id":"r"}}`, "ROOM_NOT_FOUND"},
		"a proxy":     {502, 3, `<html>`, greenroom.Unavailable},
		"not ours":    {200, 1, `<html>`, greenroom.Unavailable},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			asked := 0
			srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				asked++
				w.WriteHeader(tt.status)
				_, _ = io.WriteString(w, tt.body)
			}))
			defer srv.Close()
			c := greenroom.New(greenroom.QueryURL(srv.URL), greenroom.Attempts(3), quick, greenroom.HTTPClient(srv.Client()))
			_, err := c.GetRoom(t.Context(), 1)
			if !greenroom.HasCode(err, tt.code) || asked != tt.want {
				t.Errorf("asked %d times, %v", asked, err)
			}
		})
	}
}

func TestReads(t *testing.T) {
	var asked []string
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked = append(asked, r.URL.RequestURI()+" "+r.Header.Get("X-Room-Min-Version")+r.Header.Get("Authorization"))
		w.Header().Set("X-Room-Age-Ms", "250")
		w.Header().Set("X-Room-Stale", "true")
		_, _ = io.WriteString(w, map[string]string{
			"/v1/rooms/7":          `{"room":{"id":"7","title":"T","version":"3","a_newer_field":1}}`,
			"/v1/rooms":            `{"rooms":[{"id":"7"}],"missing":["8"]}`,
			"/v1/anchors/42/rooms": `{"rooms":[{"id":"7"}]}`,
			"/v1/live":             `{"rooms":[{"id":"7"}],"next_page_token":"n","snapshot":"s"}`,
		}[r.URL.Path])
	}))
	defer srv.Close()
	c := greenroom.New(greenroom.QueryURL(srv.URL), greenroom.Token("secret"), greenroom.HTTPClient(srv.Client()))
	ctx := t.Context()
	seen, err := c.GetRoom(ctx, 7, greenroom.MinVersion(3))
	if err != nil || seen.GetTitle() != "T" || seen.Age != 250*time.Millisecond || !seen.Stale {
		t.Errorf("seen: %v, %v", seen, err)
	}
	if rooms, missing, err := c.Batch(ctx, 7, 8); err != nil || len(rooms) != 1 || missing[0] != 8 {
		t.Errorf("batch: %v %v %v", rooms, missing, err)
	}
	if rooms, err := c.AnchorRooms(ctx, 42); err != nil || len(rooms) != 1 {
		t.Errorf("of anchor: %v %v", rooms, err)
	}
	if rooms, next, err := c.Live(ctx, greenroom.LiveQuery{Area: 3, PageSize: 2}); err != nil || len(rooms) != 1 || next != "n" {
		t.Errorf("live: %v %v %v", rooms, next, err)
	}
	want := []string{"/v1/rooms/7 3", "/v1/rooms?ids=7%2C8 ", "/v1/anchors/42/rooms ", "/v1/live?area=3&page_size=2 "}
	if fmt.Sprint(asked) != fmt.Sprint(want) {
		t.Errorf("asked %q", asked)
	}
}

// What a filter leaves out is not gone through again after a reconnect: a heartbeat says how far it is.
func TestAHeartbeatMovesTheCursor(t *testing.T) {
	var asked []string
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked = append(asked, r.URL.RequestURI())
		if len(asked) == 1 {
			_, _ = io.WriteString(w, `{"feed_seq":"3","epoch":"e","type":"WentLive"}`+"\n"+`{"heartbeat":{"feed_seq":"9","proven_at":null}}`+"\n")
			return
		}
		_, _ = io.WriteString(w, `{"feed_seq":"12","epoch":"e","type":"LiveEnded"}`+"\n")
	}))
	t.Cleanup(server.Close)
	var got []int64
	for e, err := range greenroom.New(greenroom.QueryURL(server.URL)).RoomEvents(t.Context(), 7, 2, "WentLive", "LiveEnded") {
		if err != nil {
			t.Fatal(err)
		}
		if got = append(got, e.GetFeedSeq()); len(got) == 2 {
			break
		}
	}
	want := []string{"/v1/rooms/7/events?after=2&heartbeat=15s&types=WentLive%2CLiveEnded", "/v1/rooms/7/events?after=9&heartbeat=15s&types=WentLive%2CLiveEnded"}
	if !slices.Equal(got, []int64{3, 12}) || !slices.Equal(asked, want) {
		t.Errorf("got %v, asked %q", got, asked)
	}
}

// feedOf serves n events, and breaks each connection after a few, in the middle of a line.
func feedOf(t *testing.T, n int64, connections *int) *greenroom.Client {
	t.Helper()
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		*connections++
		after, _ := strconv.ParseInt(r.URL.Query().Get("after"), 10, 64)
		if after > n {
			w.WriteHeader(400)
			_, _ = fmt.Fprintf(w, `{"error":{"code":"INVALID_ARGUMENT","message":"m","details":{"end":"%d"},"request_id":"r"}}`, n)
			return
		}
		if *connections == 2 {
			w.WriteHeader(503)
			_, _ = io.WriteString(w, `{"error":{"code":"SHED","message":"m","details":{},"request_id":""}}`)
			return
		}
		from := max(after, 1) // the last one seen comes again: a server that is too kind
		for seq := from; seq <= n && seq < from+3; seq++ {
			_, _ = fmt.Fprintf(w, "{\"feed_seq\":\"%d\",\"epoch\":\"e\",\"type\":\"RoomCreated\"}\n\n", seq)
		}
		_, _ = io.WriteString(w, `{"feed_seq":"99`)
	}))
	t.Cleanup(srv.Close)
	return greenroom.New(greenroom.QueryURL(srv.URL), quick, greenroom.HTTPClient(srv.Client()))
}

func TestTheFeedGoesOnAtItsCursor(t *testing.T) {
	connections := 0
	c := feedOf(t, 10, &connections)
	next := int64(1)
	for e, err := range c.Feed(t.Context(), greenroom.FeedQuery{}) {
		if err != nil {
			t.Fatal(err)
		}
		if e.GetFeedSeq() != next {
			t.Fatalf("event %d, want %d", e.GetFeedSeq(), next)
		}
		if next++; next > 10 {
			break
		}
	}
	if next != 11 || connections < 4 {
		t.Errorf("%d events over %d connections", next-1, connections)
	}
	if end, err := c.FeedEnd(t.Context()); end != 10 || err != nil {
		t.Errorf("end %d, %v", end, err)
	}
}

func TestTheFeedEndsWithWhatCannotPass(t *testing.T) {
	event := func(epoch string, seq int) string {
		return fmt.Sprintf("{\"feed_seq\":\"%d\",\"epoch\":%q}\n", seq, epoch)
	}
	tests := map[string]struct{ body, code string }{
		"another log":   {event("a", 1) + event("b", 2), "CURSOR_EXPIRED"},
		"the last word": {event("a", 1) + `{"error":{"code":"CURSOR_EXPIRED","message":"m","details":{"oldest":"9"},"request_id":"r"}}` + "\n", "CURSOR_EXPIRED"},
		"not a feed":    {event("a", 1) + "<html>\n", greenroom.Unavailable},
		"endless line":  {event("a", 1) + strings.Repeat("a", 2<<20), greenroom.Unavailable},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, tt.body) }))
			defer srv.Close()
			events := 0
			var last error
			for e, err := range greenroom.New(greenroom.QueryURL(srv.URL), quick, greenroom.HTTPClient(srv.Client())).Feed(t.Context(), greenroom.FeedQuery{}) {
				if last = err; e != nil {
					events++
				}
			}
			if events != 1 || !greenroom.HasCode(last, tt.code) {
				t.Errorf("%d events, then %v", events, last)
			}
		})
	}
}

func TestAConnectionThatIsResetIsALostAnswer(t *testing.T) {
	var resets atomic.Int64
	c := commandSide(t, func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if resets.Add(1) > 2 {
				next.ServeHTTP(w, r)
				return
			}
			conn, _, err := http.NewResponseController(w).Hijack()
			if err != nil {
				t.Error(err)
				return
			}
			_ = conn.(*net.TCPConn).SetLinger(0) // closing is then a reset, as that of a killed process
			_ = conn.Close()
		})
	})
	if _, err := c.CreateRoom(t.Context(), &greenroom.NewRoom{Title: "A"}); err != nil {
		t.Error(err)
	}
}
