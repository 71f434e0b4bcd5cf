package queryapi

import (
	"bytes"
	"context"
	"errors"
	"strings"

	"github.com/valyala/fasthttp"

	"github.com/greenroomlive/greenroom/internal/core/fault"
	"github.com/greenroomlive/greenroom/internal/core/ident"
)

const roomsPath = "/v1/rooms/"

var pathRooms = []byte(roomsPath)

// handle is the door. Nearly all requests are GET /v1/rooms/{id} and leave in the first lines.
func (s *HTTP) handle(ctx *fasthttp.RequestCtx) {
	defer s.recovered(ctx)
	ctx.Response.Header.SetCanonical(headerAllowOrigin, anyOrigin)
	ctx.Response.Header.SetCanonical(headerExpose, exposed)
	if !s.admits(ctx) {
		return
	}
	if id, ok := roomTarget(ctx.Request.Header.RequestURI()); ok && (ctx.IsGet() || ctx.IsHead()) {
		s.room(ctx, id)
		return
	}
	if id, what := sayTarget(ctx.Request.Header.RequestURI()); what != nothing && s.Audience != nil {
		s.say(ctx, id, what)
		return
	}
	if id, batch, ok := speakTarget(ctx.Request.Header.RequestURI()); ok && s.Speech != nil {
		s.speak(ctx, id, batch)
		return
	}
	answer, ok := s.route(string(ctx.Path()))
	switch {
	case !ok:
		s.fail(ctx, fault.NotFound.New("there is no such path"))
	case ctx.IsOptions():
		preflight(ctx)
	case !ctx.IsGet() && !ctx.IsHead():
		ctx.Response.Header.Set("Allow", methods)
		s.fail(ctx, fault.MethodNotAllowed.New("%s is not one of %s", ctx.Method(), methods))
	default:
		s.answer(ctx, answer)
	}
}

// recovered answers for a panic: fasthttp would let one request end the process.
func (s *HTTP) recovered(ctx *fasthttp.RequestCtx) {
	if p := recover(); p != nil {
		ctx.Response.Reset()
		s.fail(ctx, panicked(p))
	}
}

// answerer writes the answer, or returns what went wrong before it wrote anything.
type answerer func(ctx *fasthttp.RequestCtx, within context.Context) error

func (s *HTTP) answer(ctx *fasthttp.RequestCtx, answer answerer) {
	within, cancel := context.WithTimeout(s.serving, answerWithin)
	defer cancel()
	if err := answer(ctx, within); err != nil {
		s.fail(ctx, err)
	}
}

func (s *HTTP) route(path string) (answerer, bool) {
	switch path {
	case "/v1/rooms":
		return s.batch, true
	case "/v1/live":
		return s.liveList, true
	case "/v1/live:ids":
		return s.liveIDs, true
	case "/v1/search":
		return s.search, true
	case "/v1/feed":
		return s.watch, true
	case "/v1/soon":
		return s.soon, true
	case "/v1/areas":
		return s.areas, true
	case "/healthz":
		return s.healthz, true
	case "/readyz":
		return s.readyz, true
	}
	if id, ok := strings.CutPrefix(path, roomsPath); ok {
		return s.routeRoom(id)
	}
	if uid, ok := strings.CutPrefix(path, "/v1/anchors/"); ok {
		if uid, ok = strings.CutSuffix(uid, "/rooms"); ok && !strings.Contains(uid, "/") {
			return s.anchorRooms(uid), true
		}
	}
	return nil, false
}

// routeRoom routes what is below /v1/rooms/.
func (s *HTTP) routeRoom(path string) (answerer, bool) {
	id, what, deeper := strings.Cut(path, "/")
	switch {
	case !deeper:
		return s.oddRoom(id), true
	case what == "events":
		return s.roomEvents(id), true
	case what == "audience":
		return s.audience(id), true
	}
	return nil, false
}

// roomTarget reads the room out of a plain request target: nothing escaped, no query.
func roomTarget(target []byte) (ident.RoomID, bool) {
	if !bytes.HasPrefix(target, pathRooms) {
		return 0, false
	}
	n, ok := number(target[len(pathRooms):])
	return ident.RoomID(n), ok
}

// preflight tells a web page that it may read, and with which headers.
func preflight(ctx *fasthttp.RequestCtx) {
	h := &ctx.Response.Header
	h.Set("Allow", methods)
	h.Set("Access-Control-Allow-Methods", methods)
	h.Set("Access-Control-Allow-Headers", "If-None-Match, Last-Event-ID, X-Request-Id, X-Room-Min-Version, X-Room-Priority")
	h.Set("Access-Control-Max-Age", "86400")
	ctx.SetStatusCode(fasthttp.StatusNoContent)
}

func (s *HTTP) healthz(ctx *fasthttp.RequestCtx, _ context.Context) error {
	return writeJSON(ctx, neverStored, []byte(`{"status":"ok"}`))
}

func (s *HTTP) readyz(ctx *fasthttp.RequestCtx, _ context.Context) error {
	if err := s.Ready(); err != nil {
		return notReady(err)
	}
	return writeJSON(ctx, neverStored, []byte(`{"status":"ready"}`))
}

// errStopping ends feeds when the process stops.
var errStopping = errors.New("the process is stopping; follow on at another one")

// notReady shows why: the reasons of Ready are written for operators and hold no secret.
func notReady(why error) error { return fault.NotReady.New("%s", why.Error()) }
