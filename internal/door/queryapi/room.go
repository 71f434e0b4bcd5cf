package queryapi

import (
	"bytes"
	"context"
	"strconv"

	"github.com/valyala/fasthttp"

	"github.com/greenroomlive/greenroom/internal/core/ident"
	"github.com/greenroomlive/greenroom/internal/flow/query"
)

const (
	methods        = "GET, HEAD, OPTIONS"
	exposedHeaders = "ETag, Retry-After, X-Request-Id, X-Room-Age-Ms, X-Room-Stale, X-Room-Version"
	briefly        = "public, max-age=1, stale-while-revalidate=5"
)

// Headers as bytes in canonical form: fasthttp copies them without looking at them again.
var (
	headerAcceptEncoding = []byte("Accept-Encoding")
	headerAge            = []byte("X-Room-Age-Ms")
	headerAllowOrigin    = []byte("Access-Control-Allow-Origin")
	headerCacheControl   = []byte("Cache-Control")
	headerETag           = []byte("Etag")
	headerExpose         = []byte("Access-Control-Expose-Headers")
	headerIfNoneMatch    = []byte("If-None-Match")
	headerMinVersion     = []byte("X-Room-Min-Version")
	headerStale          = []byte("X-Room-Stale")
	headerVary           = []byte("Vary")
	headerVersion        = []byte("X-Room-Version")

	anyOrigin = []byte("*")
	gzipped   = []byte("gzip")
	// exposed is what a web page may read of an answer besides its body: without being told so, a
	// browser hides how fresh a room is.
	exposed  = []byte(exposedHeaders)
	typeJSON = []byte("application/json")
	yes      = []byte("true")

	// cachedBriefly lets a CDN turn a crowd into one request a second for each of its edges. A
	// second is what a viewer does not notice; for five more it may show the old card while it asks.
	cachedBriefly = []byte(briefly)
	// neverStored is for what is true for this caller only, or must be true now.
	neverStored = []byte("no-store")
)

// room answers GET /v1/rooms/{id}: the hot path.
func (s *HTTP) room(ctx *fasthttp.RequestCtx, id ident.RoomID) {
	minVersion := ctx.Request.Header.PeekBytes(headerMinVersion)
	if len(minVersion) == 0 {
		look := s.Rooms.Look()
		if e, ok := s.Rooms.Lookup(id); ok {
			s.writeRoom(ctx, look, e, nil, cachedBriefly)
			return
		}
	}
	s.answer(ctx, func(ctx *fasthttp.RequestCtx, within context.Context) error {
		return s.roomAt(ctx, within, id, minVersion, nil)
	})
}

// roomAt answers for rooms that are not resident and for readers that want a version.
func (s *HTTP) roomAt(ctx *fasthttp.RequestCtx, within context.Context, id ident.RoomID, minVersion []byte, m mask) error {
	caching := cachedBriefly
	var version int64
	if len(minVersion) > 0 {
		var ok bool
		if version, ok = number(minVersion); !ok {
			return invalid("X-Room-Min-Version", "X-Room-Min-Version is a version, a positive number")
		}
		// A cache does not know the header: what it kept for others may be older.
		caching = neverStored
	}
	look := s.Rooms.Look()
	e, err := s.Rooms.Get(within, id, ident.Version(version))
	if err != nil {
		return err
	}
	s.writeRoom(ctx, look, e, m, caching)
	return nil
}

// oddRoom answers for a target the hot path did not take: an escaped one, one with a query, or
// something that is no id.
func (s *HTTP) oddRoom(id string) answerer {
	return func(ctx *fasthttp.RequestCtx, within context.Context) error {
		if err := params(ctx, "fields"); err != nil {
			return err
		}
		m, err := fields(ctx)
		if err != nil {
			return err
		}
		n, ok := number([]byte(id))
		if !ok {
			return invalid("id", "a room id is a positive number")
		}
		return s.roomAt(ctx, within, ident.RoomID(n), ctx.Request.Header.PeekBytes(headerMinVersion), m)
	}
}

func (s *HTTP) writeRoom(ctx *fasthttp.RequestCtx, look query.Look, e *query.Entry, m mask, caching []byte) {
	h := &ctx.Response.Header
	age := look.Age(e)
	var digits [20]byte
	h.SetCanonical(headerVersion, e.VersionText())
	h.SetCanonical(headerAge, strconv.AppendInt(digits[:0], age.Milliseconds(), 10))
	h.SetCanonical(headerETag, e.ETag)
	h.SetCanonical(headerCacheControl, caching)
	// Caches that honour Vary keep an answer without the header from one who asks for a version.
	h.SetCanonical(headerVary, headerMinVersion)
	if query.Stale(age) {
		h.SetCanonical(headerStale, yes)
	}
	// The tag is the version, and an audience moves without it: with a 304 a CDN would show the viewers of the first
	// minute for as long as nobody renames the room. So a room that is counted is always sent whole.
	if known := ctx.Request.Header.PeekBytes(headerIfNoneMatch); len(known) > 0 && !e.Counted && matches(known, e.ETag) {
		ctx.SetStatusCode(fasthttp.StatusNotModified)
		return
	}
	h.SetContentTypeBytes(typeJSON)
	if m == nil {
		ctx.Response.SetBodyRaw(e.JSON)
		return
	}
	body := m.appendCard(append(ctx.Response.SwapBody(nil), `{"room":`...), e)
	ctx.Response.SwapBody(append(body, '}'))
}

// matches compares If-None-Match with a tag, weakly, as reads do: a proxy that compresses
// makes the tag weak, and the room is still the same.
func matches(header, tag []byte) bool {
	for len(header) > 0 {
		one, rest, _ := bytes.Cut(header, []byte{','})
		one = bytes.TrimPrefix(bytes.TrimSpace(one), []byte("W/"))
		if bytes.Equal(one, tag) || string(one) == "*" {
			return true
		}
		header = rest
	}
	return false
}
