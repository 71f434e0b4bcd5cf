package queryapi

import (
	"fmt"
	"log/slog"
	"testing"
	"time"

	"github.com/valyala/fasthttp"

	"github.com/greenroomlive/greenroom/internal/core/view"
	"github.com/greenroomlive/greenroom/internal/flow/audience"
	"github.com/greenroomlive/greenroom/internal/flow/feed"
	"github.com/greenroomlive/greenroom/internal/flow/query"
)

func crowdedServer() *HTTP {
	l1 := &resident{entry: &query.Entry{}}
	rooms := query.New(query.Config{Cache: l1, Freshness: l1, Now: time.Now})
	on := view.LiveState{Status: view.Live, SessionID: 70}
	rooms.Changed([]view.RoomCard{{ID: 7, Version: 17, Live: on, UpdatedAt: time.Now()}}, nil, false)
	crowd := audience.New(audience.Config{Sessions: rooms, Sink: rooms, Now: time.Now})
	return NewHTTP(Config{Rooms: rooms, Feed: feed.New(feed.Config{}), Audience: crowd, Log: slog.New(slog.DiscardHandler)}, nil)
}

func beatOf(viewer int) *fasthttp.RequestCtx {
	ctx := &fasthttp.RequestCtx{}
	ctx.Request.Header.SetMethod("POST")
	ctx.Request.SetRequestURI("/v1/rooms/7/heartbeat")
	ctx.Request.SetBodyString(fmt.Sprintf(`{"viewer_id":"6b3f2d90-4c1e-4a7b-9a55-d2c7fa57%04d"}`, viewer))
	return ctx
}

func TestAHeartbeatDoesNotAllocate(t *testing.T) {
	s, ctx := crowdedServer(), beatOf(1)
	defer s.stop()
	n := testing.AllocsPerRun(1000, func() {
		ctx.Response.Reset()
		s.handle(ctx)
	})
	if n != 0 || string(ctx.Response.Body()) != string(watched) {
		t.Errorf("%v allocations, %s", n, ctx.Response.Body())
	}
}

// A heartbeat beyond the transport: from the parsed request to the answer's bytes.
func BenchmarkHeartbeat(b *testing.B) {
	s := crowdedServer()
	defer s.stop()
	all := make([]*fasthttp.RequestCtx, 1000)
	for i := range all {
		all[i] = beatOf(i)
	}
	b.ReportAllocs()
	b.ResetTimer()
	for i := range b.N {
		ctx := all[i%len(all)]
		ctx.Response.Reset()
		s.handle(ctx)
	}
}
