package queryapi

import (
	"context"
	"time"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/durationpb"

	faultv1 "github.com/greenroomlive/greenroom/api/gen/greenroom/fault/v1"
	"github.com/greenroomlive/greenroom/internal/guard/shed"
)

// admits is nil for a call that is served, and otherwise the status that ends it, with the time to wait as
// google.rpc.RetryInfo. RESOURCE_EXHAUSTED and not UNAVAILABLE: that one is retried at once by many clients.
func (s *GRPC) admits(ctx context.Context, method string) error {
	a := s.Admissions
	if a.calm() {
		return nil
	}
	class, probe := classOfMethod(method)
	if probe {
		return nil
	}
	v := visitor{class: class, priority: []byte(first(ctx, "x-room-priority"))}
	v.peer, v.forwarded = a.caller(ctx)
	switch why, budget := a.decide(v, time.Since(a.began)); why {
	case "":
		return nil
	case rate:
		return refusedByRate.status(budget.RetryAfter)
	default:
		return refusedByLoad.status(shed.RetryAfter)
	}
}

func (r refusal) status(retryAfter time.Duration) error {
	f := r.fault
	st := status.New(codes.Code(f.Code.GRPC), f.Message)
	detailed, err := st.WithDetails(
		&faultv1.Fault{Code: f.Code.Name, Message: f.Message, Retryable: f.Code.Retryable},
		&errdetails.RetryInfo{RetryDelay: durationpb.New(retryAfter)},
	)
	if err != nil {
		return st.Err() // without its details the code still says what matters
	}
	return detailed.Err()
}
