package directcall

import (
	"context"
	"errors"
	"fmt"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	faultv1 "github.com/greenroomlive/greenroom/api/gen/greenroom/fault/v1"
	"github.com/greenroomlive/greenroom/internal/core/fault"
	"github.com/greenroomlive/greenroom/internal/wire"
)

// faultOf is the fault that the endpoint answered, or one that says why it did not. It is never INTERNAL unless the
// endpoint said so: a projector takes INTERNAL for a fault of the event at hand, and parks its room.
func faultOf(addr string, err error) *fault.Error {
	st, ok := status.FromError(err)
	if !ok {
		if errors.Is(err, context.DeadlineExceeded) || errors.Is(err, context.Canceled) {
			return fault.DeadlineExceeded.Wrap(err, "%s did not answer in time", addr)
		}
		return fault.Unreachable.Wrap(err, "%s gave an answer that cannot be read", addr)
	}
	for _, d := range st.Details() {
		m, ok := d.(*faultv1.Fault)
		if !ok {
			continue
		}
		if f := wire.GoFault(m, fmt.Errorf("answered by %s, request %s", addr, m.GetRequestId())); f.Code != fault.Unauthenticated {
			return f
		}
		// To the caller of the caller it would read as if its own token were meant.
		return fault.Unreachable.Wrap(err, "%s does not take our internal secret", addr)
	}
	switch st.Code() {
	case codes.DeadlineExceeded, codes.Canceled:
		return fault.DeadlineExceeded.Wrap(err, "%s did not answer in time", addr)
	case codes.ResourceExhausted:
		return fault.TooLarge.Wrap(err, "what was asked of %s, or its answer, is larger than allowed", addr)
	default:
		return fault.Unreachable.Wrap(err, "%s does not answer", addr)
	}
}
