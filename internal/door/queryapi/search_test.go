package queryapi_test

import (
	"encoding/json"
	"fmt"
	"net/url"
	"runtime"
	"strings"
	"testing"
	"time"

	"google.golang.org/protobuf/types/known/fieldmaskpb"

	roomv1 "github.com/greenroomlive/greenroom/api/gen/greenroom/room/v1"
	"github.com/greenroomlive/greenroom/internal/core/fault"
	"github.com/greenroomlive/greenroom/internal/core/ident"
	"github.com/greenroomlive/greenroom/internal/core/view"
)

// indexed waits until a search can find all that was committed.
func (h *house) indexed(t testing.TB) {
	t.Helper()
	const last = ident.RoomID(1<<62 - 1)
	c := room(last, 1)
	c.Title = "last of all"
	h.commit(c)
	for until := time.Now().Add(10 * time.Second); ; runtime.Gosched() {
		body := h.get(t, "/v1/search?q=last+of+all").body
		if strings.Contains(body, last.String()) && strings.HasSuffix(body, `"complete":true}`) {
			return
		}
		if time.Now().After(until) {
			t.Fatalf("the index does not follow: %s", body)
		}
	}
}

// chess are rooms that have the word in many ways, each on air before its id of viewers.
func chess(n int) (cards []view.RoomCard) {
	for id := 1; id <= n; id++ {
		c := room(ident.RoomID(id), 1)
		c.Title, c.Language = fmt.Sprintf("chess %d 象棋 \"quoted\"", id), "zh-Hans"
		c.Live = view.LiveState{Status: view.Live, SessionID: 1, StartedAt: time.UnixMilli(1).UTC()}
		c.Audience.Online, c.UpdatedAt = int64(id), c.UpdatedAt.Truncate(time.Millisecond)
		cards = append(cards, c)
	}
	return cards
}

func TestSearchIsTheSameOnBothProtocols(t *testing.T) {
	h := open(t)
	h.commit(chess(30)...)
	h.indexed(t)
	client := roomv1.NewRoomServiceClient(h.grpc)
	for path, req := range map[string]*roomv1.SearchRoomsRequest{
		"?q=chess":                      {Q: "chess"},
		"?q=che&live=false&page_size=7": {Q: "che", PageSize: 7},
		"?q=" + url.QueryEscape("象棋 #") + "&live=true":    {Q: "象棋 #", Live: true},
		"?q=chess&language=ZH&area=0&fields=id,version":   {Q: "chess", Language: "ZH", ReadMask: &fieldmaskpb.FieldMask{Paths: []string{"id", "version"}}},
		"?q=nothing+has+these":                            {Q: "nothing has these"},
		"?q=chess&page_size=7&page_token=" + h.next(t, 7): {Q: "chess", PageSize: 7, PageToken: h.next(t, 7)},
	} {
		answer, err := client.SearchRooms(t.Context(), req)
		if err != nil {
			t.Errorf("%s over gRPC: %v", path, err)
			continue
		}
		if req.GetReadMask() != nil { // protojson would show what is masked
			var masked struct{ Rooms []map[string]any }
			if err := json.Unmarshal([]byte(h.get(t, "/v1/search"+path).body), &masked); err != nil || len(masked.Rooms) != len(answer.GetRooms()) || len(masked.Rooms[0]) != 2 {
				t.Errorf("%s: %v, %v", path, masked, err)
			}
			continue
		}
		if got, want := h.get(t, "/v1/search"+path).body, mapping(t, answer); got != want {
			t.Errorf("%s\nHTTP %s\ngRPC %s", path, got, want)
		}
	}
}

// next is the token of the second page.
func (h *house) next(t *testing.T, size int) string {
	t.Helper()
	answer, err := roomv1.NewRoomServiceClient(h.grpc).SearchRooms(t.Context(), &roomv1.SearchRoomsRequest{Q: "chess", PageSize: int32(size)})
	if err != nil || answer.GetNextPageToken() == "" {
		t.Fatalf("no second page: %v, %v", answer, err)
	}
	return answer.GetNextPageToken()
}

func TestSearchSaysHowFreshItsRoomsAre(t *testing.T) {
	h := open(t)
	h.commit(chess(1)...)
	h.indexed(t)
	if a := h.get(t, "/v1/search?q=chess"); a.Header.Get("X-Room-Age-Ms") == "" || a.Header.Get("Cache-Control") == "" {
		t.Errorf("headers %v", a.Header)
	}
}

func TestWrongSearchesNameTheParameter(t *testing.T) {
	h := open(t)
	for query, field := range map[string]string{
		"": "q", "?q=": "q", "?q=%21%21": "q", "?q=%ff": "q", "?q=" + strings.Repeat("x", 121): "q", "?q=" + strings.Repeat("x+", 13): "q",
		"?q=x&live=yes": "live", "?q=x&area=music": "area", "?q=x&page_size=101": "page_size", "?q=x&page_size=4294967297": "page_size",
		"?q=x&page_token=y": "page_token", "?q=x&sort=online": "sort", "?q=x&q=y": "q", "?q=x&fields=secret": "fields", "?q=x&language=" + strings.Repeat("x", 36): "language",
	} {
		a := h.get(t, "/v1/search"+query)
		if a.StatusCode != fault.InvalidArgument.HTTP || !strings.Contains(a.body, fmt.Sprintf(`"field":%q`, field)) {
			t.Errorf("%s: %d %s, want a complaint of %s", query, a.StatusCode, a.body, field)
		}
	}
	_, err := roomv1.NewRoomServiceClient(h.grpc).SearchRooms(t.Context(), &roomv1.SearchRoomsRequest{Q: "x", AreaId: -1})
	if f := faultOf(t, err); f.GetCode() != "INVALID_ARGUMENT" || f.GetDetails()["field"] != "area_id" {
		t.Errorf("fault %v", f)
	}
}
