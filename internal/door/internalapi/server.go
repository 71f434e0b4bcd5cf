// Package internalapi is the address of a process where the processes of the same house call it: gRPC, without TLS, in
// a network that strangers do not reach.
//
// Doors register their services (ingestapi, sourceapi); this package is the wall around them. It guarantees
// that whoever lacks the shared secret is refused before a byte of the message is read; that every refusal carries a
// code of internal/core/fault as a greenroom.fault.v1.Fault, so that the caller finds the same fault that was
// returned here; that messages, headers, calls and their time are bounded; and that a panic ends one call,
// not the process. gRPC's health service answers without a secret and tells readiness only; there is no
// reflection.
//
// Lifecycle: Run serves until its context ends, then lets the calls in flight finish. The secret is compared in
// constant time, and never logged, traced or answered. Handlers run concurrently.
package internalapi

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"strings"
	"time"

	"go.opentelemetry.io/otel/trace"
	"go.opentelemetry.io/otel/trace/noop"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	healthpb "google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/keepalive"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"google.golang.org/grpc/tap"

	"github.com/greenroomlive/greenroom/internal/core/fault"
)

const (
	// maxMessage bounds what is read and answered: a page, with what else stands in its message.
	maxMessage = 2 << 20
	maxHeaders = 8 << 10
	// maxStreams bounds the calls of one connection: one process of the other role.
	maxStreams = 256

	defaultDeadline = 10 * time.Second
	// stopWithin is how long a stopping server waits for the calls in flight.
	stopWithin = 5 * time.Second
	// connectWithin bounds how long a connection may take to speak HTTP/2.
	connectWithin = 5 * time.Second
	// idleFor closes connections that carry no calls: those of processes that beat or read are never idle.
	idleFor = 5 * time.Minute
	// pingEvery and pingWithin notice a peer that vanished without a word; pingLeast is how often peers may do so.
	pingEvery  = 10 * time.Second
	pingWithin = 5 * time.Second
	pingLeast  = 5 * time.Second
)

// Config is what a Server is made of. Secret and Log are required.
type Config struct {
	// Secret is shared by all processes of the house.
	Secret string
	// Ready says why the process is not ready, for the health service; nil is always ready.
	Ready func() error
	// Tracer gives each call that is part of a trace a span; nil for none.
	Tracer trace.TracerProvider
	// Deadline bounds a call; 0 means 10 s. A caller may ask for less.
	Deadline time.Duration
	// Observe hears of each finished call: its method, the fault's code or "OK", the time taken. The method of
	// a caller who lacks the secret is "": it may be any text. May be nil.
	Observe func(method, code string, took time.Duration)
	Log     *slog.Logger
}

// Door is what registers at the server. Its services have no streaming calls.
type Door interface {
	Register(grpc.ServiceRegistrar)
}

// Server is the internal address of a process.
type Server struct {
	Config
	secret [sha256.Size]byte
	ln     net.Listener
	server *grpc.Server
	tracer trace.Tracer
}

// New makes a server on ln, which Run closes. It fails without a secret: an address that lets everybody write
// views is not a default.
func New(c Config, ln net.Listener, doors ...Door) (*Server, error) {
	if c.Secret == "" {
		return nil, errors.New("internalapi: there is no secret for the calls between processes")
	}
	if c.Ready == nil {
		c.Ready = func() error { return nil }
	}
	if c.Tracer == nil {
		c.Tracer = noop.NewTracerProvider()
	}
	if c.Deadline == 0 {
		c.Deadline = defaultDeadline
	}
	if c.Observe == nil {
		c.Observe = func(string, string, time.Duration) {}
	}
	s := &Server{Config: c, secret: sha256.Sum256([]byte(c.Secret)), ln: ln, tracer: c.Tracer.Tracer("greenroom/internalapi")}
	s.server = grpc.NewServer(
		grpc.InTapHandle(s.enter),
		grpc.UnaryInterceptor(s.call),
		grpc.MaxRecvMsgSize(maxMessage), grpc.MaxSendMsgSize(maxMessage), grpc.MaxHeaderListSize(maxHeaders),
		grpc.MaxConcurrentStreams(maxStreams), grpc.ConnectionTimeout(connectWithin),
		grpc.KeepaliveParams(keepalive.ServerParameters{MaxConnectionIdle: idleFor, Time: pingEvery, Timeout: pingWithin}),
		grpc.KeepaliveEnforcementPolicy(keepalive.EnforcementPolicy{MinTime: pingLeast, PermitWithoutStream: true}),
	)
	healthpb.RegisterHealthServer(s.server, health{ready: c.Ready})
	for _, d := range doors {
		d.Register(s.server)
	}
	return s, nil
}

// Run serves until ctx ends, then lets the calls in flight finish for at most 5 s.
func (s *Server) Run(ctx context.Context) error {
	defer s.server.Stop()
	stop := context.AfterFunc(ctx, func() {
		late := time.AfterFunc(stopWithin, s.server.Stop)
		defer late.Stop()
		s.server.GracefulStop()
	})
	defer stop()
	if err := s.server.Serve(s.ln); err != nil { // nil once it was stopped, and all calls have ended
		return fmt.Errorf("internalapi: %w", err)
	}
	return nil
}

// enter lets in who knows the secret. It runs on the connection's reader, before there is a goroutine or a buffer for
// the call.
func (s *Server) enter(ctx context.Context, info *tap.Info) (context.Context, error) {
	if strings.HasPrefix(info.FullMethodName, "/grpc.health.v1.Health/") {
		return ctx, nil // probes know no secret
	}
	given := ""
	if v := info.Header.Get("authorization"); len(v) == 1 {
		given, _ = strings.CutPrefix(v[0], "Bearer ")
	}
	// Hashes have one length, so that the time taken does not tell the secret's.
	sum := sha256.Sum256([]byte(given))
	if subtle.ConstantTimeCompare(sum[:], s.secret[:]) == 1 {
		return ctx, nil
	}
	s.Observe("", fault.Unauthenticated.Name, 0)
	return nil, statusOf(fault.Unauthenticated.New("the internal secret is missing or is not ours"), requestID(info.Header))
}

// health answers for the whole process and every service alike: they live and die together.
type health struct {
	healthpb.UnimplementedHealthServer
	ready func() error
}

// Check tells readiness.
func (h health) Check(context.Context, *healthpb.HealthCheckRequest) (*healthpb.HealthCheckResponse, error) {
	if h.ready() != nil {
		return &healthpb.HealthCheckResponse{Status: healthpb.HealthCheckResponse_NOT_SERVING}, nil
	}
	return &healthpb.HealthCheckResponse{Status: healthpb.HealthCheckResponse_SERVING}, nil
}

// List is not for strangers.
func (h health) List(context.Context, *healthpb.HealthListRequest) (*healthpb.HealthListResponse, error) {
	return nil, status.Error(codes.Unimplemented, "this server tells its health only")
}

func metadataOf(ctx context.Context) metadata.MD {
	md, _ := metadata.FromIncomingContext(ctx)
	return md
}
