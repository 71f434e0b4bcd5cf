package greenroom

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"slices"
	"strconv"
	"time"

	"connectrpc.com/connect"

	faultv1 "github.com/greenroomlive/greenroom/api/gen/greenroom/fault/v1"
)

// Unavailable is the one code the client makes itself: no answer came, or one that Greenroom did not write.
const Unavailable = "UNAVAILABLE"

// Error is a refusal or a failure, typed by a code of the registry (docs/reference/errors.md).
type Error struct {
	Code    string
	Message string
	// Details are facts for a program: "field", "version".
	Details map[string]string
	// RequestID finds the call in the server's log; empty when it never got there.
	RequestID string
	// Retryable: the same call may succeed later.
	Retryable bool

	cause error
	// passing: the fault passes by itself, so the client may retry unasked. A conflict is
	// Retryable but not passing.
	passing bool
	// wait is the least time to wait, from Retry-After.
	wait time.Duration
}

// Error says code and message.
func (e *Error) Error() string { return e.Code + ": " + e.Message }

// Unwrap gives the transport's error, if any.
func (e *Error) Unwrap() error { return e.cause }

// HasCode reports whether err is an Error with the code.
func HasCode(err error, code string) bool {
	e, ok := errors.AsType[*Error](err)
	return ok && e.Code == code
}

// ofConnect reads what a command ended in.
func ofConnect(err error) *Error {
	e, ok := errors.AsType[*connect.Error](err)
	if !ok || (e.Code() == connect.CodeCanceled && !errors.Is(err, context.Canceled)) {
		return unreachable(err) // connect calls a connection that was reset a canceled call
	}
	out := &Error{Code: registryCode[e.Code()], Message: e.Message(), cause: err, wait: retryAfter(e.Meta())}
	switch e.Code() {
	case connect.CodeUnavailable, connect.CodeResourceExhausted, connect.CodeDeadlineExceeded, connect.CodeInternal:
		out.passing = true
	}
	out.Retryable = out.passing
	for _, detail := range e.Details() {
		value, err := detail.Value()
		if err != nil {
			continue
		}
		if f, ok := value.(*faultv1.Fault); ok {
			out.Code, out.Message, out.Details = f.GetCode(), f.GetMessage(), f.GetDetails()
			out.RequestID, out.Retryable = f.GetRequestId(), f.GetRetryable()
			out.passing = out.passing && out.Retryable
			return out
		}
	}
	if out.Code == "" {
		out.Code = Unavailable
	}
	return out
}

// registryCode is for errors that Connect's own layers made, before a handler was asked.
var registryCode = map[connect.Code]string{
	connect.CodeInvalidArgument:   "INVALID_ARGUMENT",
	connect.CodeUnauthenticated:   "UNAUTHENTICATED",
	connect.CodePermissionDenied:  "PERMISSION_DENIED",
	connect.CodeNotFound:          "NOT_FOUND",
	connect.CodeUnimplemented:     "NOT_FOUND",
	connect.CodeResourceExhausted: "TOO_LARGE",
	connect.CodeDeadlineExceeded:  "DEADLINE_EXCEEDED",
	connect.CodeCanceled:          "DEADLINE_EXCEEDED",
	connect.CodeInternal:          "INTERNAL",
}

// ofHTTP reads a refusal of the C side.
func ofHTTP(status int, header http.Header, body []byte) *Error {
	if out := ofEnvelope(body); out != nil {
		out.wait = retryAfter(header)
		return out
	}
	again := status == http.StatusTooManyRequests || status >= http.StatusInternalServerError
	return &Error{
		Code: Unavailable, Message: "HTTP status " + strconv.Itoa(status) + " from something that is not Greenroom",
		Retryable: again, passing: again, wait: retryAfter(header),
	}
}

// ofEnvelope reads the JSON of a fault; nil when it is none.
func ofEnvelope(body []byte) *Error {
	var envelope struct {
		Error struct {
			Code      string            `json:"code"`
			Message   string            `json:"message"`
			Details   map[string]string `json:"details"`
			RequestID string            `json:"request_id"`
		} `json:"error"`
	}
	if json.Unmarshal(body, &envelope) != nil || envelope.Error.Code == "" {
		return nil
	}
	e := envelope.Error
	again := slices.Contains(passingCodes, e.Code)
	return &Error{Code: e.Code, Message: e.Message, Details: e.Details, RequestID: e.RequestID, Retryable: again, passing: again}
}

// passingCodes are the faults of the C side that pass by themselves.
var passingCodes = []string{"OVERLOADED", "RATE_LIMITED", "SHED", notYetVisible, "NOT_READY", "STORE_UNAVAILABLE", "DEADLINE_EXCEEDED", "INTERNAL"}

// unreachable is a call that got no answer.
func unreachable(cause error) *Error {
	return &Error{Code: Unavailable, Message: cause.Error(), Retryable: true, passing: true, cause: cause}
}

// verdict is what a fault says of the node it came from.
type verdict int

const (
	// sound: the node has answered as it should; the request is at fault, or the client's budget.
	sound verdict = iota
	// behind: another node may already know more.
	behind
	// busy: the node refuses for its load's sake, and asking another one adds to the load of all.
	busy
	// ill: something behind the node does not work. Another one may have something else behind it.
	ill
	// gone: the node does not serve.
	gone
)

// verdict judges the node by a fault; nil is an answer.
func (e *Error) verdict() verdict {
	if e == nil || !e.passing {
		return sound
	}
	switch e.Code {
	case Unavailable, "NOT_READY", "NOT_LEADER", "HOME_UNREACHABLE":
		return gone
	case "STORE_UNAVAILABLE", "INTERNAL", "DEADLINE_EXCEEDED":
		return ill
	case "SHED", "OVERLOADED":
		return busy
	case notYetVisible:
		return behind
	}
	return sound
}

const notYetVisible = "NOT_YET_VISIBLE"

// alien is an answer that cannot be read: asking again brings the same.
func alien(cause error) *Error {
	return &Error{Code: Unavailable, Message: "the answer is not Greenroom's: " + cause.Error(), cause: cause}
}

func retryAfter(h http.Header) time.Duration {
	seconds, err := strconv.Atoi(h.Get("Retry-After"))
	if err != nil || seconds < 0 {
		return 0
	}
	return time.Duration(min(seconds, 60)) * time.Second
}
