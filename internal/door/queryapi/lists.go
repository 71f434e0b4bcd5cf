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

// liveList answers GET /v1/live.
func (s *HTTP) liveList(ctx *fasthttp.RequestCtx, within context.Context) error {
	q, err := liveQuery(ctx)
	if err != nil {
		return err
	}
	m, err := fields(ctx)
	if err != nil {
		return err
	}
	look := s.Rooms.Look()
	page, err := s.Rooms.Live(within, q)
	if err != nil {
		return err
	}
	b := appendRooms(ctx.Response.SwapBody(nil), page.Rooms, m)
	b = view.AppendString(append(b, `,"next_page_token":`...), page.Next)
	b = view.AppendString(append(b, `,"snapshot":`...), page.Snapshot)
	if page.Total >= 0 {
		b = append(strconv.AppendInt(append(b, `,"total_size":"`...), page.Total, 10), '"')
	}
	s.oldest(ctx, look, page.Rooms)
	return s.writeList(ctx, append(b, '}'))
}

func liveQuery(ctx *fasthttp.RequestCtx) (query.LiveQuery, error) {
	q := query.LiveQuery{}
	if err := params(ctx, "area", "tag", "language", "sort", "page_size", "page_token", "fields"); err != nil {
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
	q.Area, q.Tag, q.Language, q.Sort = ident.AreaID(area), string(args.Peek("tag")), string(args.Peek("language")), sort
	// Cut off before it becomes an int, where it could wrap into the allowed range.
	q.PageSize, q.PageToken = int(min(size, query.MaxPage+1)), string(args.Peek("page_token"))
	return q, nil
}

// liveIDs answers GET /v1/live:ids, streamed: the whole set may be megabytes. An answer that cannot be
// completed ends without its last brackets, so that nobody takes it for the whole.
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
	if ctx.IsHead() {
		// fasthttp does not send a stream then, but ends it: the next answer would begin with an empty line.
		const chunked = -1
		ctx.Response.Header.SetContentLength(chunked)
		return nil
	}
	ctx.SetBodyStreamWriter(func(w *bufio.Writer) {
		before := `"`
		w.WriteString(`{"ids":[`)
		for part, err := range ids {
			if err != nil {
				return
			}
			// fasthttp set a deadline for the whole answer; a long one is given one per part.
			s.allowWrite(conn)
			for _, id := range part {
				b := append(w.AvailableBuffer(), before...)
				if _, err := w.Write(append(strconv.AppendInt(b, int64(id), 10), '"')); err != nil {
					return // the client is gone
				}
				before = `,"`
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
	err = writeJSON(ctx, cachedBriefly, tree.JSON)
	s.encode(ctx)
	return err
}

func writeJSON(ctx *fasthttp.RequestCtx, caching, body []byte) error {
	ctx.Response.Header.SetCanonical(headerCacheControl, caching)
	ctx.Response.Header.SetContentTypeBytes(typeJSON)
	ctx.Response.SetBodyRaw(body)
	return nil
}
