package commandapi

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"net/http"
	"strings"
	"time"

	"github.com/greenroomlive/greenroom/internal/core/fault"
	"github.com/greenroomlive/greenroom/internal/door/auth"
	"github.com/greenroomlive/greenroom/internal/flow/command"
)

// exchange is one request and what became of it. It travels in the context, so that the layers
// around a handler agree without reading each other's wire formats. Used by one goroutine.
type exchange struct {
	id string
	// rest: the caller sees paths and JSON, not messages.
	rest bool
	// from is the client's address, without its port.
	from string
	// called: the request was good enough to reach a handler. Until then all faults are the request's.
	called bool
	// fault is what the call ended in; nil for none.
	fault *fault.Error
	// created makes a REST answer 201.
	created     bool
	caller      command.Caller
	traceparent string
}

// door names the protocol in the audit log.
func (x *exchange) door() string {
	if x.rest {
		return "rest"
	}
	return "rpc"
}

type exchangeKey struct{}

func exchangeOf(ctx context.Context) *exchange {
	x, _ := ctx.Value(exchangeKey{}).(*exchange)
	return x
}

// ServeHTTP gives the request its id and its bounds, and routes it.
func (d *Door) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	x := &exchange{id: requestID(r.Header.Get("X-Request-Id")), from: auth.Address(r)}
	w.Header().Set("X-Request-Id", x.id)
	ctx := context.WithValue(r.Context(), exchangeKey{}, x)
	if streams(r.URL.Path) {
		var cancel context.CancelFunc
		ctx, cancel = context.WithCancel(ctx)
		defer cancel()
		defer context.AfterFunc(d.streams, cancel)()
	}
	setDeadlines(w, r)
	r = r.WithContext(ctx)
	r.Body = http.MaxBytesReader(w, r.Body, MaxBody)
	d.mux.ServeHTTP(w, r)
}

// streams reports whether answers of this path may go on for as long as both ends like: the
// console's live pages, gRPC reflection. Everything else is a call.
func streams(path string) bool {
	return !strings.HasPrefix(path, "/v1/") && !strings.HasPrefix(path, "/greenroom.") && !strings.HasPrefix(path, "/hooks/")
}

// setDeadlines cuts clients that send or take their bytes too slowly. They are set for each request
// anew, as a connection keeps those of the request before. Who answers for longer, as the console's
// live pages do, moves its own write deadline on. Not every ResponseWriter has them: a test's
// recorder does not.
func setDeadlines(w http.ResponseWriter, r *http.Request) {
	var read time.Time
	within := writeTimeout
	switch {
	case strings.HasPrefix(r.URL.Path, "/grpc."):
		// Tools keep a reflection stream open while they ask; strangers might for ever.
		within = reflectWithin
		read = time.Now().Add(within)
	case r.ContentLength != 0:
		read = time.Now().Add(readBodyTimeout)
	}
	c := http.NewResponseController(w)
	_ = c.SetReadDeadline(read)
	_ = c.SetWriteDeadline(time.Now().Add(within))
}

const maxRequestID = 64

// requestID takes the caller's id when it is fit for logs and headers, and makes one otherwise.
func requestID(given string) string {
	fit := func(c rune) bool {
		return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || strings.ContainsRune("._-", c)
	}
	if given != "" && len(given) <= maxRequestID && strings.IndexFunc(given, func(c rune) bool { return !fit(c) }) < 0 {
		return given
	}
	var b [8]byte
	_, _ = rand.Read(b[:])
	return hex.EncodeToString(b[:])
}

func unknownPath(r *http.Request) *fault.Error {
	return fault.NotFound.New("there is no path %s", r.URL.Path)
}
