package queryapi

import (
	"context"
	"fmt"
	"net"
	"slices"
	"strconv"
	"sync/atomic"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	healthpb "google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/keepalive"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/reflection"
	"google.golang.org/grpc/status"

	audiencev1 "github.com/greenroomlive/greenroom/api/gen/greenroom/audience/v1"
	roomv1 "github.com/greenroomlive/greenroom/api/gen/greenroom/room/v1"
	speakv1 "github.com/greenroomlive/greenroom/api/gen/greenroom/speak/v1"
	"github.com/greenroomlive/greenroom/internal/core/fault"
	"github.com/greenroomlive/greenroom/internal/core/ident"
	"github.com/greenroomlive/greenroom/internal/flow/query"
	"github.com/greenroomlive/greenroom/internal/wire"
)

const (
	// A batch of 1,000 ids is 10 KB, a filter of the feed the same.
	maxRequest = 64 << 10
	// 1,000 rooms at the size their fields may have.
	maxAnswer = 16 << 20
	// maxWatches bounds the feeds that are followed over gRPC: each takes two goroutines and its stream's
	// buffers, some 60 KB. Crowds follow over HTTP.
	maxWatches = 8_000
	// streamWorkers are goroutines that answer one call after the other. A new one for each call would grow
	// its stack each time, which is a fifth of what a read costs; calls that find no worker free still do. Who
	// watches the feed keeps one.
	streamWorkers = 64
	// maxStreams bounds what one connection may ask at a time.
	maxStreams = 1000
)

// GRPC serves the same reads as HTTP, as greenroom.room.v1.RoomService, with health and reflection.
type GRPC struct {
	roomv1.UnimplementedRoomServiceServer
	Config
	ln      net.Listener
	serving context.Context
	stop    context.CancelFunc
	feeds   atomic.Int64
	// messages are the newest events as they are sent.
	messages messages
	space    spaces
	// patience is writeWithin, but for tests.
	patience time.Duration
}

// NewGRPC makes a server on ln, which Run closes.
func NewGRPC(c Config, ln net.Listener) *GRPC {
	s := &GRPC{Config: c, ln: &boundedListener{Listener: c.Admissions.listener(ln, nil), max: maxConns, log: c.Log}, patience: writeWithin}
	s.serving, s.stop = context.WithCancel(context.Background())
	return s
}

// newServer makes a server; its workers run until it is stopped.
func (s *GRPC) newServer() *grpc.Server {
	server := grpc.NewServer(
		grpc.ForceServerCodecV2(newCodec()),
		grpc.MaxRecvMsgSize(maxRequest),
		grpc.MaxSendMsgSize(maxAnswer),
		grpc.MaxConcurrentStreams(maxStreams),
		grpc.NumStreamWorkers(streamWorkers),
		grpc.MaxHeaderListSize(8<<10),
		grpc.ConnectionTimeout(readWithin),
		grpc.KeepaliveParams(keepalive.ServerParameters{Time: time.Minute, Timeout: writeWithin}),
		grpc.KeepaliveEnforcementPolicy(keepalive.EnforcementPolicy{MinTime: 10 * time.Second, PermitWithoutStream: true}),
		grpc.UnaryInterceptor(s.unary),
		grpc.StreamInterceptor(s.streaming),
	)
	server.RegisterService(roomService(), s)
	if s.Audience != nil {
		audiencev1.RegisterAudienceServiceServer(server, audienceService{door: s})
	}
	if s.Speech != nil {
		speakv1.RegisterSpeakServiceServer(server, speakService{door: s})
	}
	healthpb.RegisterHealthServer(server, health{ready: s.Ready})
	reflection.Register(server)
	return server
}

// Run serves until ctx ends, then lets running answers finish for at most 5 s.
func (s *GRPC) Run(ctx context.Context) error {
	defer s.stop()
	server := s.newServer()
	defer server.Stop()
	served := make(chan error, 1)
	go func() { served <- server.Serve(s.ln) }()
	select {
	case err := <-served:
		return fmt.Errorf("queryapi: grpc: %w", err)
	case <-ctx.Done():
	}
	s.stop()
	late := time.AfterFunc(stopWithin, server.Stop)
	defer late.Stop()
	server.GracefulStop()
	_ = <-served // says only that it was stopped
	return nil
}

// roomService is the generated description with the methods replaced that answer with bytes: their
// answers are in the cache, encoded.
func roomService() *grpc.ServiceDesc {
	desc := roomv1.RoomService_ServiceDesc
	desc.Methods = slices.Clone(desc.Methods)
	for i := range desc.Methods {
		switch m := &desc.Methods[i]; m.MethodName {
		case "GetRoom":
			m.Handler = encodedHandler(roomv1.RoomService_GetRoom_FullMethodName, (*GRPC).getRoom)
		case "BatchGetRooms":
			m.Handler = encodedHandler(roomv1.RoomService_BatchGetRooms_FullMethodName, (*GRPC).batchGetRooms)
		case "ListAnchorRooms":
			m.Handler = encodedHandler(roomv1.RoomService_ListAnchorRooms_FullMethodName, (*GRPC).listAnchorRooms)
		case "ListLive":
			m.Handler = encodedHandler(roomv1.RoomService_ListLive_FullMethodName, (*GRPC).listLive)
		case "SearchRooms":
			m.Handler = encodedHandler(roomv1.RoomService_SearchRooms_FullMethodName, (*GRPC).searchRooms)
		}
	}
	return &desc
}

// encodedHandler is what protoc-gen-go-grpc generates for a method, but for one that returns bytes.
func encodedHandler[Req any](name string, method func(*GRPC, context.Context, *Req) (encoded, error)) grpc.MethodHandler {
	return func(srv any, ctx context.Context, decode func(any) error, intercept grpc.UnaryServerInterceptor) (any, error) {
		in := new(Req)
		if decode(in) != nil { // grpc says INTERNAL, which would be a fault of ours
			return nil, srv.(*GRPC).status(ctx, fault.InvalidArgument.New("the message cannot be read"))
		}
		handle := func(ctx context.Context, req any) (any, error) { return method(srv.(*GRPC), ctx, req.(*Req)) }
		if intercept == nil {
			return handle(ctx, in)
		}
		return intercept(ctx, in, &grpc.UnaryServerInfo{Server: srv, FullMethod: name}, handle)
	}
}

func (s *GRPC) unary(ctx context.Context, req any, info *grpc.UnaryServerInfo, handle grpc.UnaryHandler) (resp any, err error) {
	defer s.recovered(ctx, &err)
	if err := s.admits(ctx, info.FullMethod); err != nil {
		return nil, err
	}
	resp, err = handle(ctx, req)
	if err != nil {
		return nil, s.status(ctx, err)
	}
	return resp, nil
}

func (s *GRPC) streaming(srv any, ss grpc.ServerStream, info *grpc.StreamServerInfo, handle grpc.StreamHandler) (err error) {
	defer s.recovered(ss.Context(), &err)
	if err := s.admits(ss.Context(), info.FullMethod); err != nil {
		return err
	}
	return s.status(ss.Context(), handle(srv, ss))
}

// recovered answers for a panic: grpc would let one call end the process.
func (s *GRPC) recovered(ctx context.Context, err *error) {
	if p := recover(); p != nil {
		*err = s.status(ctx, panicked(p))
	}
}

// status makes the gRPC status of an error, with the fault as its detail. What already is a status
// (from grpc itself, from health or reflection) stays as it is.
func (s *GRPC) status(ctx context.Context, err error) error {
	if err == nil {
		return nil
	}
	if _, is := status.FromError(err); is {
		return err
	}
	f := fault.Of(err)
	id := requestID(first(ctx, "x-request-id"))
	logFault(s.Log, f, id)
	st := status.New(codes.Code(f.Code.GRPC), f.Message)
	detailed, bad := st.WithDetails(wire.Fault(f, id))
	if bad != nil {
		return st.Err() // without the detail the code still says what matters
	}
	return detailed.Err()
}

// first is a request's metadata value, "" when there is none.
func first(ctx context.Context, key string) string {
	if v := metadata.ValueFromIncomingContext(ctx, key); len(v) > 0 {
		return v[0]
	}
	return ""
}

// fresh says in the response's metadata how fresh its least fresh room is.
func (s *GRPC) fresh(ctx context.Context, age time.Duration, more ...string) {
	md := make(metadata.MD, 3)
	for i := 0; i < len(more); i += 2 {
		md[more[i]] = more[i+1 : i+2]
	}
	md["x-room-age-ms"] = []string{strconv.FormatInt(age.Milliseconds(), 10)}
	if query.Stale(age) {
		md["x-room-stale"] = []string{"true"}
	}
	// It fails only when the headers are sent already; they are not before a handler returns.
	_ = grpc.SetHeader(ctx, md)
}

// health answers for the whole process and for the service, from the same reason as /readyz.
type health struct {
	healthpb.UnimplementedHealthServer
	ready func() error
}

func (h health) Check(_ context.Context, req *healthpb.HealthCheckRequest) (*healthpb.HealthCheckResponse, error) {
	if name := req.GetService(); name != "" && name != roomv1.RoomService_ServiceDesc.ServiceName && name != audiencev1.AudienceService_ServiceDesc.ServiceName {
		return nil, status.Error(codes.NotFound, "there is no such service here")
	}
	if h.ready() != nil {
		return &healthpb.HealthCheckResponse{Status: healthpb.HealthCheckResponse_NOT_SERVING}, nil
	}
	return &healthpb.HealthCheckResponse{Status: healthpb.HealthCheckResponse_SERVING}, nil
}

// positive checks ids as the paths of HTTP do.
func positive(field string, ids ...int64) error {
	for _, id := range ids {
		if id <= 0 {
			return invalid(field, "%s is a positive number", field)
		}
	}
	return nil
}

func appendRoomIDs(out []ident.RoomID, ids []int64) []ident.RoomID {
	for _, id := range ids {
		out = append(out, ident.RoomID(id))
	}
	return out
}
