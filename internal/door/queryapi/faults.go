package queryapi

import (
	"crypto/rand"
	"fmt"
	"log/slog"
	"runtime/debug"

	"github.com/valyala/fasthttp"

	"github.com/greenroomlive/greenroom/internal/core/fault"
)

// fail answers with a fault. One of ours is logged here, once, under the id the caller is told.
func (s *HTTP) fail(ctx *fasthttp.RequestCtx, err error) {
	f := fault.Of(err)
	id := requestID(string(ctx.Request.Header.Peek("X-Request-Id")))
	logFault(s.Log, f, id)
	h := &ctx.Response.Header
	h.Set("X-Request-Id", id)
	if f.Code.HTTP == fasthttp.StatusTooManyRequests || f.Code.HTTP == fasthttp.StatusServiceUnavailable {
		h.Set("Retry-After", "1")
	}
	ctx.SetStatusCode(f.Code.HTTP)
	_ = writeJSON(ctx, neverStored, f.Envelope(id))
}

// logFault logs what an operator must look into; a caller's mistake is the caller's.
func logFault(log *slog.Logger, f *fault.Error, requestID string) {
	if f.Code == fault.Internal || f.Code == fault.StoreUnavailable {
		log.Error("read failed", slog.String("request_id", requestID), slog.String("error", f.Error()))
	}
}

// panicked is the fault of what a recovered handler threw; the stack goes to the log with it.
func panicked(p any) error {
	return fault.Internal.Wrap(fmt.Errorf("panic: %v\n%s", p, debug.Stack()), "something failed inside; the request id finds it in the log")
}

// maxRequestID bounds an id that comes from outside and goes into a log.
const maxRequestID = 64

// requestID takes the caller's id when it is harmless, and mints one otherwise.
func requestID(given string) string {
	if given == "" || len(given) > maxRequestID {
		return rand.Text()
	}
	for i := range len(given) {
		if c := given[i]; c <= ' ' || c > '~' || c == '"' || c == '\\' {
			return rand.Text()
		}
	}
	return given
}
