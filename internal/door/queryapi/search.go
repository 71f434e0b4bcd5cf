package queryapi

import (
	"context"

	"github.com/valyala/fasthttp"
	"google.golang.org/protobuf/encoding/protowire"

	roomv1 "github.com/greenroomlive/greenroom/api/gen/greenroom/room/v1"
	"github.com/greenroomlive/greenroom/internal/core/ident"
	"github.com/greenroomlive/greenroom/internal/core/view"
	"github.com/greenroomlive/greenroom/internal/flow/search"
)

// search answers GET /v1/search.
func (s *HTTP) search(ctx *fasthttp.RequestCtx, within context.Context) error {
	q, err := question(ctx)
	if err != nil {
		return err
	}
	m, err := fields(ctx)
	if err != nil {
		return err
	}
	look := s.Rooms.Look()
	a, err := s.Search.Ask(within, q)
	if err != nil {
		return err
	}
	b := appendRooms(ctx.Response.SwapBody(nil), a.Rooms, m)
	b = view.AppendString(append(b, `,"next_page_token":`...), a.Next)
	if a.Complete {
		b = append(b, `,"complete":true}`...)
	} else {
		b = append(b, `,"complete":false}`...)
	}
	s.oldest(ctx, look, a.Rooms)
	return s.writeList(ctx, b)
}

func question(ctx *fasthttp.RequestCtx) (q search.Question, err error) {
	if err := params(ctx, "q", "live", "area", "language", "page_size", "page_token", "fields"); err != nil {
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
	switch string(args.Peek("live")) {
	case "true":
		q.Live = true
	case "", "false":
	default:
		return q, invalid("live", "live is true or false")
	}
	q.Text, q.Area, q.Language = string(args.Peek("q")), ident.AreaID(area), string(args.Peek("language"))
	// Cut off before it becomes an int, where it could wrap into the allowed range.
	q.PageSize, q.PageToken = int(min(size, search.MaxPage+1)), string(args.Peek("page_token"))
	return q, nil
}

func (s *GRPC) searchRooms(ctx context.Context, req *roomv1.SearchRoomsRequest) (out encoded, err error) {
	if req.GetAreaId() < 0 {
		return out, invalid("area_id", "area_id is a number, not negative")
	}
	m, err := readMask(req.GetReadMask())
	if err != nil {
		return out, err
	}
	within, cancel := context.WithTimeout(ctx, answerWithin)
	defer cancel()
	look := s.Rooms.Look()
	a, err := s.Search.Ask(within, search.Question{
		Text: req.GetQ(), Live: req.GetLive(), Area: ident.AreaID(req.GetAreaId()), Language: req.GetLanguage(),
		PageSize: int(req.GetPageSize()), PageToken: req.GetPageToken(),
	})
	if err != nil {
		return out, err
	}
	if len(a.Rooms) > 0 {
		s.fresh(ctx, look.Oldest(a.Rooms))
	}
	out = joinAnswers(a.Rooms, m, 16+len(a.Next))
	*out.own = appendText(*out.own, 2, a.Next)
	if a.Complete {
		*out.own = protowire.AppendVarint(protowire.AppendTag(*out.own, 3, protowire.VarintType), 1)
	}
	return out, nil
}
