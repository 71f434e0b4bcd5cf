package queryapi_test

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	audiencev1 "github.com/greenroomlive/greenroom/api/gen/greenroom/audience/v1"
	"github.com/greenroomlive/greenroom/internal/core/view"
)

// openOnAir is a house in which room 7 is on air and room 8 is not.
func openOnAir(t *testing.T) *house {
	h := open(t)
	on := room(7, 3)
	on.Live = view.LiveState{Status: view.Live, SessionID: 70, Epoch: 1, StartedAt: time.Now()}
	h.commit(on, room(8, 1))
	return h
}

func (h *house) post(t *testing.T, path, body string) answer {
	t.Helper()
	resp, err := h.web.Post(h.http+path, "text/plain", strings.NewReader(body)) // as a page's beacon does
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return answer{resp, string(text)}
}

func TestViewersSayThatTheyWatch(t *testing.T) {
	h := openOnAir(t)
	const counted, not = `{"counted":true,"next_in_ms":20000}`, `{"counted":false,"next_in_ms":20000}`
	for _, c := range []struct {
		path, body string
		status     int
		says       string
	}{
		{"/v1/rooms/7/heartbeat", `{"viewer_id":"ann"}`, 200, counted},
		{"/v1/rooms/7/heartbeat", ` { "viewer_id" : "\u0061nn" } `, 200, counted},
		{"/v1/rooms/7/heartbeat", `{"viewer_id":"` + strings.Repeat("é", 32) + `"}`, 200, counted},
		{"/v1/rooms/8/heartbeat", `{"viewer_id":"ann"}`, 200, not},
		{"/v1/rooms/9/heartbeat", `{"viewer_id":"ann"}`, 200, not},
		{"/v1/rooms/7/heartbeat", `{"viewer_id":""}`, 400, `"field":"viewer_id"`},
		{"/v1/rooms/7/heartbeat", `{}`, 400, `"field":"viewer_id"`},
		{"/v1/rooms/7/heartbeat", `{"viewer_id":"` + strings.Repeat("x", 65) + `"}`, 400, `"field":"viewer_id"`},
		{"/v1/rooms/7/heartbeat", `{"viewer_id":"ann","name":"Ann"}`, 400, `"field":"name"`},
		{"/v1/rooms/7/heartbeat", `{"viewer_id":"ann","room_id":"8"}`, 400, `"field":"room_id"`},
		{"/v1/rooms/7/heartbeat", `{"viewer_id":"ann","viewer_id":"bob"}`, 400, "INVALID_ARGUMENT"},
		{"/v1/rooms/7/heartbeat", `ann`, 400, "INVALID_ARGUMENT"},
		{"/v1/rooms/7/heartbeat", "", 400, "INVALID_ARGUMENT"},
		{"/v1/rooms/7/heartbeat", "{\"viewer_id\":\"\xff\"}", 400, "INVALID_ARGUMENT"},
		{"/v1/rooms/7/heartbeat", `{"viewer_id":"` + strings.Repeat("x", 2000) + `"}`, 413, "TOO_LARGE"},
		{"/v1/rooms/7/heartbeat?viewer_id=ann", `{"viewer_id":"ann"}`, 400, `"field":"viewer_id"`},
		{"/v1/rooms/x/heartbeat", `{"viewer_id":"ann"}`, 404, "NOT_FOUND"},
		{"/v1/rooms/7/8/heartbeat", `{"viewer_id":"ann"}`, 404, "NOT_FOUND"},
		{"/v1/rooms/7/like", `{"viewer_id":"ann","count":3}`, 200, `{"counted":true}`},
		{"/v1/rooms/7/like", `{"viewer_id":"ann","count":"100"}`, 200, `{"counted":true}`},
		{"/v1/rooms/8/like", `{"viewer_id":"ann","count":3}`, 200, `{"counted":false}`},
		{"/v1/rooms/7/like", `{"viewer_id":"ann","count":101}`, 400, `"field":"count"`},
		{"/v1/rooms/7/like", `{"viewer_id":"ann"}`, 400, `"field":"count"`},
		{"/v1/rooms/7/like", `{"viewer_id":"ann","count":1,"of":2}`, 400, `"field":"of"`},
	} {
		a := h.post(t, c.path, c.body)
		if a.StatusCode != c.status || !strings.Contains(a.body, c.says) {
			t.Errorf("%s %.80q: %d %s", c.path, c.body, a.StatusCode, a.body)
		}
		if got := a.Header.Get("Cache-Control"); got != "no-store" {
			t.Errorf("%s %.80q may be kept: %q", c.path, c.body, got)
		}
	}
}

func TestOnlyPostsSayAnything(t *testing.T) {
	h := openOnAir(t)
	for _, method := range []string{"GET", "PUT", "DELETE"} {
		if a := h.do(t, method, "/v1/rooms/7/heartbeat"); a.StatusCode != 405 || a.Header.Get("Allow") != "POST, OPTIONS" {
			t.Errorf("%s: %d, allowed is %q", method, a.StatusCode, a.Header.Get("Allow"))
		}
	}
	a := h.do(t, "OPTIONS", "/v1/rooms/7/like", "Origin", "https://example.org")
	if a.StatusCode != 204 || a.Header.Get("Access-Control-Allow-Methods") != "POST, OPTIONS" || !strings.Contains(a.Header.Get("Access-Control-Allow-Headers"), "Content-Type") {
		t.Errorf("a web page may not say anything: %d %v", a.StatusCode, a.Header)
	}
	if a := h.post(t, "/v1/rooms/7", "{}"); a.StatusCode != 405 {
		t.Errorf("a room was posted to: %d", a.StatusCode)
	}
}

// What follows a heartbeat on its connection is answered too, and what follows any other body is not.
func TestOneConnectionBeatsForHours(t *testing.T) {
	h := openOnAir(t)
	const body = `{"viewer_id":"ann"}`
	for _, c := range []struct {
		head    string
		answers int
	}{
		{"POST /v1/rooms/7/heartbeat HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n%s", 3},
		{"POST /v1/rooms/7/heartbeat HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n%x\r\n%s\r\n0\r\n\r\n", 1},
		{"GET /v1/rooms/7/heartbeat HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n%s", 1},
		{"POST /v1/rooms/7 HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n%s", 1},
	} {
		conn, err := net.Dial("tcp", strings.TrimPrefix(h.http, "http://"))
		if err != nil {
			t.Fatal(err)
		}
		if err := conn.SetDeadline(time.Now().Add(30 * time.Second)); err != nil {
			t.Fatal(err)
		}
		one := fmt.Sprintf(c.head, len(body), body)
		if _, err := io.WriteString(conn, one+one+"GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"); err != nil {
			t.Fatal(err)
		}
		answers, from := 0, bufio.NewReader(conn)
		for {
			resp, err := http.ReadResponse(from, nil)
			if err != nil {
				break
			}
			_, _ = io.Copy(io.Discard, resp.Body)
			answers++
		}
		_ = conn.Close()
		if answers != c.answers {
			t.Errorf("%.40q was answered %d times, want %d", c.head, answers, c.answers)
		}
	}
}

func TestAFullNodeSaysSo(t *testing.T) {
	h := openOnAir(t)
	refused := 0
	for n := range 2000 {
		switch a := h.post(t, "/v1/rooms/7/heartbeat", fmt.Sprintf(`{"viewer_id":"v%d"}`, n)); a.StatusCode {
		case 200:
		case 429:
			refused++
			if !strings.Contains(a.body, "OVERLOADED") || a.Header.Get("Retry-After") == "" {
				t.Fatalf("%s %v", a.body, a.Header)
			}
		default:
			t.Fatalf("%d %s", a.StatusCode, a.body)
		}
	}
	if refused < 900 {
		t.Errorf("%d of 2000 viewers were refused by a node for 1000", refused)
	}
}

func TestGatewaysBeatForManyOverGRPC(t *testing.T) {
	h := openOnAir(t)
	c := audiencev1.NewAudienceServiceClient(h.grpc)
	batch := func(n int, room int64) *audiencev1.HeartbeatRequest {
		req := &audiencev1.HeartbeatRequest{}
		for i := range n {
			req.Watching = append(req.Watching, &audiencev1.Watching{RoomId: room, ViewerId: strings.Repeat("x", 60) + fmt.Sprint(1000+i)})
		}
		return req
	}
	full := batch(499, 7)
	full.Watching = append(full.Watching, batch(1, 8).GetWatching()...)
	out, err := c.Heartbeat(t.Context(), full)
	if err != nil || out.GetCounted() != 499 || out.GetRefused() != 0 || out.GetNextInMs() != 20_000 {
		t.Errorf("%v, %v", out, err)
	}
	if out, err := c.Like(t.Context(), &audiencev1.LikeRequest{RoomId: 7, ViewerId: "ann", Count: 5}); err != nil || !out.GetCounted() {
		t.Errorf("%v, %v", out, err)
	}
	for what, req := range map[string]*audiencev1.HeartbeatRequest{
		"nobody": {}, "too many": batch(501, 7), "no room": batch(1, 0), "no id": {Watching: []*audiencev1.Watching{{RoomId: 7}}},
	} {
		if _, err := c.Heartbeat(t.Context(), req); status.Code(err) != codes.InvalidArgument {
			t.Errorf("%s: %v", what, err)
		}
	}
	if _, err := c.Like(t.Context(), &audiencev1.LikeRequest{RoomId: 7, ViewerId: "ann", Count: 101}); status.Code(err) != codes.InvalidArgument {
		t.Errorf("too many likes: %v", err)
	}
}
