package queryapi_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/timestamppb"

	roomv1 "github.com/greenroomlive/greenroom/api/gen/greenroom/room/v1"
	"github.com/greenroomlive/greenroom/internal/core/fault"
	"github.com/greenroomlive/greenroom/internal/core/ident"
	"github.com/greenroomlive/greenroom/internal/core/view"
)

var kept = time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)

// Points is query.History: each session has three of them.
func (s *shelf) Points(_ context.Context, room ident.RoomID, session ident.SessionID, from, to time.Time, limit int) (out []view.Count, err error) {
	for i := range int64(3) {
		p := view.Count{Room: room, Session: session, AsOf: kept.Add(time.Duration(i) * time.Minute), Online: i + 1, Peak: i + 2, Likes: i + 3, Unique: i + 4, WatchSeconds: i + 5}
		if !p.AsOf.Before(from) && p.AsOf.Before(to) && len(out) < limit {
			out = append(out, p)
		}
	}
	return out, s.down
}

// watched opens a house with a room on air that is counted.
func watched(t testing.TB) *house {
	t.Helper()
	h := open(t)
	c := room(1, 3)
	c.Live = view.LiveState{Status: view.Live, SessionID: 7, StartedAt: kept}
	h.commit(c, room(2, 1))
	h.rooms.Counted([]view.Count{{Room: 1, Session: 7, Online: 20, Peak: 30, Likes: 40, Unique: 50, WatchSeconds: 60, AsOf: kept}})
	return h
}

func TestTheCardShowsItsAudience(t *testing.T) {
	h := watched(t)
	a := h.get(t, "/v1/rooms/1?fields=audience,version")
	if want := `{"room":{"audience":{"online":"20","peak":"30","likes":"40"},"version":"3"}}`; a.body != want {
		t.Errorf("got %s, want %s", a.body, want)
	}
	if a := h.get(t, "/v1/rooms/1"); !strings.Contains(a.body, `"audience":{"online":"20","peak":"30","likes":"40"}`) || a.Header.Get("Etag") != `"3"` {
		t.Errorf("the card is %s, %v", a.body, a.Header)
	}
	got, err := roomv1.NewRoomServiceClient(h.grpc).GetRoom(t.Context(), &roomv1.GetRoomRequest{Id: 1})
	if err != nil || got.GetRoom().GetAudience().GetOnline() != 20 {
		t.Errorf("over gRPC: %v, %v", got, err)
	}
}

// The tag is the version: where more than the version moves, who has it may still not have what is shown.
func TestACountedRoomIsSentWhole(t *testing.T) {
	h := watched(t)
	if a := h.get(t, "/v1/rooms/1", "If-None-Match", `"3"`); a.StatusCode != 200 || a.body == "" {
		t.Errorf("a room that is counted: %d %s", a.StatusCode, a.body)
	}
	if a := h.get(t, "/v1/rooms/2", "If-None-Match", `"1"`); a.StatusCode != 304 {
		t.Errorf("a room that is not: %d", a.StatusCode)
	}
}

func TestTheAudienceIsTheSameOnBothProtocols(t *testing.T) {
	h := watched(t)
	client := roomv1.NewRoomServiceClient(h.grpc)
	second := timestamppb.New(kept.Add(time.Minute))
	for path, req := range map[string]*roomv1.GetAudienceRequest{
		"1/audience":                                     {RoomId: 1},
		"1/audience?session_id=0":                        {RoomId: 1},
		"1/audience?session_id=6":                        {RoomId: 1, SessionId: 6},
		"1/audience?page_size=2":                         {RoomId: 1, PageSize: 2},
		"1/audience?page_size=2&page_token=7.towk3c":     {RoomId: 1, PageSize: 2, PageToken: "7.towk3c"},
		"1/audience?from=2026-11-22T13:01:00%2B01:00":    {RoomId: 1, From: second},
		"1/audience?to=2026-11-22T12:01:00Z&page_size=9": {RoomId: 1, To: second, PageSize: 9},
		"2/audience":                                     {RoomId: 2},
	} {
		got, err := client.GetAudience(t.Context(), req)
		if err != nil {
			t.Errorf("%s over gRPC: %v", path, err)
			continue
		}
		a := h.get(t, "/v1/rooms/"+path)
		if want := mapping(t, got); a.StatusCode != 200 || a.body != want {
			t.Errorf("%s: got %d\n%s\nwant\n%s", path, a.StatusCode, a.body, want)
		}
		if a.Header.Get("Cache-Control") == "" {
			t.Errorf("%s: %v", path, a.Header)
		}
	}
}

func TestTheAudienceOfNowAndBefore(t *testing.T) {
	h := watched(t)
	const now = `"room_id":"1","session_id":"7","online":"20","peak":"30","likes":"40","unique_viewers":"50","watch_seconds":"60","as_of":"2026-11-22T12:00:00Z","unique_error":0.0040625,`
	const first = `{"minute":"2026-11-22T12:00:00Z","online":"1","peak":"2","likes":"3","unique_viewers":"4","watch_seconds":"5"}`
	if a := h.get(t, "/v1/rooms/1/audience?page_size=1"); !strings.HasPrefix(a.body, "{"+now+`"points":[`+first+`],"next_page_token":"7.`) {
		t.Errorf("got %s", a.body)
	}
	const none = `{"room_id":"2","session_id":"0","online":"0","peak":"0","likes":"0","unique_viewers":"0","watch_seconds":"0","as_of":null,"unique_error":0.0040625,"points":[],"next_page_token":""}`
	if a := h.get(t, "/v1/rooms/2/audience"); a.body != none {
		t.Errorf("of an idle room: %s", a.body)
	}
}

func TestWhatTheAudienceRefuses(t *testing.T) {
	h := watched(t)
	for path, field := range map[string]string{
		"x/audience":                   "id",
		"1/audience?session_id=x":      "session_id",
		"1/audience?from=noon":         "from",
		"1/audience?to=12":             "to",
		"1/audience?page_size=1441":    "page_size",
		"1/audience?page_token=x":      "page_token",
		"1/audience?page_token=8.zzzz": "page_token",
		"1/audience?since=1":           "since",
	} {
		wantError(t, h.get(t, "/v1/rooms/"+path), fault.InvalidArgument, "field", field)
	}
	wantError(t, h.get(t, "/v1/rooms/9/audience"), fault.RoomNotFound, "room_id", "9")
	wantError(t, h.get(t, "/v1/rooms/1/2/audience"), fault.NotFound, "", "")
	client := roomv1.NewRoomServiceClient(h.grpc)
	for _, req := range []*roomv1.GetAudienceRequest{
		{}, {RoomId: 1, SessionId: -1}, {RoomId: 1, PageSize: -1}, {RoomId: 1, From: &timestamppb.Timestamp{Nanos: -1}},
	} {
		if _, err := client.GetAudience(t.Context(), req); status.Code(err) != codes.InvalidArgument {
			t.Errorf("%v: %v", req, err)
		}
	}
}
