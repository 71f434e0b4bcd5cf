package queryapi

import (
	"bufio"
	"context"
	"strconv"

	"github.com/valyala/fasthttp"

	"github.com/greenroomlive/greenroom/internal/core/ident"
	"github.com/greenroomlive/greenroom/internal/core/view"
	"github.com/greenroomlive/greenroom/internal/flow/query"
)

// batch answers GET /v1/rooms?ids=.
func (s *HTTP) batch(ctx *fasthttp.RequestCtx, within context.Context) error {
	if err := params(ctx, "ids"); err != nil {
		return err
	}
	ids, err := roomIDs(ctx, "ids", query.MaxBatch)
	if err != nil {
		return err
	}
	if len(ids) == 0 {
		return invalid("ids", "ids names the rooms, with commas between them")
	}
	found, missing, err := s.Rooms.Batch(within, ids)
	if err != nil {
		return err
	}
	b := appendRooms(make([]byte, 0, listSize(found)+24*len(missing)), found)
	b = append(b, `,"missing":[`...)
	for i, id := range missing {
		if i > 0 {
			b = append(b, ',')
		}
		b = append(strconv.AppendInt(append(b, '"'), int64(id), 10), '"')
	}
	s.oldest(ctx, found)
	return writeJSON(ctx, cachedBriefly, append(b, "]}"...))
}

// anchorRooms answers GET /v1/anchors/{uid}/rooms.
func (s *HTTP) anchorRooms(uid string) answerer {
	return func(ctx *fasthttp.RequestCtx, within context.Context) error {
		if err := params(ctx); err != nil {
			return err
		}
		n, ok := number([]byte(uid))
		if !ok {
			return invalid("anchor_id", "an anchor id is a positive number")
		}
		rooms, err := s.Rooms.ByAnchor(within, ident.AnchorID(n))
		if err != nil {
			return err
		}
		s.oldest(ctx, rooms)
		return writeJSON(ctx, cachedBriefly, append(appendRooms(make([]byte, 0, listSize(rooms)), rooms), '}'))
	}
}

// liveList answers GET /v1/live.
func (s *HTTP) liveList(ctx *fasthttp.RequestCtx, _ context.Context) error {
	q, err := liveQuery(ctx)
	if err != nil {
		return err
	}
	page, err := s.Rooms.Live(q)
	if err != nil {
		return err
	}
	b := appendRooms(make([]byte, 0, listSize(page.Rooms)), page.Rooms)
	b = view.AppendString(append(b, `,"next_page_token":`...), page.Next)
	b = view.AppendString(append(b, `,"snapshot":`...), page.Snapshot)
	s.oldest(ctx, page.Rooms)
	return writeJSON(ctx, cachedBriefly, append(b, '}'))
}

func liveQuery(ctx *fasthttp.RequestCtx) (query.LiveQuery, error) {
	q := query.LiveQuery{}
	if err := params(ctx, "area", "tag", "sort", "page_size", "page_token"); err != nil {
		return q, err
	}
	args := ctx.QueryArgs()
	area, err := optional(ctx, "area")
	if err != nil {
		return q, err
	}
	size, err := optional(ctx, "page_size")
	if err != nil {
		return q, err
	}
	sort, ok := query.ParseSort(string(args.Peek("sort")))
	if !ok {
		return q, invalid("sort", "sort is online or started")
	}
	q.Area, q.Tag, q.Sort = ident.AreaID(area), string(args.Peek("tag")), sort
	// Cut off before it becomes an int, where it could wrap into the allowed range.
	q.PageSize, q.PageToken = int(min(size, query.MaxPage+1)), string(args.Peek("page_token"))
	return q, nil
}

// liveIDs answers GET /v1/live:ids, streamed: the whole set may be megabytes.
func (s *HTTP) liveIDs(ctx *fasthttp.RequestCtx, _ context.Context) error {
	if err := params(ctx); err != nil {
		return err
	}
	ids, err := s.Rooms.LiveIDs()
	if err != nil {
		return err
	}
	conn := ctx.Conn()
	ctx.Response.Header.SetCanonical(headerCacheControl, cachedBriefly)
	ctx.Response.Header.SetContentTypeBytes(typeJSON)
	ctx.SetBodyStreamWriter(func(w *bufio.Writer) {
		// fasthttp set a deadline for the whole answer; a long one is given one per part.
		sent, err := 0, error(nil)
		w.WriteString(`{"ids":[`)
		for id := range ids {
			b := w.AvailableBuffer()
			if sent > 0 {
				b = append(b, ',')
			}
			b = append(strconv.AppendInt(append(b, '"'), int64(id), 10), '"')
			if _, err = w.Write(b); err != nil {
				return // the client is gone
			}
			if sent++; sent%4096 == 0 {
				s.allowWrite(conn)
			}
		}
		w.WriteString("]}")
	})
	return nil
}

// areas answers GET /v1/areas.
func (s *HTTP) areas(ctx *fasthttp.RequestCtx, within context.Context) error {
	if err := params(ctx); err != nil {
		return err
	}
	tree, err := s.Rooms.Areas(within)
	if err != nil {
		return err
	}
	ctx.Response.Header.SetCanonical(headerETag, tree.ETag)
	if known := ctx.Request.Header.PeekBytes(headerIfNoneMatch); len(known) > 0 && matches(known, tree.ETag) {
		ctx.Response.Header.SetCanonical(headerCacheControl, cachedBriefly)
		ctx.SetStatusCode(fasthttp.StatusNotModified)
		return nil
	}
	return writeJSON(ctx, cachedBriefly, tree.JSON)
}

// appendRooms begins an object with its list of cards.
func appendRooms(b []byte, rooms []*query.Entry) []byte {
	b = append(b, `{"rooms":[`...)
	for i, e := range rooms {
		if i > 0 {
			b = append(b, ',')
		}
		b = append(b, e.Card()...)
	}
	return append(b, ']')
}

// listSize is room enough for a list of cards and what stands around it.
func listSize(rooms []*query.Entry) int {
	n := 160
	for _, e := range rooms {
		n += len(e.JSON)
	}
	return n
}

// oldest says of a list how fresh its least fresh room is.
func (s *HTTP) oldest(ctx *fasthttp.RequestCtx, rooms []*query.Entry) {
	if len(rooms) == 0 {
		return
	}
	age := oldestAge(s.Rooms, rooms)
	var digits [20]byte
	ctx.Response.Header.SetCanonical(headerAge, strconv.AppendInt(digits[:0], age.Milliseconds(), 10))
	if query.Stale(age) {
		ctx.Response.Header.SetCanonical(headerStale, yes)
	}
}

func writeJSON(ctx *fasthttp.RequestCtx, caching, body []byte) error {
	ctx.Response.Header.SetCanonical(headerCacheControl, caching)
	ctx.Response.Header.SetContentTypeBytes(typeJSON)
	ctx.Response.SetBodyRaw(body)
	return nil
}
