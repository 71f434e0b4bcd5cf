package queryapi

import (
	"log/slog"
	"testing"
	"time"

	"github.com/valyala/fasthttp"

	"github.com/greenroomlive/greenroom/internal/core/ident"
	"github.com/greenroomlive/greenroom/internal/core/view"
	"github.com/greenroomlive/greenroom/internal/flow/feed"
	"github.com/greenroomlive/greenroom/internal/flow/query"
)

// resident is a cache of one room, and views that are fresh and empty.
type resident struct{ entry *query.Entry }

func (r *resident) Get(ident.RoomID) (*query.Entry, bool) { return r.entry, true }
func (r *resident) Put(e *query.Entry) *query.Entry       { r.entry = e; return e }
func (r *resident) Clear()                                {}
func (r *resident) Spare() bool                           { return true }
func (r *resident) Len() int                              { return 1 }
func (r *resident) ProvenAt() time.Time                   { return time.Time{} }
func (r *resident) Held(ident.RoomID) (time.Time, bool)   { return time.Time{}, false }
func (r *resident) Complete() bool                        { return true }

func hotServer() *HTTP {
	l1 := &resident{}
	rooms := query.New(query.Config{Cache: l1, Freshness: l1, Now: time.Now})
	rooms.Changed([]view.RoomCard{{ID: 7345120812338774016, Version: 17, Title: "Late night jazz", UpdatedAt: time.Now()}}, nil, false)
	return NewHTTP(Config{Rooms: rooms, Feed: feed.New(feed.Config{}), Log: slog.New(slog.DiscardHandler)}, nil)
}

func hotRequest() *fasthttp.RequestCtx {
	ctx := &fasthttp.RequestCtx{}
	ctx.Request.Header.SetMethod("GET")
	ctx.Request.SetRequestURI("/v1/rooms/7345120812338774016")
	return ctx
}

func TestTheHotPathDoesNotAllocate(t *testing.T) {
	s, ctx := hotServer(), hotRequest()
	defer s.stop()
	n := testing.AllocsPerRun(1000, func() {
		ctx.Response.Reset()
		s.handle(ctx)
	})
	if n != 0 || ctx.Response.StatusCode() != 200 || len(ctx.Response.Body()) == 0 {
		t.Errorf("%v allocations, status %d", n, ctx.Response.StatusCode())
	}
}

func BenchmarkGetRoom(b *testing.B) {
	s, ctx := hotServer(), hotRequest()
	defer s.stop()
	b.ReportAllocs()
	for b.Loop() {
		ctx.Response.Reset()
		s.handle(ctx)
	}
}
