package queryapi_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"testing"
	"time"

	"google.golang.org/grpc"
	healthpb "google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
	"pgregory.net/rapid"

	faultv1 "github.com/greenroomlive/greenroom/api/gen/greenroom/fault/v1"
	roomv1 "github.com/greenroomlive/greenroom/api/gen/greenroom/room/v1"
	"github.com/greenroomlive/greenroom/internal/core/ident"
	"github.com/greenroomlive/greenroom/internal/core/view"
)

func faultOf(t testing.TB, err error) *faultv1.Fault {
	t.Helper()
	for _, d := range status.Convert(err).Details() {
		if f, ok := d.(*faultv1.Fault); ok {
			return f
		}
	}
	t.Fatalf("no fault in %v", err)
	return nil
}

// mapping is the proto3 JSON of a message, without the blanks protojson scatters.
func mapping(t rapid.TB, m proto.Message) string {
	t.Helper()
	b, err := protojson.MarshalOptions{UseProtoNames: true, EmitUnpopulated: true}.Marshal(m)
	if err != nil {
		t.Fatalf("protojson: %v", err)
	}
	var out bytes.Buffer
	if err := json.Compact(&out, b); err != nil {
		t.Fatalf("compact: %v", err)
	}
	return out.String()
}

func genRoom(id ident.RoomID) *rapid.Generator[view.RoomCard] {
	return rapid.Custom(func(t *rapid.T) view.RoomCard {
		return view.RoomCard{
			ID: id, AnchorID: 42, Title: rapid.String().Draw(t, "title"),
			Tags:      rapid.SliceOfN(rapid.String(), 0, 3).Draw(t, "tags"),
			Live:      view.LiveState{Status: view.Live, SessionID: 9, StartedAt: time.UnixMilli(rapid.Int64Range(1, 4e12).Draw(t, "started")).UTC()},
			Control:   view.Control{Reason: rapid.String().Draw(t, "reason")},
			Audience:  view.Audience{Online: rapid.Int64().Draw(t, "online")},
			Version:   ident.Version(rapid.Int64Min(1).Draw(t, "version")),
			UpdatedAt: time.UnixMilli(rapid.Int64Range(1, 4e12).Draw(t, "updated")).UTC(),
		}
	})
}

func TestBothProtocolsGiveTheSameAnswer(t *testing.T) {
	h := open(t)
	client := roomv1.NewRoomServiceClient(h.grpc)
	next := ident.RoomID(1)
	rapid.Check(t, func(rt *rapid.T) {
		ctx := t.Context()
		id := next
		next += 2
		h.commit(genRoom(id).Draw(rt, "room"), genRoom(id+1).Draw(rt, "another"))
		same := func(path string, m proto.Message, err error) {
			if err != nil {
				rt.Fatalf("%s over gRPC: %v", path, err)
			}
			if got, want := h.get(t, path).body, mapping(rt, m); got != want {
				rt.Fatalf("%s\nHTTP %s\ngRPC %s", path, got, want)
			}
		}
		one, err := client.GetRoom(ctx, &roomv1.GetRoomRequest{Id: int64(id)})
		same(fmt.Sprintf("/v1/rooms/%d", id), one, err)
		batch, err := client.BatchGetRooms(ctx, &roomv1.BatchGetRoomsRequest{Ids: []int64{int64(id + 1), 1 << 60, int64(id), 1<<60 + 1}})
		same(fmt.Sprintf("/v1/rooms?ids=%d,%d,%d,%d", id+1, 1<<60, id, 1<<60+1), batch, err)
		live, err := client.ListLive(ctx, &roomv1.ListLiveRequest{PageSize: 1, Sort: "online"})
		same("/v1/live?page_size=1&sort=online", live, err)
	})
	anchors, err := client.ListAnchorRooms(t.Context(), &roomv1.ListAnchorRoomsRequest{AnchorId: 5})
	if err != nil || mapping(t, anchors) != h.get(t, "/v1/anchors/5/rooms").body {
		t.Errorf("anchors %v, %v", anchors, err)
	}
	h.shelf.areas = []view.Area{{ID: 1, Name: "music", Children: []view.Area{{ID: 2, Name: "jazz"}}}}
	areas, err := client.ListAreas(t.Context(), &roomv1.ListAreasRequest{})
	if err != nil || mapping(t, areas) != h.get(t, "/v1/areas").body {
		t.Errorf("areas %v, %v", areas, err)
	}
}

func TestGRPCSaysHowFreshARoomIs(t *testing.T) {
	h := open(t)
	h.commit(room(7, 17))
	var header metadata.MD
	_, err := roomv1.NewRoomServiceClient(h.grpc).GetRoom(t.Context(), &roomv1.GetRoomRequest{Id: 7}, grpc.Header(&header))
	if err != nil || header.Get("x-room-version")[0] != "17" || len(header.Get("x-room-age-ms")) != 1 || len(header.Get("x-room-stale")) != 0 {
		t.Errorf("%v, %v", header, err)
	}
	ctx := metadata.AppendToOutgoingContext(t.Context(), "x-room-min-version", "18")
	_, err = roomv1.NewRoomServiceClient(h.grpc).GetRoom(ctx, &roomv1.GetRoomRequest{Id: 7})
	if f := faultOf(t, err); f.GetCode() != "NOT_YET_VISIBLE" || !f.GetRetryable() {
		t.Errorf("fault %v", f)
	}
}

func TestGRPCHealthFollowsReadiness(t *testing.T) {
	h := open(t)
	client := healthpb.NewHealthClient(h.grpc)
	for _, want := range []healthpb.HealthCheckResponse_ServingStatus{healthpb.HealthCheckResponse_SERVING, healthpb.HealthCheckResponse_NOT_SERVING} {
		for _, service := range []string{"", "greenroom.room.v1.RoomService"} {
			resp, err := client.Check(t.Context(), &healthpb.HealthCheckRequest{Service: service})
			if err != nil || resp.GetStatus() != want {
				t.Errorf("%q: %v, %v, want %v", service, resp, err, want)
			}
		}
		h.shelf.set(func() { h.shelf.notReady = fmt.Errorf("starting") })
	}
}
