// Package fault is the one error type that leaves Greenroom, with codes from one registry.
//
// A code fixes the HTTP status, the gRPC status and whether a retry can help, so every
// door answers the same. Inside, faults are wrapped with %w like any error and found
// again with errors.As; an error without a fault is INTERNAL and its text stays inside.
package fault

import (
	"errors"
	"fmt"
	"maps"
)

// Error is a typed fault.
type Error struct {
	Code    *Code
	Message string
	// Details are facts for a program: "field", "version", "retry_after_ms".
	Details map[string]string
	cause   error
}

// New makes a fault of the code; the message is for people and holds no secret.
func (c *Code) New(format string, args ...any) *Error {
	return &Error{Code: c, Message: fmt.Sprintf(format, args...)}
}

// Wrap makes a fault of the code around its cause. The cause is for logs; it is not shown to callers.
func (c *Code) Wrap(cause error, format string, args ...any) *Error {
	return &Error{Code: c, Message: fmt.Sprintf(format, args...), cause: cause}
}

// With returns a copy that carries one more detail.
func (e *Error) With(key, value string) *Error {
	out := *e
	out.Details = maps.Clone(e.Details)
	if out.Details == nil {
		out.Details = map[string]string{}
	}
	out.Details[key] = value
	return &out
}

func (e *Error) Error() string {
	if e.cause != nil {
		return e.Code.Name + ": " + e.Message + ": " + e.cause.Error()
	}
	return e.Code.Name + ": " + e.Message
}

func (e *Error) Unwrap() error { return e.cause }

// Is makes errors.Is(err, fault.NotFound) work on codes.
func (e *Error) Is(target error) bool {
	c, ok := target.(*Code)
	return ok && c == e.Code
}

// Error lets a code stand as a target of errors.Is.
func (c *Code) Error() string { return c.Name }

// Of returns the fault in err, or an INTERNAL one that keeps err as its cause. Nil for nil.
func Of(err error) *Error {
	if err == nil {
		return nil
	}
	if f, ok := errors.AsType[*Error](err); ok {
		return f
	}
	return Internal.Wrap(err, "something failed inside; the request id finds it in the log")
}
