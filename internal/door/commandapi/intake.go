package commandapi

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"runtime/debug"
	"strings"
	"time"

	"buf.build/go/protovalidate"
	"connectrpc.com/connect"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/trace"
	"google.golang.org/protobuf/proto"

	"github.com/greenroomlive/greenroom/api/gen/greenroom/anchor/v1/anchorv1connect"
	"github.com/greenroomlive/greenroom/api/gen/greenroom/ops/v1/opsv1connect"
	"github.com/greenroomlive/greenroom/internal/core/fault"
	"github.com/greenroomlive/greenroom/internal/door/auth"
	"github.com/greenroomlive/greenroom/internal/flow/command"
	"github.com/greenroomlive/greenroom/internal/wire"
)

// retryAfter is what an overloaded door asks for, in seconds: commands take milliseconds, so
// the crowd of this moment is gone after one.
const retryAfter = "1"

// intake is the way every call takes, whatever its protocol: counted, timed, traced, its caller
// known, its fields checked, and its faults put into one shape.
func (d *Door) intake(next connect.UnaryFunc) connect.UnaryFunc {
	return func(ctx context.Context, req connect.AnyRequest) (connect.AnyResponse, error) {
		// vanguard, having refused a body, ends the context and passes an empty message on.
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		x := exchangeOf(ctx)
		x.called = true
		began := time.Now()
		resp, err := d.admit(ctx, x, req, next)
		code := "OK"
		if err != nil {
			x.fault = faultOf(err)
			code = x.fault.Code.Name
			// Ours to mend, so logged: once, here. A call that ran out of its caller's time is not.
			if x.fault.Code.HTTP >= 500 && x.fault.Code != fault.DeadlineExceeded {
				d.Log.ErrorContext(ctx, "commandapi: call failed", "procedure", req.Spec().Procedure, "request_id", x.id, "code", code, "error", err)
			}
		}
		d.Observe(req.Spec().Procedure, code, time.Since(began))
		if err != nil {
			return nil, connectError(x, x.fault)
		}
		return resp, nil
	}
}

// admit lets a bounded number of calls in, each for a bounded time.
func (d *Door) admit(ctx context.Context, x *exchange, req connect.AnyRequest, next connect.UnaryFunc) (connect.AnyResponse, error) {
	defer d.inFlight.Add(-1)
	if d.inFlight.Add(1) > int64(d.InFlight) {
		return nil, fault.Overloaded.New("%d commands are in flight, as many as this door takes", d.InFlight)
	}
	ctx, cancel := context.WithTimeout(ctx, d.Deadline)
	defer cancel()

	ctx = propagation.TraceContext{}.Extract(ctx, propagation.HeaderCarrier(req.Header()))
	ctx, span := d.tracer.Start(ctx, spanName(req.Spec().Procedure), trace.WithSpanKind(trace.SpanKindServer),
		trace.WithAttributes(attribute.String("greenroom.request_id", x.id)))
	defer span.End()
	x.traceparent = traceparent(ctx)

	resp, err := d.call(ctx, x, req, next)
	if err != nil {
		code := faultOf(err).Code
		span.SetAttributes(attribute.String("greenroom.fault", code.Name))
		if code.HTTP >= 500 {
			span.SetStatus(codes.Error, code.Name)
		}
	}
	return resp, err
}

// call knows the caller, checks the fields, and runs the handler.
func (d *Door) call(ctx context.Context, x *exchange, req connect.AnyRequest, next connect.UnaryFunc) (resp connect.AnyResponse, err error) {
	defer func() {
		if p := recover(); p != nil {
			resp, err = nil, fault.Internal.Wrap(fmt.Errorf("panic: %v\n%s", p, debug.Stack()), "something failed inside; the request id finds it in the log")
		}
	}()
	procedure := req.Spec().Procedure
	if procedure != anchorv1connect.AnchorServiceListAreasProcedure { // what viewers may read too
		if x.caller, err = d.Callers.Caller(ctx, auth.Bearer(req.Header())); err != nil {
			return nil, err
		}
	}
	if strings.HasPrefix(procedure, "/"+opsv1connect.OpsServiceName+"/") && !x.caller.Has(command.ScopeOps) {
		return nil, fault.PermissionDenied.New("%s needs the scope ops", procedure[strings.LastIndexByte(procedure, '/')+1:])
	}
	if err := d.check(x, req.Any()); err != nil {
		return nil, err
	}
	return next(ctx, req)
}

// check holds the message against the rules in the protos; the fault names the first field that breaks one.
func (d *Door) check(x *exchange, message any) error {
	m, ok := message.(proto.Message)
	if !ok {
		return nil
	}
	err := d.valid.Validate(m)
	violations, ok := errors.AsType[*protovalidate.ValidationError](err)
	if !ok || len(violations.Violations) == 0 {
		return err
	}
	first := violations.Violations[0].Proto
	field := protovalidate.FieldPathString(first.GetField())
	if x.rest {
		// The body of PATCH /v1/rooms/{id} is the one field, that of a plan the other.
		field = strings.TrimPrefix(strings.TrimPrefix(field, "room."), "plan.")
	}
	return fault.InvalidArgument.New("%s: %s", field, first.GetMessage()).With("field", field)
}

// faultOf finds the fault in err. A context that ended is not INTERNAL: nothing broke.
func faultOf(err error) *fault.Error {
	_, typed := errors.AsType[*fault.Error](err)
	if !typed && (errors.Is(err, context.DeadlineExceeded) || errors.Is(err, context.Canceled)) {
		return fault.DeadlineExceeded.New("no answer within the call's time")
	}
	return fault.Of(err)
}

// connectError dresses the fault for Connect and gRPC; REST takes it from the exchange.
func connectError(x *exchange, f *fault.Error) *connect.Error {
	out := connect.NewError(connect.Code(f.Code.GRPC), errors.New(f.Message))
	detail, err := connect.NewErrorDetail(wire.Fault(f, x.id))
	if err == nil {
		out.AddDetail(detail)
	}
	switch f.Code {
	case fault.Overloaded:
		out.Meta().Set("Retry-After", retryAfter)
	case fault.Unauthenticated:
		out.Meta().Set("WWW-Authenticate", "Bearer")
	}
	return out
}

// spanName is "command.CreateRoom" for /greenroom.anchor.v1.AnchorService/CreateRoom.
func spanName(procedure string) string {
	return "command." + procedure[strings.LastIndexByte(procedure, '/')+1:]
}

// traceparent is the W3C trace context of the span in ctx. Without any, one is made: the
// change can then be followed by it through events and logs, even where nobody collects spans.
func traceparent(ctx context.Context) string {
	if !trace.SpanContextFromContext(ctx).IsValid() {
		var traceID trace.TraceID
		var spanID trace.SpanID
		_, _ = rand.Read(traceID[:])
		_, _ = rand.Read(spanID[:])
		ctx = trace.ContextWithSpanContext(ctx, trace.NewSpanContext(trace.SpanContextConfig{TraceID: traceID, SpanID: spanID}))
	}
	carrier := propagation.MapCarrier{}
	propagation.TraceContext{}.Inject(ctx, carrier)
	return carrier.Get("traceparent")
}
