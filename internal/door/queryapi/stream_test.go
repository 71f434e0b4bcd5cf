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
