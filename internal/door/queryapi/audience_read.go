package queryapi

import (
	"bytes"
	"context"
	"encoding/json"
	"time"

	"github.com/valyala/fasthttp"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/types/known/timestamppb"

	roomv1 "github.com/greenroomlive/greenroom/api/gen/greenroom/room/v1"
	"github.com/greenroomlive/greenroom/internal/core/fault"
	"github.com/greenroomlive/greenroom/internal/core/ident"
	"github.com/greenroomlive/greenroom/internal/core/view"
	"github.com/greenroomlive/greenroom/internal/flow/query"
)

// audience answers GET /v1/rooms/{id}/audience. It is asked for to draw a chart, a thousandth as often as cards are: its
// JSON is made of the message.
func (s *HTTP) audience(room string) answerer {
	return func(ctx *fasthttp.RequestCtx, within context.Context) error {
		q, err := audienceQuery(ctx, room)
		if err != nil {
			return err
		}
		page, err := s.Rooms.Audience(within, q)
		if err != nil {
			return err
		}
		text, err := protojson.MarshalOptions{UseProtoNames: true, EmitUnpopulated: true}.Marshal(audienceMessage(&page))
		if err != nil {
			return fault.Internal.Wrap(err, "the audience cannot be encoded")
		}
		var body bytes.Buffer
		if err := json.Compact(&body, text); err != nil { // protojson varies its white space
			return fault.Internal.Wrap(err, "the audience cannot be encoded")
		}
		return s.writeList(ctx, append(ctx.Response.SwapBody(nil), body.Bytes()...))
	}
}

func audienceQuery(ctx *fasthttp.RequestCtx, room string) (q query.AudienceQuery, err error) {
	if err := params(ctx, "session_id", "from", "to", "page_size", "page_token"); err != nil {
		return q, err
	}
	id, ok := number([]byte(room))
	if !ok {
		return q, invalid("id", "a room id is a positive number")
	}
	session, err := optional(ctx, "session_id")
	if err != nil {
		return q, err
	}
	size, err := optional(ctx, "page_size")
	if err != nil {
		return q, err
	}
	if q.From, err = moment(ctx, "from"); err != nil {
		return q, err
	}
	if q.To, err = moment(ctx, "to"); err != nil {
		return q, err
	}
	q.Room, q.Session = ident.RoomID(id), ident.SessionID(session)
	// Cut off before it becomes an int, where it could wrap into the allowed range.
	q.PageSize, q.PageToken = int(min(size, query.MaxPoints+1)), string(ctx.QueryArgs().Peek("page_token"))
	return q, nil
}

// moment reads a time that may be absent.
func moment(ctx *fasthttp.RequestCtx, name string) (time.Time, error) {
	text := ctx.QueryArgs().Peek(name)
	if len(text) == 0 {
		return time.Time{}, nil
	}
	t, err := time.Parse(time.RFC3339, string(text))
	if err != nil {
		return time.Time{}, invalid(name, "%s is a time like 2026-11-22T12:00:00Z", name)
	}
	return t, nil
}

// GetAudience takes the generated way, as rare as it is.
func (s *GRPC) GetAudience(ctx context.Context, req *roomv1.GetAudienceRequest) (*roomv1.GetAudienceResponse, error) {
	if err := positive("room_id", req.GetRoomId()); err != nil {
		return nil, err
	}
	if req.GetSessionId() < 0 {
		return nil, invalid("session_id", "session_id is a number, not negative")
	}
	q := query.AudienceQuery{
		Room: ident.RoomID(req.GetRoomId()), Session: ident.SessionID(req.GetSessionId()),
		PageSize: int(req.GetPageSize()), PageToken: req.GetPageToken(),
	}
	for _, t := range []struct {
		name string
		sent *timestamppb.Timestamp
		to   *time.Time
	}{{"from", req.GetFrom(), &q.From}, {"to", req.GetTo(), &q.To}} {
		if t.sent == nil {
			continue
		}
		if t.sent.CheckValid() != nil {
			return nil, invalid(t.name, "%s is a time of the years 1 to 9999", t.name)
		}
		*t.to = t.sent.AsTime()
	}
	within, cancel := context.WithTimeout(ctx, answerWithin)
	defer cancel()
	page, err := s.Rooms.Audience(within, q)
	if err != nil {
		return nil, err
	}
	return audienceMessage(&page), nil
}

func audienceMessage(page *query.AudiencePage) *roomv1.GetAudienceResponse {
	n := &page.Now
	m := &roomv1.GetAudienceResponse{
		RoomId: int64(n.Room), SessionId: int64(n.Session), Online: n.Online, Peak: n.Peak, Likes: n.Likes,
		UniqueViewers: n.Unique, WatchSeconds: n.WatchSeconds, UniqueError: view.UniqueError,
		Points: make([]*roomv1.AudiencePoint, len(page.Points)), NextPageToken: page.Next,
	}
	if !n.AsOf.IsZero() {
		m.AsOf = timestamppb.New(n.AsOf.Truncate(time.Millisecond))
	}
	for i := range page.Points {
		p := &page.Points[i]
		m.Points[i] = &roomv1.AudiencePoint{
			Minute: timestamppb.New(p.AsOf), Online: p.Online, Peak: p.Peak, Likes: p.Likes, UniqueViewers: p.Unique, WatchSeconds: p.WatchSeconds,
		}
	}
	return m
}
