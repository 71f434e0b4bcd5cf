package queryapi

import (
	"encoding/json"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/valyala/fasthttp"
	"google.golang.org/protobuf/proto"

	roomv1 "github.com/greenroomlive/greenroom/api/gen/greenroom/room/v1"
)

func TestTheServersBatchAllocatesAsMuchForTenAsForAThousand(t *testing.T) {
	countable(t)
	s := laneServer(1000, time.Second)
	defer s.stop()
	for _, more := range []string{"", "&fields=id,live.status"} {
		count := func(n int) float64 {
			target, _, _ := strings.Cut(strings.TrimPrefix(batchOf(n), "GET "), " ")
			ctx := &fasthttp.RequestCtx{}
			ctx.Request.SetRequestURI(target + more)
			return testing.AllocsPerRun(50, func() {
				s.handle(ctx)
				ctx.Response.Header.Reset()
				ctx.Response.SwapBody(ctx.Response.SwapBody(nil)[:0]) // as one connection keeps it
				if ctx.Response.StatusCode() != 200 {
					t.Fatal(ctx.Response.StatusCode())
				}
			})
		}
		if ten, thousand := count(10), count(1000); thousand > ten+1 {
			t.Errorf("%q: %v allocations for 10 rooms, %v for 1,000", more, ten, thousand)
		}
	}
}

func TestTheGRPCBatchAllocatesAsMuchForTenAsForAThousand(t *testing.T) {
	countable(t)
	h := laneServer(1000, time.Second)
	defer h.stop()
	s := NewGRPC(h.Config, nil)
	defer s.stop()
	count := func(n int) float64 {
		req := &roomv1.BatchGetRoomsRequest{}
		for i := range n {
			req.Ids = append(req.Ids, int64(i+1))
		}
		return testing.AllocsPerRun(50, func() {
			out, err := s.batchGetRooms(t.Context(), req)
			if err != nil {
				t.Fatal(err)
			}
			parts, err := newCodec().Marshal(out)
			if err != nil {
				t.Fatal(err)
			}
			parts.Free()
		})
	}
	if ten, thousand := count(10), count(1000); thousand > ten+2 {
		t.Errorf("%v allocations for 10 rooms, %v for 1,000", ten, thousand)
	}
}

func FuzzFields(f *testing.F) {
	for _, text := range []string{"id", "live.status,title", "live,live.status", "extension.widgets", "a.b.c", ",", ""} {
		f.Add(text)
	}
	s := laneServer(3, 0)
	defer s.stop()
	e, _ := s.Rooms.Lookup(3)
	f.Fuzz(func(t *testing.T, text string) {
		m, err := newMask("fields", strings.SplitSeq(text, ","))
		if err != nil {
			return
		}
		if card := m.appendCard(nil, e); !json.Valid(card) || len(card) > len(e.Card()) {
			t.Errorf("%q: %s", text, card)
		}
		var answer roomv1.GetRoomResponse
		if err := proto.Unmarshal(m.appendAnswer(nil, e), &answer); err != nil || answer.GetRoom() == nil {
			t.Errorf("%q: %v", text, err)
		}
	})
}

func FuzzIDs(f *testing.F) {
	for _, text := range []string{"1", "1,2,3", "01", "9223372036854775807", "9223372036854775808", "1,,2", ",", "", "-1", "+1", " 1"} {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		ids, ok := appendIDs(nil, text, 5)
		parts := strings.Split(string(text), ",")
		want := len(parts) <= 5
		for i, part := range parts {
			n, err := strconv.ParseUint(part, 10, 63)
			fine := err == nil && n > 0 && len(part) <= 19
			want = want && fine
			if ok && (i >= len(ids) || int64(ids[i]) != int64(n)) {
				t.Fatalf("%q: %v", text, ids)
			}
		}
		if ok != want || ok && len(ids) != len(parts) {
			t.Fatalf("%q: %v, %v", text, ids, ok)
		}
	})
}
