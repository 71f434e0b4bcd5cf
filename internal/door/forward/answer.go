package forward

import (
	"crypto/rand"
	"errors"
	"net/http"

	"connectrpc.com/connect"

	faultv1 "github.com/greenroomlive/greenroom/api/gen/greenroom/fault/v1"
	"github.com/greenroomlive/greenroom/internal/core/fault"
)

const (
	requestID    = "X-Request-Id"
	maxRequestID = 64
	// retryAfter, in seconds: a home door restarts in one, the sequencer changes hands in three.
	retryAfter = "1"
)

// name gives a request an id that it keeps at home, unless it has one.
func name(r *http.Request) {
	if id := r.Header.Get(requestID); id == "" || len(id) > maxRequestID {
		r.Header.Set(requestID, rand.Text()[:16])
	}
}

// writeFault answers with a refusal of our own, in the form of the protocol that the caller speaks.
func writeFault(w http.ResponseWriter, r *http.Request, f *fault.Error) {
	name(r)
	h, id := w.Header(), r.Header.Get(requestID)
	h.Set(requestID, id)
	h.Set("Cache-Control", "no-store")
	if f.Code.Retryable {
		h.Set("Retry-After", retryAfter)
	}
	if protocols := connect.NewErrorWriter(); calls(r.URL.Path) && protocols.IsSupported(r) {
		_ = protocols.Write(w, r, connectError(f, id)) // a caller who is gone needs no answer
		return
	}
	h.Set("Content-Type", "application/json")
	h.Set("X-Content-Type-Options", "nosniff")
	w.WriteHeader(f.Code.HTTP)
	_, _ = w.Write(f.Envelope(id))
}

func connectError(f *fault.Error, id string) error {
	out := connect.NewError(connect.Code(f.Code.GRPC), errors.New(f.Message))
	detail, err := connect.NewErrorDetail(&faultv1.Fault{
		Code: f.Code.Name, Message: f.Message, Details: f.Details, Retryable: f.Code.Retryable, RequestId: id,
	})
	if err == nil { // nothing in it can fail to be encoded
		out.AddDetail(detail)
	}
	return out
}
