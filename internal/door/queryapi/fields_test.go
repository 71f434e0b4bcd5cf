package queryapi_test

import (
	"encoding/json"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"

	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/known/fieldmaskpb"
	"pgregory.net/rapid"

	roomv1 "github.com/greenroomlive/greenroom/api/gen/greenroom/room/v1"
	"github.com/greenroomlive/greenroom/internal/core/fault"
	"github.com/greenroomlive/greenroom/internal/core/ident"
	"github.com/greenroomlive/greenroom/internal/wire"
)

// paths are all that a mask may name, as the message declares them.
func paths(d protoreflect.MessageDescriptor, prefix string) (out []string) {
	for i := range d.Fields().Len() {
		f := d.Fields().Get(i)
		out = append(out, prefix+string(f.Name()))
		if m := f.Message(); m != nil && !f.IsMap() && strings.HasPrefix(string(m.FullName()), "greenroom.") {
			out = append(out, paths(m, prefix+string(f.Name())+".")...)
		}
	}
	return out
}

// named reports whether a mask names a field, or part of it.
func named(mask []string, path string) (all, part bool) {
	for _, p := range mask {
		all = all || p == path
		part = part || strings.HasPrefix(p, path+".")
	}
	return all, part
}

// prune takes out of a decoded JSON object what the mask does not name.
func prune(object map[string]any, mask []string, prefix string) {
	for name, value := range object {
		switch all, part := named(mask, prefix+name); {
		case all:
		case !part:
			delete(object, name)
		default:
			prune(value.(map[string]any), mask, prefix+name+".")
		}
	}
}

// clearOthers is what a read mask does to a message, said plainly.
func clearOthers(m protoreflect.Message, mask []string, prefix string) {
	m.Range(func(f protoreflect.FieldDescriptor, v protoreflect.Value) bool {
		path := prefix + string(f.Name())
		switch all, part := named(mask, path); {
		case all:
		case !part:
			m.Clear(f)
		default:
			clearOthers(v.Message(), mask, path+".")
		}
		return true
	})
}

func decoded(t rapid.TB, text string) (out map[string]any) {
	t.Helper()
	if err := json.Unmarshal([]byte(text), &out); err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	return out
}

func TestAMaskCutsOutOfTheEncodedCardWhatAFieldMaskSays(t *testing.T) {
	h := open(t)
	client := roomv1.NewRoomServiceClient(h.grpc)
	known := paths((&roomv1.Room{}).ProtoReflect().Descriptor(), "")
	next := ident.RoomID(1)
	rapid.Check(t, func(rt *rapid.T) {
		card := genRoom(next).Draw(rt, "room")
		next++
		h.commit(card)
		mask := rapid.SliceOfN(rapid.SampledFrom(known), 1, 6).Draw(rt, "mask")
		want := wire.Room(&card)
		full := mapping(rt, want)
		clearOthers(want.ProtoReflect(), mask, "")

		object := decoded(rt, full)
		prune(object, mask, "")
		path := fmt.Sprintf("/v1/rooms/%d?fields=%s", card.ID, strings.Join(mask, ","))
		got := h.get(t, path)
		if !reflect.DeepEqual(decoded(rt, got.body)["room"], any(object)) || got.Header.Get("ETag") != fmt.Sprintf("%q", card.Version.String()) {
			rt.Fatalf("%s\ngot  %s\nwant %v", path, got.body, object)
		}
		// protojson of the filtered message is the same, but for the zero values that it cannot tell from those left out.
		said, err := protojson.Marshal(want)
		var again roomv1.Room
		body, _ := json.Marshal(object)
		if err != nil || protojson.Unmarshal(body, &again) != nil || mapping(rt, &again) != mapping(rt, want) {
			rt.Fatalf("%s is not %s", body, said)
		}
		// The order is the card's, and nothing but members was taken out.
		if cut := strings.TrimSuffix(strings.TrimPrefix(got.body, `{"room":`), "}"); !subsequence(cut, full) {
			rt.Fatalf("%s is not cut out of %s", cut, full)
		}

		one, err := client.GetRoom(t.Context(), &roomv1.GetRoomRequest{Id: int64(card.ID), ReadMask: &fieldmaskpb.FieldMask{Paths: mask}})
		if err != nil || !proto.Equal(one.GetRoom(), want) {
			rt.Fatalf("%v: %v (%v), want %v", mask, one, err, want)
		}
	})
}

// subsequence reports whether a's bytes stand in b in this order, up to commas that separated what is gone.
func subsequence(a, b string) bool {
	for i := range len(a) {
		at := strings.IndexByte(b, a[i])
		if at < 0 {
			return false
		}
		b = b[at+1:]
	}
	return true
}

func TestListsTakeMasks(t *testing.T) {
	h := open(t)
	h.commit(onAir(1), onAir(2))
	for path, want := range map[string]string{
		"/v1/rooms?ids=2,9,1&fields=id":                `{"rooms":[{"id":"2"},{"id":"1"}],"missing":["9"]}`,
		"/v1/anchors/42/rooms?fields=live.status":      `{"rooms":[{"live":{"status":"LIVE"}},{"live":{"status":"LIVE"}}]}`,
		"/v1/rooms/1?fields=control.until,live.epoch":  `{"room":{"live":{"epoch":"0"},"control":{"until":null}}}`,
		"/v1/rooms/1?fields=live.epoch,control,id,id":  `{"room":{"id":"1","live":{"epoch":"0"},"control":{"state":"NORMAL","reason":"","until":null}}}`,
		"/v1/rooms/1?fields=extension.widgets,version": `{"room":{"extension":{"widgets":{}},"version":"1"}}`,
	} {
		if a := h.get(t, path); a.body != want {
			t.Errorf("%s: %s\nwant %s", path, a.body, want)
		}
	}
	if a := h.get(t, "/v1/live?fields=id"); !strings.HasPrefix(a.body, `{"rooms":[{"id":"2"},{"id":"1"}],`) {
		t.Errorf("live: %s", a.body)
	}
	// Nothing within a text is taken for the end of it.
	for i, title := range []string{`"`, `\`, `\\"`, `\","language":"x`, `{`, `]}`, `,`} {
		c := room(ident.RoomID(10+i), 1)
		c.AnchorID, c.Title, c.Language = 43, title, "en"
		h.commit(c)
		if a := h.get(t, fmt.Sprintf("/v1/rooms/%d?fields=language", c.ID)); a.body != `{"room":{"language":"en"}}` {
			t.Errorf("%s: %s", title, a.body)
		}
	}
	client := roomv1.NewRoomServiceClient(h.grpc)
	mask := &fieldmaskpb.FieldMask{Paths: []string{"id", "live.started_at"}}
	batch, err := client.BatchGetRooms(t.Context(), &roomv1.BatchGetRoomsRequest{Ids: []int64{2, 9, 1}, ReadMask: mask})
	anchors, err2 := client.ListAnchorRooms(t.Context(), &roomv1.ListAnchorRoomsRequest{AnchorId: 42, ReadMask: mask})
	live, err3 := client.ListLive(t.Context(), &roomv1.ListLiveRequest{ReadMask: mask})
	if err != nil || err2 != nil || err3 != nil || !slices.Equal(batch.GetMissing(), []int64{9}) {
		t.Fatalf("%v, %v, %v, missing %v", err, err2, err3, batch.GetMissing())
	}
	for _, rooms := range [][]*roomv1.Room{batch.GetRooms(), anchors.GetRooms(), live.GetRooms()} {
		if len(rooms) != 2 {
			t.Fatalf("%d rooms", len(rooms))
		}
		for _, r := range rooms {
			if r.GetId() == 0 || r.GetLive().GetStartedAt() == nil || r.GetTitle() != "" || r.GetVersion() != 0 || r.GetLive().GetStatus() != 0 {
				t.Errorf("%v", r)
			}
		}
	}
}

func TestAMaskThatIsWrong(t *testing.T) {
	h := open(t)
	h.commit(room(7, 1))
	many := strings.Repeat("id,", 32) + "id"
	for _, target := range []string{"/v1/rooms/7?", "/v1/rooms?ids=7&", "/v1/anchors/42/rooms?", "/v1/live?"} {
		for _, mask := range []string{"", "stream_key", "id,", "live.", ".live", "live.key", "title.x", "tags.0", "updated_at.seconds", "extension.widgets.poll", "Id", "id id"} {
			a := h.get(t, target+"fields="+strings.ReplaceAll(mask, " ", "%20"))
			wantError(t, a, fault.InvalidArgument, "field", "fields")
			_, last, _ := strings.Cut(mask, ",")
			if last == "" && !strings.Contains(a.body, `\"`+strings.TrimSuffix(mask, ",")+`\"`) && mask != "id," {
				t.Errorf("%s is not named in %s", mask, a.body)
			}
		}
		wantError(t, h.get(t, target+"fields="+many), fault.TooLarge, "field", "fields")
		wantError(t, h.get(t, target+"fields=id&fields=title"), fault.InvalidArgument, "field", "fields")
	}
	_, err := roomv1.NewRoomServiceClient(h.grpc).GetRoom(t.Context(), &roomv1.GetRoomRequest{Id: 7, ReadMask: &fieldmaskpb.FieldMask{Paths: []string{"id", "secret"}}})
	if f := faultOf(t, err); f.GetCode() != "INVALID_ARGUMENT" || f.GetDetails()["field"] != "read_mask" || !strings.Contains(f.GetMessage(), `"secret"`) {
		t.Errorf("%v", f)
	}
}
