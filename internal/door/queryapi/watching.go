package queryapi

import (
	"bytes"
	"context"
	"fmt"
	"regexp"

	"github.com/valyala/fasthttp"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"

	audiencev1 "github.com/greenroomlive/greenroom/api/gen/greenroom/audience/v1"
	"github.com/greenroomlive/greenroom/internal/core/fault"
	"github.com/greenroomlive/greenroom/internal/core/ident"
	"github.com/greenroomlive/greenroom/internal/flow/audience"
)

// Viewers say that they watch, and that they like it: the only requests with a body. They are as anonymous as reads, so
// what they say is counted and nothing else.

const (
	sayMethods = "POST, OPTIONS"
	// maxWatching bounds the heartbeats of one call; as many with the longest ids fit into maxRequest.
	maxWatching = 500
)

// saying is what a viewer says, by the end of the path.
type saying int

const (
	nothing saying = iota
	heartbeat
	like
)

// Answers are the same for all.
var (
	watched      = fmt.Appendf(nil, `{"counted":true,"next_in_ms":%d}`, audience.NextIn.Milliseconds())
	watchedNot   = fmt.Appendf(nil, `{"counted":false,"next_in_ms":%d}`, audience.NextIn.Milliseconds())
	liked        = []byte(`{"counted":true}`)
	likedNot     = []byte(`{"counted":false}`)
	pathBeat     = []byte("/heartbeat")
	pathLike     = []byte("/like")
	bodyBegins   = []byte(`{"viewer_id":"`)
	bodyEnds     = []byte(`"}`)
	unknownField = regexp.MustCompile(`unknown field "([^"]{1,64})`)
)

// sayTarget reads what is said, and of which room, out of a request target.
func sayTarget(target []byte) (room ident.RoomID, what saying) {
	if !bytes.HasPrefix(target, pathRooms) {
		return 0, nothing
	}
	path, _, _ := bytes.Cut(target[len(pathRooms):], []byte{'?'})
	id, ok := bytes.CutSuffix(path, pathBeat)
	if what = heartbeat; !ok {
		if id, ok = bytes.CutSuffix(path, pathLike); !ok {
			return 0, nothing
		}
		what = like
	}
	n, ok := number(id)
	if !ok {
		return 0, nothing
	}
	return ident.RoomID(n), what
}

// say answers POST /v1/rooms/{id}/heartbeat and /like.
func (s *HTTP) say(ctx *fasthttp.RequestCtx, room ident.RoomID, what saying) {
	switch {
	case ctx.IsOptions():
		preflight(ctx)
		ctx.Response.Header.Set("Allow", sayMethods)
		ctx.Response.Header.Set("Access-Control-Allow-Methods", sayMethods)
		ctx.Response.Header.Set("Access-Control-Allow-Headers", "Content-Type, X-Request-Id, X-Room-Priority")
	case !ctx.IsPost():
		ctx.Response.Header.Set("Allow", sayMethods)
		s.fail(ctx, fault.MethodNotAllowed.New("%s is not one of %s", ctx.Method(), sayMethods))
	default:
		told, err := s.said(ctx, room, what)
		if err == nil {
			err = writeJSON(ctx, neverStored, told)
		}
		if err != nil {
			s.fail(ctx, err)
		}
	}
}

// said counts, and returns the answer.
func (s *HTTP) said(ctx *fasthttp.RequestCtx, room ident.RoomID, what saying) ([]byte, error) {
	if err := params(ctx); err != nil {
		return nil, err
	}
	body := ctx.Request.Body()
	if what == like {
		m := &audiencev1.LikeRequest{}
		if err := readBody(body, m); err != nil {
			return nil, err
		}
		return answerOf(liked, likedNot)(s.Audience.Like(room, []byte(m.GetViewerId()), m.GetCount()))
	}
	viewer, plain := plainViewer(body)
	if !plain {
		m := &audiencev1.Watching{}
		if err := readBody(body, m); err != nil {
			return nil, err
		}
		viewer = []byte(m.GetViewerId())
	}
	return answerOf(watched, watchedNot)(s.Audience.Beat(room, viewer))
}

// answerOf chooses by what Audience says.
func answerOf(yes, no []byte) func(counted bool, err error) ([]byte, error) {
	return func(counted bool, err error) ([]byte, error) {
		if counted {
			return yes, err
		}
		return no, err
	}
}

// plainViewer reads the body that nearly all players send, letter by letter. Everything else is JSON.
func plainViewer(body []byte) (viewer []byte, ok bool) {
	viewer, begins := bytes.CutPrefix(body, bodyBegins)
	viewer, ends := bytes.CutSuffix(viewer, bodyEnds)
	if !begins || !ends {
		return nil, false
	}
	for _, c := range viewer {
		if c < ' ' || c > '~' || c == '"' || c == '\\' {
			return nil, false
		}
	}
	return viewer, true
}

// readBody reads JSON. A field that is unknown is refused by its name: who misspells one must not be counted as
// somebody else. The room stands in the path, and nowhere else.
func readBody(body []byte, m interface {
	proto.Message
	GetRoomId() int64
}) error {
	if err := protojson.Unmarshal(body, m); err != nil {
		if found := unknownField.FindStringSubmatch(err.Error()); found != nil {
			return invalid(found[1], "there is no such field")
		}
		return fault.InvalidArgument.New("the body is no JSON of the fields that belong here")
	}
	if m.GetRoomId() != 0 {
		return invalid("room_id", "the room stands in the path")
	}
	return nil
}

// keepsBody reports whether the connection may go on behind a request with a body. Where a POST with a length ends, everybody
// agrees; and players beat on one connection for hours.
func keepsBody(h *fasthttp.RequestHeader) bool {
	_, what := sayTarget(h.RequestURI())
	return (what != nothing || asksToSpeak(h)) && h.IsPost() && h.ContentLength() > 0
}

// audienceService is greenroom.audience.v1.AudienceService.
type audienceService struct {
	audiencev1.UnimplementedAudienceServiceServer
	door *GRPC
}

// Heartbeat is audiencev1.AudienceServiceServer. All are looked at before the first is counted.
func (a audienceService) Heartbeat(_ context.Context, req *audiencev1.HeartbeatRequest) (*audiencev1.HeartbeatResponse, error) {
	watching := req.GetWatching()
	if len(watching) < 1 || len(watching) > maxWatching {
		return nil, invalid("watching", "watching is 1 to %d", maxWatching)
	}
	for _, w := range watching {
		if err := positive("room_id", w.GetRoomId()); err != nil {
			return nil, err
		}
		if err := audience.CheckViewer(w.GetViewerId()); err != nil {
			return nil, err
		}
	}
	out := &audiencev1.HeartbeatResponse{NextInMs: audience.NextIn.Milliseconds()}
	for _, w := range watching {
		switch counted, err := a.door.Audience.Beat(ident.RoomID(w.GetRoomId()), []byte(w.GetViewerId())); {
		case err != nil: // the node is full
			out.Refused++
		case counted:
			out.Counted++
		}
	}
	return out, nil
}

// Like is audiencev1.AudienceServiceServer.
func (a audienceService) Like(_ context.Context, req *audiencev1.LikeRequest) (*audiencev1.LikeResponse, error) {
	if err := positive("room_id", req.GetRoomId()); err != nil {
		return nil, err
	}
	counted, err := a.door.Audience.Like(ident.RoomID(req.GetRoomId()), []byte(req.GetViewerId()), req.GetCount())
	if err != nil {
		return nil, err
	}
	return &audiencev1.LikeResponse{Counted: counted}, nil
}
