package internalapi

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"runtime/debug"
	"slices"
	"strings"
	"time"

	"go.opentelemetry.io/otel/attribute"
	otelcodes "go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/trace"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	"github.com/greenroomlive/greenroom/internal/core/fault"
	"github.com/greenroomlive/greenroom/internal/wire"
)

// call is the way of every call that was let in: bounded, timed, traced, and its fault put into one shape.
func (s *Server) call(ctx context.Context, req any, info *grpc.UnaryServerInfo, handle grpc.UnaryHandler) (any, error) {
	began := time.Now()
	id := requestID(metadataOf(ctx))
	ctx, cancel := context.WithTimeout(ctx, s.Deadline)
	defer cancel()
	ctx, span := s.span(ctx, info.FullMethod, id)
	defer span.End()

	resp, err := shielded(ctx, req, handle)
	if err == nil {
		s.Observe(info.FullMethod, "OK", time.Since(began))
		return resp, nil
	}
	_, typed := errors.AsType[*fault.Error](err) // its cause may be the status of a call that it made itself
	if st, is := status.FromError(err); is && !typed {
		s.Observe(info.FullMethod, st.Code().String(), time.Since(began))
		return nil, err // grpc's own, for a method that is not there
	}
	f := faultOf(err)
	span.SetAttributes(attribute.String("greenroom.fault", f.Code.Name))
	if f.Code.HTTP >= 500 {
		span.SetStatus(otelcodes.Error, f.Code.Name)
	}
	if f.Code == fault.Internal || f.Code == fault.StoreUnavailable { // the caller sees neither cause nor stack
		s.Log.ErrorContext(ctx, "internalapi: call failed", slog.String("method", info.FullMethod), slog.String("request_id", id), slog.Any("error", f))
	}
	s.Observe(info.FullMethod, f.Code.Name, time.Since(began))
	return nil, statusOf(f, id)
}

// shielded answers for a panic: grpc would let one call end the process.
func shielded(ctx context.Context, req any, handle grpc.UnaryHandler) (resp any, err error) {
	defer func() {
		if p := recover(); p != nil {
			resp, err = nil, fault.Internal.Wrap(fmt.Errorf("panic: %v\n%s", p, debug.Stack()), "something failed inside; the request id finds it in the log")
		}
	}()
	return handle(ctx, req)
}

// span goes on with the caller's trace. A call that belongs to none begins none: beats come four times a second, and
// events carry the trace of their command themselves.
func (s *Server) span(ctx context.Context, method, id string) (context.Context, trace.Span) {
	ctx = propagation.TraceContext{}.Extract(ctx, carrier(metadataOf(ctx)))
	if !trace.SpanContextFromContext(ctx).IsValid() {
		return ctx, trace.SpanFromContext(ctx)
	}
	return s.tracer.Start(ctx, "internal."+method[strings.LastIndexByte(method, '/')+1:], trace.WithSpanKind(trace.SpanKindServer),
		trace.WithAttributes(attribute.String("greenroom.request_id", id)))
}

// carrier reads a trace context out of metadata.
type carrier metadata.MD

func (c carrier) Get(key string) string {
	if v := metadata.MD(c).Get(key); len(v) > 0 {
		return v[0]
	}
	return ""
}

// Set is never called: nothing is sent on.
func (c carrier) Set(string, string) {}

// Keys are all names.
func (c carrier) Keys() []string { return slices.Collect(maps.Keys(c)) }

// faultOf finds the fault in err. A context that ended is not INTERNAL: nothing broke.
func faultOf(err error) *fault.Error {
	_, typed := errors.AsType[*fault.Error](err)
	if !typed && (errors.Is(err, context.DeadlineExceeded) || errors.Is(err, context.Canceled)) {
		return fault.DeadlineExceeded.New("no answer within the call's time")
	}
	return fault.Of(err)
}

// statusOf dresses the fault for gRPC.
func statusOf(f *fault.Error, id string) error {
	plain := status.New(codes.Code(f.Code.GRPC), f.Message)
	detailed, err := plain.WithDetails(wire.Fault(f, id))
	if err != nil {
		return plain.Err() // without the detail the code still says what matters
	}
	return detailed.Err()
}

// maxRequestID bounds an id that comes from outside and goes into a log.
const maxRequestID = 64

// requestID takes the caller's id when it is harmless, and mints one otherwise.
func requestID(md metadata.MD) string {
	harmful := func(c rune) bool { return c <= ' ' || c > '~' || c == '"' || c == '\\' }
	if v := md.Get("x-request-id"); len(v) == 1 && v[0] != "" && len(v[0]) <= maxRequestID && !strings.ContainsFunc(v[0], harmful) {
		return v[0]
	}
	return rand.Text()
}
