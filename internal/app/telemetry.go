package app

import (
	"context"
	"fmt"
	"log/slog"
	"net/url"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracehttp"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/sdk/resource"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"

	"github.com/greenroomlive/greenroom/internal/flow/station"
)

// tracing makes traces, and sends those that are sampled.
type tracing struct{ *sdktrace.TracerProvider }

// newTracing makes the tracer provider. Without an endpoint nothing is sampled or sent, but
// trace ids are made and travel with the events all the same.
func newTracing(ctx context.Context, endpoint string) (tracing, error) {
	if endpoint == "" {
		return tracing{sdktrace.NewTracerProvider(sdktrace.WithSampler(sdktrace.NeverSample()))}, nil
	}
	u, err := url.Parse(endpoint)
	if err != nil {
		return tracing{}, fmt.Errorf("--otlp-endpoint: %w", err)
	}
	if u.Path == "" || u.Path == "/" {
		u.Path = "/v1/traces" // where collectors listen; the exporter would send to / itself
	}
	exporter, err := otlptracehttp.New(ctx, otlptracehttp.WithEndpointURL(u.String()))
	if err != nil {
		return tracing{}, fmt.Errorf("trace exporter %s: %w", endpoint, err)
	}
	return tracing{sdktrace.NewTracerProvider(
		sdktrace.WithBatcher(exporter),
		sdktrace.WithResource(resource.NewSchemaless(attribute.String("service.name", "greenroom"))),
	)}, nil
}

// spans turns the passages of a sampled command's events into spans of its trace: one for
// each hop behind the commit, with the times at which they really were.
type spans struct{ tracer trace.Tracer }

// Passed is station.Observer.
func (s spans) Passed(p station.Passage) {
	var name string
	var from time.Time
	switch p.Station {
	case station.Published:
		name, from = "relay.publish", p.Event.CommittedAt
	case station.Applied:
		name, from = "project.Apply", p.ReceivedAt
	case station.Visible:
		name, from = "query.visible", p.Event.CommittedAt
	default:
		return
	}
	ctx := propagation.TraceContext{}.Extract(context.Background(), propagation.MapCarrier{"traceparent": p.Event.Traceparent})
	if !trace.SpanContextFromContext(ctx).IsSampled() {
		return
	}
	_, span := s.tracer.Start(ctx, name, trace.WithTimestamp(from), trace.WithAttributes(
		attribute.Int64("greenroom.room_id", int64(p.Event.RoomID)), attribute.Int64("greenroom.version", int64(p.Event.Version)),
		attribute.String("greenroom.event", string(p.Event.Type)), attribute.String("greenroom.courier", string(p.Courier)),
	))
	span.End(trace.WithTimestamp(p.At))
}

// traceparent begins a trace for a command that came without one: from the console or a media server.
func (t tracing) traceparent(ctx context.Context) string {
	ctx, span := t.Tracer("greenroom/app").Start(ctx, "command")
	defer span.End()
	carrier := propagation.MapCarrier{}
	propagation.TraceContext{}.Inject(ctx, carrier)
	return carrier.Get("traceparent")
}

// close sends what is left.
func (t tracing) close(log *slog.Logger) {
	if t.TracerProvider == nil {
		return
	}
	flush, cancel := context.WithTimeout(context.Background(), 2*time.Second)
	defer cancel()
	if err := t.Shutdown(flush); err != nil {
		log.Warn("the last traces were not sent", "error", err)
	}
}
