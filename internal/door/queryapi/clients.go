package queryapi

import (
	"context"
	"net"
	"net/netip"

	"github.com/valyala/fasthttp"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/peer"

	"github.com/greenroomlive/greenroom/internal/core/fault"
	"github.com/greenroomlive/greenroom/internal/guard/limit"
)

// What one client may hold, for Admissions.Crowded. A connection stays one place when it becomes a feed. Feeds
// take a place of their own where connections do not tell clients apart: behind a proxy, and over gRPC, where one
// connection carries many.
const (
	aConnection = "connection"
	aFeed       = "feed"
)

// place takes a place for a client, or says that it holds as many as it may.
func (a *Admissions) place(what string, from netip.Addr, forwarded []byte) (*limit.Place, error) {
	if a == nil {
		return nil, nil
	}
	place, ok := a.Places.Take(from, forwarded)
	if ok {
		return place, nil
	}
	if a.Crowded != nil {
		a.Crowded(what)
	}
	return nil, fault.Overloaded.New("your address holds %d connections and feeds already, and may hold no more", a.Places.Most())
}

// forwarded is what the nearest proxy says about who asks; nil when nobody is believed.
func (a *Admissions) forwarded(h *fasthttp.RequestHeader) []byte {
	if a == nil || len(a.Proxies) == 0 {
		return nil
	}
	lines := h.PeekAll("X-Forwarded-For")
	if len(lines) == 0 {
		return nil
	}
	return lines[len(lines)-1] // some proxies add a line of their own below the client's
}

// caller is who makes a gRPC call, as far as connection and metadata say.
func (a *Admissions) caller(ctx context.Context) (from netip.Addr, forwarded []byte) {
	if p, ok := peer.FromContext(ctx); ok {
		from = limit.Peer(p.Addr)
	}
	if a != nil && len(a.Proxies) > 0 {
		if lines := metadata.ValueFromIncomingContext(ctx, "x-forwarded-for"); len(lines) > 0 {
			forwarded = []byte(lines[len(lines)-1])
		}
	}
	return from, forwarded
}

// feedPlace takes a place for a feed behind a proxy. Without one its connection has it already.
func (s *HTTP) feedPlace(ctx *fasthttp.RequestCtx) (*limit.Place, error) {
	a, from := s.Admissions, pacedOf(ctx.Conn()).peer
	if forwarded := a.forwarded(&ctx.Request.Header); a != nil && a.Proxies.Trusts(from) && len(forwarded) > 0 {
		return a.place(aFeed, from, forwarded)
	}
	return nil, nil
}

// feedPlace takes a place for a feed over gRPC.
func (s *GRPC) feedPlace(ctx context.Context) (*limit.Place, error) {
	from, forwarded := s.Admissions.caller(ctx)
	return s.Admissions.place(aFeed, from, forwarded)
}

// listener bounds what ln accepts by client. Those beyond are closed at once, after refuse (may be nil) told them why.
func (a *Admissions) listener(ln net.Listener, refuse func(net.Conn, error)) net.Listener {
	if a == nil || a.Places == nil {
		return ln
	}
	return clientListener{ln, a, refuse}
}

// clientListener hands out as many connections of each client as that may hold.
type clientListener struct {
	net.Listener
	admissions *Admissions
	refuse     func(net.Conn, error)
}

func (l clientListener) Accept() (net.Conn, error) {
	for {
		c, err := l.Listener.Accept()
		if err != nil {
			return nil, err
		}
		place, err := l.admissions.place(aConnection, limit.Peer(c.RemoteAddr()), nil)
		if err == nil {
			return &clientConn{Conn: c, place: place}, nil
		}
		if l.refuse != nil {
			l.refuse(c, err)
		}
		_ = c.Close()
	}
}

// clientConn holds its client's place until it is closed.
type clientConn struct {
	net.Conn
	place *limit.Place
}

func (c *clientConn) Close() error {
	c.place.Leave()
	return c.Conn.Close()
}
