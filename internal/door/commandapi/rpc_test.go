package commandapi_test

import (
	"context"
	"errors"
	"net/http"
	"testing"

	"connectrpc.com/connect"
	"connectrpc.com/grpcreflect"
	"go.opentelemetry.io/otel/propagation"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
	"go.opentelemetry.io/otel/trace"
	"google.golang.org/genproto/googleapis/api/annotations"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"

	anchorv1 "github.com/greenroomlive/greenroom/api/gen/greenroom/anchor/v1"
	"github.com/greenroomlive/greenroom/api/gen/greenroom/anchor/v1/anchorv1connect"
	extendv1 "github.com/greenroomlive/greenroom/api/gen/greenroom/extend/v1"
	faultv1 "github.com/greenroomlive/greenroom/api/gen/greenroom/fault/v1"
	managementv1 "github.com/greenroomlive/greenroom/api/gen/greenroom/management/v1"
	opsv1 "github.com/greenroomlive/greenroom/api/gen/greenroom/ops/v1"
	schedulev1 "github.com/greenroomlive/greenroom/api/gen/greenroom/schedule/v1"
	"github.com/greenroomlive/greenroom/internal/core/event"
	"github.com/greenroomlive/greenroom/internal/core/fault"
	"github.com/greenroomlive/greenroom/internal/door/commandapi"
)

// restPaths are the REST paths that the protos declare.
func restPaths(t *testing.T) []string {
	t.Helper()
	seen := map[string]bool{}
	var out []string
	for _, file := range []protoreflect.FileDescriptor{anchorv1.File_greenroom_anchor_v1_anchor_proto, extendv1.File_greenroom_extend_v1_extend_proto, managementv1.File_greenroom_management_v1_management_proto, managementv1.File_greenroom_management_v1_audit_proto, managementv1.File_greenroom_management_v1_people_proto, managementv1.File_greenroom_management_v1_rules_proto, schedulev1.File_greenroom_schedule_v1_schedule_proto, opsv1.File_greenroom_ops_v1_ops_proto} {
		methods := file.Services().Get(0).Methods()
		for i := range methods.Len() {
			rule := proto.GetExtension(methods.Get(i).Options(), annotations.E_Http).(*annotations.HttpRule)
			path := rule.GetGet() + rule.GetPost() + rule.GetPut() + rule.GetPatch() + rule.GetDelete()
			if path == "" {
				t.Errorf("%s has no REST path", methods.Get(i).FullName())
			}
			if !seen[path] {
				seen[path] = true
				out = append(out, path)
			}
		}
	}
	return out
}

// bearer puts the ops token on every call of a connect client.
var bearer = connect.WithInterceptors(connect.UnaryInterceptorFunc(func(next connect.UnaryFunc) connect.UnaryFunc {
	return func(ctx context.Context, req connect.AnyRequest) (connect.AnyResponse, error) {
		req.Header().Set("Authorization", "Bearer "+opsToken)
		return next(ctx, req)
	}
}))

func cleartextHTTP2(t *testing.T) *http.Client {
	transport := &http.Transport{Protocols: new(http.Protocols)}
	transport.Protocols.SetUnencryptedHTTP2(true)
	t.Cleanup(transport.CloseIdleConnections)
	return &http.Client{Transport: transport}
}

func TestConnectAndGRPCSayWhatRESTSays(t *testing.T) {
	h := open(t, nil)
	h2 := cleartextHTTP2(t)
	clients := map[string]anchorv1connect.AnchorServiceClient{
		"connect":        anchorv1connect.NewAnchorServiceClient(h.http, h.url, bearer),
		"connect JSON":   anchorv1connect.NewAnchorServiceClient(h.http, h.url, bearer, connect.WithProtoJSON()),
		"connect GET":    anchorv1connect.NewAnchorServiceClient(h.http, h.url, bearer, connect.WithHTTPGet()),
		"connect HTTP/2": anchorv1connect.NewAnchorServiceClient(h2, h.url, bearer),
		"gRPC":           anchorv1connect.NewAnchorServiceClient(h2, h.url, bearer, connect.WithGRPC()),
		"gRPC-Web":       anchorv1connect.NewAnchorServiceClient(h.http, h.url, bearer, connect.WithGRPCWeb()),
	}
	for name, c := range clients {
		t.Run(name, func(t *testing.T) {
			req := connect.NewRequest(&anchorv1.CreateRoomRequest{Title: name})
			req.Header().Set("Idempotency-Key", name)
			made, err := c.CreateRoom(t.Context(), req)
			if err != nil {
				t.Fatal(err)
			}
			if made.Header().Get("ETag") != `"1"` || made.Header().Get("X-Request-Id") == "" {
				t.Errorf("headers %v", made.Header())
			}
			read, err := c.GetRoom(t.Context(), connect.NewRequest(&anchorv1.GetRoomRequest{Id: made.Msg.GetRoom().GetId()}))
			if err != nil || !proto.Equal(read.Msg, made.Msg) {
				t.Errorf("read %v, %v", read, err)
			}
			wantConnectFault(t, c, 1, fault.RoomNotFound, "")
			wantConnectFault(t, c, -1, fault.InvalidArgument, "id")
		})
	}
}

func wantConnectFault(t *testing.T, c anchorv1connect.AnchorServiceClient, id int64, code *fault.Code, field string) {
	t.Helper()
	req := connect.NewRequest(&anchorv1.GetRoomRequest{Id: id})
	req.Header().Set("X-Request-Id", "mine")
	_, err := c.GetRoom(t.Context(), req)
	if f := connectFault(t, err, code); f.GetRequestId() != "mine" || f.GetDetails()["field"] != field {
		t.Errorf("fault %v", f)
	}
}

// connectFault is the one detail that a refusal carries over Connect and gRPC.
func connectFault(t *testing.T, err error, code *fault.Code) *faultv1.Fault {
	t.Helper()
	ce, ok := errors.AsType[*connect.Error](err)
	if !ok || uint32(ce.Code()) != code.GRPC || len(ce.Details()) != 1 {
		t.Fatalf("%v, want %s", err, code.Name)
	}
	value, err := ce.Details()[0].Value()
	if err != nil {
		t.Fatal(err)
	}
	f, ok := value.(*faultv1.Fault)
	if !ok || f.GetCode() != code.Name || f.GetRetryable() != code.Retryable {
		t.Fatalf("fault %v, want %s", value, code.Name)
	}
	return f
}

func TestConnectJSONRefusesUnknownFieldsToo(t *testing.T) {
	h := open(t, nil)
	a := h.do("POST", "/greenroom.anchor.v1.AnchorService/CreateRoom", `{"titel":"A"}`, header{"Content-Type": "application/json"})
	if a.status != 400 || a.at("code") != "invalid_argument" {
		t.Errorf("%d %s", a.status, a.text)
	}
	a = h.do("POST", "/greenroom.anchor.v1.AnchorService/CreateRoom", `{"title":"A"}`, header{"Content-Type": "application/json"})
	if a.status != 200 || a.at("room", "anchor_id") != "1" {
		t.Errorf("%d %s", a.status, a.text)
	}
}

func TestAPlainGRPCClientWithHealthAndReflection(t *testing.T) {
	h := open(t, nil)
	conn, err := grpc.NewClient(h.url[len("http://"):], grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	check, err := grpc_health_v1.NewHealthClient(conn).Check(t.Context(), &grpc_health_v1.HealthCheckRequest{})
	if err != nil || check.GetStatus() != grpc_health_v1.HealthCheckResponse_SERVING {
		t.Errorf("health %v, %v", check, err)
	}
	c := anchorv1.NewAnchorServiceClient(conn)
	if _, err := c.GetRoom(t.Context(), &anchorv1.GetRoomRequest{Id: 1}); status.Code(err) != codes.Unauthenticated {
		t.Errorf("without a token: %v", err)
	}
	ctx := metadata.AppendToOutgoingContext(t.Context(), "authorization", "Bearer "+opsToken)
	_, err = c.GetRoom(ctx, &anchorv1.GetRoomRequest{Id: 1})
	if s := status.Convert(err); s.Code() != codes.NotFound || len(s.Details()) != 1 || s.Details()[0].(*faultv1.Fault).GetCode() != "ROOM_NOT_FOUND" {
		t.Errorf("details %v of %v", s.Details(), err)
	}

	stream := grpcreflect.NewClient(cleartextHTTP2(t), h.url).NewStream(t.Context())
	names, err := stream.ListServices()
	if err != nil || len(names) != 9 {
		t.Errorf("services %v, %v", names, err)
	}
	_, _ = stream.Close()
}

func TestACommandCarriesItsTraceAndItsName(t *testing.T) {
	spans := tracetest.NewSpanRecorder()
	tests := map[string]trace.TracerProvider{"with spans": sdktrace.NewTracerProvider(sdktrace.WithSpanProcessor(spans)), "without": nil}
	const parent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
	for name, tracer := range tests {
		t.Run(name, func(t *testing.T) {
			h := open(t, func(c *commandapi.Config) { c.Tracer = tracer })
			h.room(header{"traceparent": parent, "X-Request-Id": "cmd-1"})
			h.room()
			events := h.committed()
			first := spanOf(events[0].Traceparent)
			if first.TraceID() != spanOf(parent).TraceID() || events[0].Cause != "cmd-1" {
				t.Errorf("event under %s, cause %s", events[0].Traceparent, events[0].Cause)
			}
			if second := spanOf(events[1].Traceparent); !second.IsValid() || second.TraceID() == first.TraceID() {
				t.Errorf("a call without a trace runs under %q", events[1].Traceparent)
			}
		})
	}
	ended := spans.Ended()
	if len(ended) != 2 || ended[0].Name() != "command.CreateRoom" || ended[0].Parent().SpanID() != spanOf(parent).SpanID() {
		t.Errorf("spans %v", ended)
	}
}

func (h *house) committed() []event.RoomEvent {
	h.t.Helper()
	if _, err := h.store.Sequence(h.t.Context(), 100); err != nil {
		h.t.Fatal(err)
	}
	events, err := h.store.Events(h.t.Context(), 0, 100)
	if err != nil {
		h.t.Fatal(err)
	}
	return events
}

func spanOf(traceparent string) trace.SpanContext {
	ctx := propagation.TraceContext{}.Extract(context.Background(), propagation.MapCarrier{"traceparent": traceparent})
	return trace.SpanContextFromContext(ctx)
}
