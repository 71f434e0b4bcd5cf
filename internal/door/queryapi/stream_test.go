package queryapi_test

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	roomv1 "github.com/greenroomlive/greenroom/api/gen/greenroom/room/v1"
	"github.com/greenroomlive/greenroom/internal/core/view"
)

// follow opens the feed; lines are read as they come.
func (h *house) follow(t testing.TB, path string, headers ...string) (*http.Response, *bufio.Reader) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	t.Cleanup(cancel)
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, h.http+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i < len(headers); i += 2 {
		req.Header.Set(headers[i], headers[i+1])
	}
	resp, err := h.web.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { resp.Body.Close() })
	return resp, bufio.NewReader(resp.Body)
}

func line(t testing.TB, r *bufio.Reader) string {
	t.Helper()
	s, err := r.ReadString('\n')
	if err != nil {
		t.Fatalf("after %q: %v", s, err)
	}
	return strings.TrimSuffix(s, "\n")
}

func TestTheFeedAsLines(t *testing.T) {
	h := open(t)
	h.happen(5)
	resp, r := h.follow(t, "/v1/feed")
	if resp.Header.Get("Content-Type") != "application/x-ndjson" {
		t.Errorf("headers %v", resp.Header)
	}
	for i := range 5 {
		if got := line(t, r); got != string(h.shelf.frames[i].JSON) {
			t.Fatalf("line %d is %s", i, got)
		}
	}
	h.happen(1)
	if got := line(t, r); got != string(h.shelf.frames[5].JSON) {
		t.Errorf("as it happened: %s", got)
	}
	_, r = h.follow(t, "/v1/feed?after=2&rooms=1&types=WentLive,LiveEnded")
	if got := line(t, r); !strings.Contains(got, `"feed_seq":"4"`) {
		t.Errorf("filtered: %s", got)
	}
}

func TestTheFeedAsServerSentEvents(t *testing.T) {
	h := open(t)
	h.happen(3)
	// A browser that reconnects repeats the URL it began with and says where it was.
	resp, r := h.follow(t, "/v1/feed?after=1", "Accept", "text/event-stream", "Last-Event-ID", "2")
	if resp.Header.Get("Content-Type") != "text/event-stream" || resp.Header.Get("Access-Control-Allow-Origin") != "*" {
		t.Errorf("headers %v", resp.Header)
	}
	for _, want := range []string{"retry: 1000", "", "id: 3", "event: WentLive", "data: " + string(h.shelf.frames[2].JSON), ""} {
		if got := line(t, r); got != want {
			t.Fatalf("got %q, want %q", got, want)
		}
	}
}

func TestAFeedWhosePlaceIsGoneSaysSo(t *testing.T) {
	h := open(t)
	h.happen(3)
	_, r := h.follow(t, "/v1/feed?after=3", "Accept", "text/event-stream")
	line(t, r)
	line(t, r)
	h.hub.Reset(1)
	if got := line(t, r); got != "event: error" {
		t.Fatalf("got %q", got)
	}
	if got := line(t, r); !strings.HasPrefix(got, `data: {"error":{"code":"CURSOR_EXPIRED"`) {
		t.Errorf("got %q", got)
	} else if !strings.Contains(got, `"cursor":"3"`) {
		t.Errorf("without a place to go on from: %q", got)
	}
}

func TestTheFeedOfOneRoom(t *testing.T) {
	h := open(t)
	h.commit(view.RoomCard{ID: 1, Version: 1})
	h.happen(5)
	resp, r := h.follow(t, "/v1/rooms/1/events?after=2", "Accept", "text/event-stream")
	if resp.StatusCode != 200 || resp.Header.Get("Access-Control-Allow-Origin") != "*" || resp.Header.Get("Cache-Control") != "no-store" {
		t.Errorf("answered %s, %v", resp.Status, resp.Header)
	}
	for _, want := range []string{"retry: 1000", "", "id: 4", "event: WentLive", "data: " + string(h.shelf.frames[3].JSON), ""} {
		if got := line(t, r); got != want {
			t.Fatalf("got %q, want %q", got, want)
		}
	}
	h.happen(1)
	if got := line(t, r); got != "id: 6" {
		t.Errorf("as it happened: %q", got)
	}
	for path, code := range map[string]string{
		"/v1/rooms/404/events":                          "ROOM_NOT_FOUND",
		"/v1/rooms/x/events":                            "INVALID_ARGUMENT",
		"/v1/rooms/1/events?rooms=2":                    "INVALID_ARGUMENT",
		"/v1/rooms/1/events?after=99":                   "INVALID_ARGUMENT",
		"/v1/rooms/1/2/events":                          "NOT_FOUND",
		"/v1/feed?heartbeat=100ms":                      "INVALID_ARGUMENT",
		"/v1/feed?heartbeat=61s":                        "INVALID_ARGUMENT",
		"/v1/feed?heartbeat=1500ms":                     "INVALID_ARGUMENT",
		"/v1/feed?heartbeat=-1s":                        "INVALID_ARGUMENT",
		"/v1/feed?heartbeat=9999999999999999999999999h": "INVALID_ARGUMENT",
		"/events": "NOT_FOUND",
	} {
		if a := h.get(t, path); !strings.Contains(a.body, `"code":"`+code+`"`) {
			t.Errorf("%s: %s, want %s", path, a.body, code)
		}
	}
}

func TestAFeedsHeadHasNoEvents(t *testing.T) {
	h := open(t)
	h.happen(1)
	a := h.do(t, "HEAD", "/v1/feed", "Accept", "text/event-stream")
	if a.StatusCode != 200 || a.body != "" || a.Header.Get("Content-Type") != "text/event-stream" {
		t.Errorf("answered %s %v %q", a.Status, a.Header, a.body)
	}
	if a := h.get(t, "/v1/feed?after=9"); a.StatusCode != 400 {
		t.Errorf("the connection after it answered %s", a.Status)
	}
}

func TestStoppingEndsTheFeeds(t *testing.T) {
	h := open(t)
	h.happen(1)
	_, lines := h.follow(t, "/v1/feed")
	line(t, lines)
	watch, err := roomv1.NewRoomServiceClient(h.grpc).WatchFeed(t.Context(), &roomv1.WatchFeedRequest{})
	if err != nil {
		t.Fatal(err)
	}
	if m, err := watch.Recv(); err != nil || m.GetFeedSeq() != 1 || m.GetSnapshot().GetTitle() != "line\nbreak" {
		t.Fatalf("got %v, %v", m, err)
	}
	h.stop()
	if rest, err := io.ReadAll(lines); err != nil || len(rest) > 0 {
		t.Errorf("HTTP feed ended with %q, %v", rest, err)
	}
	if _, err := watch.Recv(); status.Code(err) != codes.Unavailable {
		t.Errorf("gRPC feed ended with %v", err)
	}
}

func TestAClientThatLeavesIsNoticed(t *testing.T) {
	h := open(t)
	ctx, leave := context.WithCancel(context.Background())
	req, _ := http.NewRequestWithContext(ctx, http.MethodGet, h.http+"/v1/feed", nil)
	h.happen(1)
	resp, err := h.web.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	line(t, bufio.NewReader(resp.Body))
	leave()
	resp.Body.Close()
	// Nothing happens in the feed any more. goleak finds the stream if it waits for an event.
	h.stop()
}

func TestGRPCRefusesAsHTTPDoes(t *testing.T) {
	h := open(t)
	h.happen(1)
	watch, err := roomv1.NewRoomServiceClient(h.grpc).WatchFeed(t.Context(), &roomv1.WatchFeedRequest{After: 9})
	if err != nil {
		t.Fatal(err)
	}
	_, err = watch.Recv()
	if f := faultOf(t, err); f.GetCode() != "INVALID_ARGUMENT" || f.GetDetails()["field"] != "after" {
		t.Errorf("fault %v", f)
	}
	for want, call := range map[string]func() error{
		"ROOM_NOT_FOUND": func() error {
			_, err := roomv1.NewRoomServiceClient(h.grpc).GetRoom(t.Context(), &roomv1.GetRoomRequest{Id: 9})
			return err
		},
		"INVALID_ARGUMENT": func() error {
			_, err := roomv1.NewRoomServiceClient(h.grpc).GetRoom(t.Context(), &roomv1.GetRoomRequest{Id: -1})
			return err
		},
		"TOO_LARGE": func() error {
			ids := make([]int64, 1001)
			for i := range ids {
				ids[i] = 1
			}
			_, err := roomv1.NewRoomServiceClient(h.grpc).BatchGetRooms(t.Context(), &roomv1.BatchGetRoomsRequest{Ids: ids})
			return err
		},
	} {
		if f := faultOf(t, call()); f.GetCode() != want || f.GetRequestId() == "" {
			t.Errorf("fault %v, want %s", f, fmt.Sprint(want))
		}
	}
}
