package internalapi_test

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"go.opentelemetry.io/otel/trace"
	"go.uber.org/goleak"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/connectivity"
	"google.golang.org/grpc/credentials/insecure"
	healthpb "google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	faultv1 "github.com/greenroomlive/greenroom/api/gen/greenroom/fault/v1"
	ingestv1 "github.com/greenroomlive/greenroom/api/gen/greenroom/ingest/v1"
	"github.com/greenroomlive/greenroom/internal/core/fault"
	"github.com/greenroomlive/greenroom/internal/door/internalapi"
	"github.com/greenroomlive/greenroom/internal/wire"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const secret = "s3cret-of-the-house"

// door does with a push what the test wants.
type door struct {
	ingestv1.UnimplementedIngestServiceServer
	push func(ctx context.Context, page []byte) error
}

func (d *door) Register(r grpc.ServiceRegistrar) { ingestv1.RegisterIngestServiceServer(r, d) }

func (d *door) Push(ctx context.Context, req *ingestv1.PushRequest) (*ingestv1.PushResponse, error) {
	return &ingestv1.PushResponse{}, d.push(ctx, req.GetPage())
}

// house is a running server with one client's connection.
type house struct {
	*testing.T
	door *door
	conn *grpc.ClientConn
	stop func() error

	mu   sync.Mutex
	log  bytes.Buffer
	seen []string // method and code of each call
}

func (h *house) Write(p []byte) (int, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.log.Write(p)
}

func (h *house) logged() string {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.log.String()
}

func (h *house) observed() string {
	h.mu.Lock()
	defer h.mu.Unlock()
	return strings.Join(h.seen, " ")
}

func open(t *testing.T, change func(*internalapi.Config)) *house {
	t.Helper()
	h := &house{T: t, door: &door{push: func(context.Context, []byte) error { return nil }}}
	c := internalapi.Config{Secret: secret, Log: slog.New(slog.NewTextHandler(h, nil)), Observe: func(method, code string, _ time.Duration) {
		h.mu.Lock()
		defer h.mu.Unlock()
		h.seen = append(h.seen, strings.TrimPrefix(method, "/greenroom.ingest.v1.IngestService/")+":"+code)
	}}
	if change != nil {
		change(&c)
	}
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s, err := internalapi.New(c, ln, h.door)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- s.Run(ctx) }()
	h.stop = sync.OnceValue(func() error { cancel(); return <-ended })
	if h.conn, err = grpc.NewClient(ln.Addr().String(), grpc.WithTransportCredentials(insecure.NewCredentials())); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := errors.Join(h.conn.Close(), h.stop()); err != nil {
			t.Error(err)
		}
	})
	return h
}

// push calls with some metadata.
func (h *house) push(page []byte, pairs ...string) error {
	ctx := metadata.AppendToOutgoingContext(h.Context(), pairs...)
	_, err := ingestv1.NewIngestServiceClient(h.conn).Push(ctx, &ingestv1.PushRequest{Page: page})
	return err
}

var ours = []string{"authorization", "Bearer " + secret}

// faultIn is the detail of a status.
func (h *house) faultIn(err error) *faultv1.Fault {
	h.Helper()
	for _, d := range status.Convert(err).Details() {
		if f, ok := d.(*faultv1.Fault); ok {
			return f
		}
	}
	h.Fatalf("%v carries no fault", err)
	return nil
}

func TestWhoLacksTheSecretIsRefusedAndCounted(t *testing.T) {
	h := open(t, nil)
	h.door.push = func(context.Context, []byte) error { t.Error("a stranger was let in"); return nil }
	for _, pairs := range [][]string{
		nil, {"authorization", ""}, {"authorization", "Bearer "}, {"authorization", "Bearer wrong-one"}, {"authorization", "Bearer " + secret + "x"},
		{"authorization", "Bearer " + secret, "authorization", "Bearer wrong-one"},
	} {
		err := h.push(make([]byte, 1<<20), pairs...)
		if f := h.faultIn(err); status.Code(err) != codes.Unauthenticated || f.GetCode() != "UNAUTHENTICATED" || f.GetRequestId() == "" {
			t.Errorf("%v: %v", pairs, err)
		}
		if strings.Contains(err.Error(), "wrong-one") || strings.Contains(err.Error(), secret) {
			t.Errorf("the answer shows a secret: %v", err)
		}
	}
	if got := h.observed(); got != strings.TrimSpace(strings.Repeat(":UNAUTHENTICATED ", 6)) {
		t.Errorf("observed %s", got)
	}
	if text := h.logged(); text != "" {
		t.Errorf("logged %s", text)
	}
}

func TestThereIsNoAddressWithoutASecret(t *testing.T) {
	if _, err := internalapi.New(internalapi.Config{Log: slog.New(slog.DiscardHandler)}, nil); err == nil {
		t.Error("a server without a secret")
	}
}

func TestAFaultCrossesAsItIs(t *testing.T) {
	h := open(t, nil)
	h.door.push = func(context.Context, []byte) error {
		return fault.NotLeader.Wrap(errors.New("inside"), "not here").With("leader", "10.0.0.2:9000")
	}
	err := h.push(nil, append([]string{"x-request-id", "find-me"}, ours...)...)
	f := wire.GoFault(h.faultIn(err), err)
	if f.Code != fault.NotLeader || f.Message != "not here" || f.Details["leader"] != "10.0.0.2:9000" || h.faultIn(err).GetRequestId() != "find-me" {
		t.Errorf("got %+v", f)
	}
	if strings.Contains(err.Error(), "inside") || status.Code(err) != codes.Unavailable {
		t.Errorf("got %v", err)
	}
	if h.observed() != "Push:NOT_LEADER" || h.logged() != "" {
		t.Errorf("observed %s, logged %s", h.observed(), h.logged())
	}
}

func TestAPanicEndsOneCall(t *testing.T) {
	h := open(t, nil)
	h.door.push = func(context.Context, []byte) error { panic("out of luck") }
	err := h.push(nil, append([]string{"x-request-id", "find-me"}, ours...)...)
	if f := h.faultIn(err); f.GetCode() != "INTERNAL" || strings.Contains(err.Error(), "luck") {
		t.Errorf("got %v", err)
	}
	if text := h.logged(); !strings.Contains(text, "out of luck") || !strings.Contains(text, "request_id=find-me") || strings.Contains(text, secret) {
		t.Errorf("logged %s", text)
	}
	h.door.push = func(context.Context, []byte) error { return nil }
	if err := h.push(nil, ours...); err != nil {
		t.Error(err)
	}
}

func TestACallHasItsTime(t *testing.T) {
	h := open(t, func(c *internalapi.Config) { c.Deadline = time.Millisecond })
	h.door.push = func(ctx context.Context, _ []byte) error { <-ctx.Done(); return ctx.Err() }
	if f := h.faultIn(h.push(nil, ours...)); f.GetCode() != "DEADLINE_EXCEEDED" {
		t.Errorf("got %v", f)
	}
}

func TestMessagesAreBounded(t *testing.T) {
	h := open(t, nil)
	if err := h.push(make([]byte, 1<<20), ours...); err != nil {
		t.Error(err)
	}
	if err := h.push(make([]byte, 3<<20), ours...); status.Code(err) != codes.ResourceExhausted {
		t.Errorf("got %v", err)
	}
	if err := h.push(nil, append([]string{"x-much", strings.Repeat("x", 16<<10)}, ours...)...); err == nil {
		t.Error("a header of 16 KiB was taken")
	}
}

func TestTheCallersTraceGoesOn(t *testing.T) {
	h := open(t, nil)
	var got trace.SpanContext
	h.door.push = func(ctx context.Context, _ []byte) error { got = trace.SpanContextFromContext(ctx); return nil }
	const id = "0af7651916cd43dd8448eb211c80319c"
	if err := h.push(nil, append([]string{"traceparent", "00-" + id + "-b7ad6b7169203331-01"}, ours...)...); err != nil || got.TraceID().String() != id {
		t.Errorf("got trace %s, %v", got.TraceID(), err)
	}
}

func TestProbesNeedNoSecretAndStrangersSeeNothingElse(t *testing.T) {
	var ready error
	h := open(t, func(c *internalapi.Config) { c.Ready = func() error { return ready } })
	probe := healthpb.NewHealthClient(h.conn)
	for _, want := range []healthpb.HealthCheckResponse_ServingStatus{healthpb.HealthCheckResponse_SERVING, healthpb.HealthCheckResponse_NOT_SERVING} {
		if a, err := probe.Check(t.Context(), &healthpb.HealthCheckRequest{}); err != nil || a.GetStatus() != want {
			t.Errorf("got %v, %v", a, err)
		}
		ready = errors.New("not yet")
	}
	if _, err := probe.List(t.Context(), &healthpb.HealthListRequest{}); status.Code(err) != codes.Unimplemented {
		t.Errorf("got %v", err)
	}
	reflection := "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo"
	if err := h.conn.Invoke(metadata.AppendToOutgoingContext(t.Context(), ours...), reflection, &healthpb.HealthCheckRequest{}, &healthpb.HealthCheckResponse{}); status.Code(err) != codes.Unimplemented {
		t.Errorf("got %v", err)
	}
}

func TestAStopLetsCallsInFlightFinish(t *testing.T) {
	h := open(t, nil)
	entered, letGo := make(chan struct{}), make(chan struct{})
	h.door.push = func(context.Context, []byte) error { close(entered); <-letGo; return nil }
	answered := make(chan error, 1)
	go func() { answered <- h.push(nil, ours...) }()
	<-entered
	stopped := make(chan error, 1)
	go func() { stopped <- h.stop() }()
	h.conn.WaitForStateChange(t.Context(), connectivity.Ready) // the server has said that it goes away
	close(letGo)
	if err := <-answered; err != nil {
		t.Error(err)
	}
	if err := <-stopped; err != nil {
		t.Error(err)
	}
}

func TestALostListenerIsAnError(t *testing.T) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s, err := internalapi.New(internalapi.Config{Secret: secret, Log: slog.New(slog.DiscardHandler)}, ln)
	if err != nil {
		t.Fatal(err)
	}
	_ = ln.Close()
	if err := s.Run(t.Context()); err == nil {
		t.Error("a server that serves nobody said nothing")
	}
}
