package queryapi

import (
	"context"
	"strconv"

	"github.com/valyala/fasthttp"

	"github.com/greenroomlive/greenroom/internal/core/ident"
	"github.com/greenroomlive/greenroom/internal/flow/query"
)

// batch answers GET /v1/rooms?ids=.
func (s *HTTP) batch(ctx *fasthttp.RequestCtx, within context.Context) error {
	if err := params(ctx, "ids", "fields"); err != nil {
		return err
	}
	m, err := fields(ctx)
	if err != nil {
		return err
	}
	b := s.space.get()
	defer s.space.put(b)
	if b.batch.IDs, err = roomIDs(ctx, "ids", query.MaxBatch, b.batch.IDs); err != nil {
		return err
	}
	if len(b.batch.IDs) == 0 {
		return invalid("ids", "ids names the rooms, with commas between them")
	}
	look := s.Rooms.Look()
	if err := s.Rooms.Batch(within, &b.batch); err != nil {
		return err
	}
	body := appendRooms(ctx.Response.SwapBody(nil), b.batch.Found, m)
	s.oldest(ctx, look, b.batch.Found)
	return s.writeList(ctx, append(appendMissing(body, b.batch.Missing), '}'))
}

// anchorRooms answers GET /v1/anchors/{uid}/rooms.
func (s *HTTP) anchorRooms(uid string) answerer {
	return func(ctx *fasthttp.RequestCtx, within context.Context) error {
		if err := params(ctx, "fields"); err != nil {
			return err
		}
		m, err := fields(ctx)
		if err != nil {
			return err
		}
		n, ok := number([]byte(uid))
		if !ok {
			return invalid("anchor_id", "an anchor id is a positive number")
		}
		look := s.Rooms.Look()
		rooms, err := s.Rooms.ByAnchor(within, ident.AnchorID(n))
		if err != nil {
			return err
		}
		s.oldest(ctx, look, rooms)
		return s.writeList(ctx, append(appendRooms(ctx.Response.SwapBody(nil), rooms, m), '}'))
	}
}

// appendRooms begins an object with its list of cards.
func appendRooms(b []byte, rooms []*query.Entry, m mask) []byte {
	b = append(b, `{"rooms":[`...)
	for i, e := range rooms {
		if i > 0 {
			b = append(b, ',')
		}
		b = m.appendCard(b, e)
	}
	return append(b, ']')
}

func appendMissing(b []byte, ids []ident.RoomID) []byte {
	b = append(b, `,"missing":[`...)
	for i, id := range ids {
		if i > 0 {
			b = append(b, ',')
		}
		b = append(strconv.AppendInt(append(b, '"'), int64(id), 10), '"')
	}
	return append(b, ']')
}

// oldest says of a list how fresh its least fresh room is.
func (s *HTTP) oldest(ctx *fasthttp.RequestCtx, look query.Look, rooms []*query.Entry) {
	if len(rooms) == 0 {
		return
	}
	age := look.Oldest(rooms)
	var digits [20]byte
	ctx.Response.Header.SetCanonical(headerAge, strconv.AppendInt(digits[:0], age.Milliseconds(), 10))
	if query.Stale(age) {
		ctx.Response.Header.SetCanonical(headerStale, yes)
	}
}

// writeList answers with a list, whose body was appended to what the response's own body was, as that
// is the buffer which is used again.
func (s *HTTP) writeList(ctx *fasthttp.RequestCtx, body []byte) error {
	ctx.Response.Header.SetCanonical(headerCacheControl, cachedBriefly)
	ctx.Response.Header.SetContentTypeBytes(typeJSON)
	ctx.Response.SwapBody(body)
	s.encode(ctx)
	return nil
}
