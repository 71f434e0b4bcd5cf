package faults

import (
	"compress/gzip"
	"context"
	"encoding/hex"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	collector "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	"google.golang.org/protobuf/proto"

	greenroom "github.com/greenroomlive/greenroom/client"
	"github.com/greenroomlive/greenroom/internal/e2e/harness"
)

const (
	traceID     = "0af7651916cd43dd8448eb211c80319c"
	traceparent = "00-" + traceID + "-b7ad6b7169203331-01"
)

func TestATraceReachesFromTheCommandToTheView(t *testing.T) {
	spans := &sink{names: map[string]bool{}}
	server := httptest.NewServer(spans)
	t.Cleanup(server.Close)
	t.Setenv("OTEL_BSP_SCHEDULE_DELAY", "100") // ms; the exporter's own 5 s are for production
	g := start(t, "--otlp-endpoint", server.URL)
	made, err := g.Client.CreateRoom(t.Context(), &greenroom.NewRoom{Title: "traced", AnchorId: 7},
		func(h http.Header) { h.Set("Traceparent", traceparent) })
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), harness.Deadline)
	defer cancel()
	for e, err := range g.Client.Feed(ctx, greenroom.FeedQuery{Rooms: []int64{made.GetRoom().GetId()}}) {
		if err != nil {
			t.Fatal(err)
		}
		if !strings.HasPrefix(e.GetTraceparent(), "00-"+traceID+"-") {
			t.Fatalf("the event's trace context is %q, of the trace %s", e.GetTraceparent(), traceID)
		}
		break
	}
	for _, name := range []string{"command.CreateRoom", "relay.publish", "project.Apply", "query.visible"} {
		until(t, g, harness.Deadline, "the span "+name, func(context.Context) error { return spans.has(name) })
	}
}

// sink is an OTLP/HTTP collector that remembers the spans of one trace.
type sink struct {
	mu    sync.Mutex
	names map[string]bool
}

func (s *sink) has(name string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.names[name] {
		return fmt.Errorf("there are %v", s.names)
	}
	return nil
}

func (s *sink) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	request, err := decode(r)
	if err != nil || r.URL.Path != "/v1/traces" {
		http.Error(w, fmt.Sprint(r.URL.Path, err), http.StatusBadRequest)
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, resource := range request.GetResourceSpans() {
		for _, scope := range resource.GetScopeSpans() {
			for _, span := range scope.GetSpans() {
				if hex.EncodeToString(span.GetTraceId()) == traceID {
					s.names[span.GetName()] = true
				}
			}
		}
	}
}

func decode(r *http.Request) (*collector.ExportTraceServiceRequest, error) {
	var body io.Reader = r.Body
	if r.Header.Get("Content-Encoding") == "gzip" {
		unzipped, err := gzip.NewReader(r.Body)
		if err != nil {
			return nil, err
		}
		body = unzipped
	}
	raw, err := io.ReadAll(body)
	if err != nil {
		return nil, err
	}
	request := &collector.ExportTraceServiceRequest{}
	return request, proto.Unmarshal(raw, request)
}
