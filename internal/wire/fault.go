package wire

import (
	faultv1 "github.com/greenroomlive/greenroom/api/gen/greenroom/fault/v1"
	"github.com/greenroomlive/greenroom/internal/core/fault"
)

// Fault makes the message of a fault. Its cause stays inside.
func Fault(f *fault.Error, requestID string) *faultv1.Fault {
	return &faultv1.Fault{Code: f.Code.Name, Message: f.Message, Details: f.Details, Retryable: f.Code.Retryable, RequestId: requestID}
}

// GoFault is the reverse of Fault, around what it came in. A code of a newer registry than ours becomes UNREACHABLE when
// a retry may help, and INTERNAL otherwise.
func GoFault(m *faultv1.Fault, cause error) *fault.Error {
	code := fault.Named(m.GetCode())
	switch {
	case code != nil:
	case m.GetRetryable():
		code = fault.Unreachable
	default:
		code = fault.Internal
	}
	f := code.Wrap(cause, "%s", m.GetMessage())
	f.Details = m.GetDetails()
	return f
}
