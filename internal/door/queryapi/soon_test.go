package queryapi_test

import (
	"slices"
	"testing"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"

	roomv1 "github.com/greenroomlive/greenroom/api/gen/greenroom/room/v1"
	"github.com/greenroomlive/greenroom/internal/core/fault"
	"github.com/greenroomlive/greenroom/internal/core/ident"
	"github.com/greenroomlive/greenroom/internal/core/view"
)

// timetable is queryapi.Upcoming: three rooms, one after the other.
type timetable struct{}

func (timetable) List(behind view.Upcoming, limit int) (page []view.Upcoming, more bool) {
	for i := range ident.RoomID(3) {
		start := kept.Add(time.Duration(i) * time.Minute)
		if start.After(behind.Start) {
			page = append(page, view.Upcoming{Room: i + 1, Occurrence: view.Occurrence{Plan: 9, Title: "a talk", Original: "2026-11-22T20:00:00", Start: start, End: start.Add(time.Hour)}})
		}
	}
	return page[:min(len(page), limit)], len(page) > limit
}

func TestWhatBeginsSoonIsTheSameOnBothProtocols(t *testing.T) {
	h := open(t)
	client := roomv1.NewRoomServiceClient(h.grpc)
	var rooms []int64
	for token := ""; ; {
		a := h.get(t, "/v1/soon?page_size=2&page_token="+token)
		var got roomv1.ListSoonResponse
		if err := protojson.Unmarshal([]byte(a.body), &got); a.StatusCode != 200 || err != nil {
			t.Fatalf("%d %s: %v", a.StatusCode, a.body, err)
		}
		same, err := client.ListSoon(t.Context(), &roomv1.ListSoonRequest{PageSize: 2, PageToken: token})
		if err != nil || !proto.Equal(same, &got) {
			t.Errorf("over gRPC %v, %v, over HTTP %s", same, err, a.body)
		}
		for _, o := range got.GetBroadcasts() {
			rooms = append(rooms, o.GetRoomId())
		}
		if token = got.GetNextPageToken(); token == "" {
			break
		}
	}
	if !slices.Equal(rooms, []int64{1, 2, 3}) {
		t.Errorf("crawled %v", rooms)
	}
}

func TestWhatIsNoPageOfWhatBeginsSoon(t *testing.T) {
	h := open(t)
	for query, field := range map[string]string{
		"page_size=201": "page_size", "page_size=-1": "page_size", "page_token=x": "page_token", "page_token=1.2.3.4": "page_token",
		"page_token=-1.1.1.2026-11-22T20:00:00": "page_token", "room=1": "room",
	} {
		wantError(t, h.get(t, "/v1/soon?"+query), fault.InvalidArgument, "field", field)
	}
	_, err := roomv1.NewRoomServiceClient(h.grpc).ListSoon(t.Context(), &roomv1.ListSoonRequest{PageSize: 999})
	if status.Code(err) != codes.InvalidArgument {
		t.Errorf("over gRPC: %v", err)
	}
}
