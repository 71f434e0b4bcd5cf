package queryapi

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"strconv"
	"strings"
	"time"

	"github.com/valyala/fasthttp"
	"google.golang.org/protobuf/encoding/protojson"

	roomv1 "github.com/greenroomlive/greenroom/api/gen/greenroom/room/v1"
	"github.com/greenroomlive/greenroom/internal/core/fault"
	"github.com/greenroomlive/greenroom/internal/core/ident"
	"github.com/greenroomlive/greenroom/internal/core/view"
	"github.com/greenroomlive/greenroom/internal/wire"
)

// Upcoming is what begins soon; soon.Board is.
type Upcoming interface {
	// List returns up to limit broadcasts behind one in the list's order, and whether there are more.
	List(behind view.Upcoming, limit int) (page []view.Upcoming, more bool)
}

// Bounds of a page of what begins soon.
const (
	defaultSoon = 50
	maxSoon     = 200
)

// soon answers GET /v1/soon.
func (s *HTTP) soon(ctx *fasthttp.RequestCtx, _ context.Context) error {
	if err := params(ctx, "page_size", "page_token"); err != nil {
		return err
	}
	size, err := optional(ctx, "page_size")
	if err != nil {
		return err
	}
	// Cut off before it becomes an int, where it could wrap into the allowed range.
	m, err := s.listSoon(int(min(size, maxSoon+1)), string(ctx.QueryArgs().Peek("page_token")))
	if err != nil {
		return err
	}
	text, err := protojson.MarshalOptions{UseProtoNames: true, EmitUnpopulated: true}.Marshal(m)
	if err != nil {
		return fault.Internal.Wrap(err, "the list cannot be encoded")
	}
	var body bytes.Buffer
	if err := json.Compact(&body, text); err != nil { // protojson varies its white space
		return fault.Internal.Wrap(err, "the list cannot be encoded")
	}
	return s.writeList(ctx, append(ctx.Response.SwapBody(nil), body.Bytes()...))
}

// ListSoon takes the generated way.
func (s *GRPC) ListSoon(_ context.Context, req *roomv1.ListSoonRequest) (*roomv1.ListSoonResponse, error) {
	return s.listSoon(int(req.GetPageSize()), req.GetPageToken())
}

func (c *Config) listSoon(size int, token string) (*roomv1.ListSoonResponse, error) {
	size = cmp.Or(size, defaultSoon)
	if size < 1 || size > maxSoon {
		return nil, invalid("page_size", "page_size is 1 to %d", maxSoon)
	}
	behind, ok := parseSoon(token)
	if !ok {
		return nil, invalid("page_token", "page_token is not one of ours")
	}
	page, more := c.Soon.List(behind, size)
	m := &roomv1.ListSoonResponse{}
	for i := range page {
		m.Broadcasts = append(m.Broadcasts, wire.Occurrence(page[i].Room, &page[i].Occurrence))
	}
	if more {
		m.NextPageToken = soonToken(&page[len(page)-1])
	}
	return m, nil
}

// soonToken names the last one of a page: what comes and goes before it moves nothing behind it.
func soonToken(o *view.Upcoming) string {
	return strings.Join([]string{
		strconv.FormatInt(o.Start.UnixMilli(), 36), strconv.FormatInt(int64(o.Room), 36), strconv.FormatInt(int64(o.Plan), 36), o.Original,
	}, ".")
}

func parseSoon(token string) (o view.Upcoming, ok bool) {
	if token == "" {
		return o, true
	}
	parts := strings.Split(token, ".")
	if len(parts) != 4 || len(parts[3]) != len(view.WallClock) {
		return o, false
	}
	var n [3]int64
	for i := range n {
		var err error
		if n[i], err = strconv.ParseInt(parts[i], 36, 64); err != nil || n[i] < 0 {
			return o, false
		}
	}
	o.Start, o.Room, o.Plan, o.Original = time.UnixMilli(n[0]), ident.RoomID(n[1]), ident.PlanID(n[2]), parts[3]
	return o, true
}
