package queryapi_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"

	roomv1 "github.com/greenroomlive/greenroom/api/gen/greenroom/room/v1"
	"github.com/greenroomlive/greenroom/internal/core/ident"
	"github.com/greenroomlive/greenroom/internal/core/view"
)

// broadcast puts n rooms on air, newest last: in two languages, every third tagged.
func (h *house) broadcast(n int) {
	cards := make([]view.RoomCard, n)
	for i := range cards {
		c := onAir(ident.RoomID(i + 1))
		c.UpdatedAt = c.Live.StartedAt
		c.AreaID, c.Language = 2, []string{"ja", "en-GB"}[i%2]
		if i%3 == 0 {
			c.Tags = []string{"third"}
		}
		cards[i] = c
	}
	h.commit(cards...)
}

func TestTheLiveListIsFilteredAlikeOverBothProtocols(t *testing.T) {
	h := open(t)
	h.shelf.areas = []view.Area{{ID: 1, Name: "games", Children: []view.Area{{ID: 2, Name: "chess"}}}}
	h.broadcast(12)
	client := roomv1.NewRoomServiceClient(h.grpc)
	for query, c := range map[string]struct {
		req   *roomv1.ListLiveRequest
		rooms int
		total string
	}{
		"area=1":                   {&roomv1.ListLiveRequest{AreaId: 1}, 12, `"total_size":"12"`},
		"area=9":                   {&roomv1.ListLiveRequest{AreaId: 9}, 0, `"total_size":"0"`},
		"tag=third":                {&roomv1.ListLiveRequest{Tag: "third"}, 4, `"total_size":"4"`},
		"language=EN&sort=started": {&roomv1.ListLiveRequest{Language: "EN", Sort: "started"}, 6, `"total_size":"6"`},
		"language=en&tag=third&area=1&sort=online": {&roomv1.ListLiveRequest{Language: "en", Tag: "third", AreaId: 1, Sort: "online"}, 2, ""},
		"page_size=5": {&roomv1.ListLiveRequest{PageSize: 5}, 5, `"total_size":"12"`},
	} {
		t.Run(query, func(t *testing.T) {
			answer, err := client.ListLive(t.Context(), c.req)
			if err != nil {
				t.Fatal(err)
			}
			body := h.get(t, "/v1/live?"+query).body
			if want := mapping(t, answer); body != want {
				t.Errorf("HTTP %s\ngRPC %s", body, want)
			}
			if len(answer.GetRooms()) != c.rooms || !strings.Contains(body, c.total) || c.total == "" && answer.TotalSize != nil {
				t.Errorf("%d rooms of %v, want %d and %s", len(answer.GetRooms()), answer.TotalSize, c.rooms, c.total)
			}
		})
	}
	if a := h.get(t, "/v1/live?language=e%20n"); a.StatusCode != http.StatusBadRequest || !strings.Contains(a.body, `"field":"language"`) {
		t.Errorf("%d %s", a.StatusCode, a.body)
	}
}

// TestLiveIDsComeInParts: more than one part, the same over both protocols, each room once.
func TestLiveIDsComeInParts(t *testing.T) {
	h := open(t)
	for _, n := range []int{0, 1, 9000} {
		t.Run(fmt.Sprint(n), func(t *testing.T) {
			h.broadcast(n)
			var want []string
			for i := range n {
				want = append(want, fmt.Sprint(n-i))
			}
			var answer struct{ IDs []string }
			if err := json.Unmarshal([]byte(h.get(t, "/v1/live:ids").body), &answer); err != nil || !slices.Equal(answer.IDs, want) {
				t.Errorf("HTTP has %d of %d, %v", len(answer.IDs), n, err)
			}
			stream, err := roomv1.NewRoomServiceClient(h.grpc).ListLiveIds(t.Context(), &roomv1.ListLiveIdsRequest{})
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			for {
				part, err := stream.Recv()
				if errors.Is(err, io.EOF) {
					break
				}
				if err != nil {
					t.Fatal(err)
				}
				if len(part.GetIds()) > 4096 {
					t.Errorf("%d ids in a part", len(part.GetIds()))
				}
				for _, id := range part.GetIds() {
					got = append(got, fmt.Sprint(id))
				}
			}
			if !slices.Equal(got, want) {
				t.Errorf("gRPC has %d of %d", len(got), n)
			}
		})
	}
}
