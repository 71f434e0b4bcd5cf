package console

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"runtime/debug"
	"slices"
	"strings"

	"github.com/greenroomlive/greenroom/internal/core/fault"
)

// maxForm bounds a posted form; the longest honest one (a room's description) is far below it.
const maxForm = 64 << 10

// contentPolicy allows what we serve ourselves, and of the world only what a page must show:
// covers, which anchors keep where they like, and the streams of one HLS origin. hls.js runs
// its worker from a blob and feeds the video element through one.
func contentPolicy(hlsBase string) (string, error) {
	hls := ""
	if hlsBase != "" {
		u, err := url.Parse(hlsBase)
		if err != nil || u.Host == "" || (u.Scheme != "http" && u.Scheme != "https") || strings.ContainsAny(hlsBase, "; ,'\"") {
			return "", fmt.Errorf("console: the HLS base %q is not an http address", hlsBase)
		}
		hls = " " + u.Scheme + "://" + u.Host
	}
	return strings.Join([]string{
		"default-src 'none'", "script-src 'self'", "style-src 'self'", "img-src 'self' https: http:",
		"connect-src 'self'" + hls, "media-src 'self' blob:" + hls, "worker-src 'self' blob:",
		"form-action 'self'", "base-uri 'none'", "frame-ancestors 'none'",
	}, "; "), nil
}

// guarded is everything that happens before a page is looked for.
func (c *Console) guarded(next http.Handler) http.Handler {
	csrf := http.NewCrossOriginProtection()
	csrf.SetDenyHandler(c.handle(func(http.ResponseWriter, *http.Request) error {
		return fault.PermissionDenied.New("this request comes from another site")
	}))
	next = csrf.Handler(next)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		r = c.identified(w, r)
		h := w.Header()
		h.Set("Content-Security-Policy", c.policy)
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("X-Frame-Options", "DENY")
		h.Set("Referrer-Policy", "no-referrer")
		h.Set("Cross-Origin-Opener-Policy", "same-origin")
		h.Set("Cross-Origin-Resource-Policy", "same-origin")
		h.Set("Permissions-Policy", "camera=(), microphone=(), geolocation=()")
		h.Set("Cache-Control", "no-store")
		h.Add("Vary", "HX-Request, Cookie")
		defer c.recovered(w, r)
		if !c.answersTo(r.Host) {
			c.fail(w, r, fault.PermissionDenied.New("this address is not one of the console's"))
			return
		}
		r.Body = http.MaxBytesReader(w, r.Body, maxForm)
		next.ServeHTTP(w, r)
	})
}

// answersTo refuses foreign names: a page elsewhere may point its own name at this machine (DNS
// rebinding) and would then be of the same origin.
func (c *Console) answersTo(host string) bool {
	name := host
	if h, _, err := net.SplitHostPort(host); err == nil {
		name = h
	}
	name = strings.ToLower(strings.Trim(name, "[]"))
	if ip, err := netip.ParseAddr(name); err == nil && ip.IsLoopback() {
		return true
	}
	return name == "localhost" || slices.Contains(c.Hosts, name)
}

type requestIDKey struct{}

// identified takes the request id that a server around us has put into the answer, or makes one.
// One that the client sends is not believed.
func (c *Console) identified(w http.ResponseWriter, r *http.Request) *http.Request {
	id := w.Header().Get("X-Request-Id")
	if id == "" {
		var b [8]byte
		_, _ = rand.Read(b[:]) // never fails
		id = hex.EncodeToString(b[:])
		w.Header().Set("X-Request-Id", id)
	}
	return r.WithContext(context.WithValue(r.Context(), requestIDKey{}, id))
}

func requestID(ctx context.Context) string {
	id, _ := ctx.Value(requestIDKey{}).(string)
	return id
}

func (c *Console) recovered(w http.ResponseWriter, r *http.Request) {
	switch p := recover(); p {
	case nil:
	case http.ErrAbortHandler:
		panic(p)
	default:
		c.Log.Error("console: panic", "request_id", requestID(r.Context()), "path", r.URL.Path, "panic", p, "stack", string(debug.Stack()))
		c.fail(w, r, fault.Internal.New("something failed inside; the request id finds it in the log"))
	}
}

// handler is a page that may end in a fault.
type handler func(http.ResponseWriter, *http.Request) error

// handle turns a fault into a page. INTERNAL ones are logged here, and only here.
func (c *Console) handle(h handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		err := h(w, r)
		if err == nil || r.Context().Err() != nil {
			return
		}
		if f := fault.Of(err); f.Code.HTTP >= http.StatusInternalServerError {
			c.Log.Error("console: request failed", "request_id", requestID(r.Context()), "path", r.URL.Path, "error", err)
		}
		c.fail(w, r, err)
	})
}

func notFound() error { return fault.NotFound.New("there is no page here") }
