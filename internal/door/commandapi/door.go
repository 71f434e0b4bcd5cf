// Package commandapi is the door of the B side: it decodes a command, calls flow/command once and
// encodes what it said.
//
// One net/http server answers REST (under /v1/), Connect and gRPC (under the services' names, HTTP/1.1 and
// cleartext HTTP/2) from one set of handlers, with gRPC reflection and health, /openapi.yaml, /healthz,
// /readyz, and whatever app mounts beside them: metrics, the media servers' hooks, the console.
//
// Every answer carries X-Request-Id. A refusal has a code of internal/core/fault on every protocol: on
// REST as {"error":{…}} with the registry's status, on Connect and gRPC as a greenroom.fault.v1.Fault detail.
// Bodies, headers, times and the number of calls in flight are bounded; beyond the last, callers
// get OVERLOADED at once instead of a place in a queue. The door holds no rules of rooms, reads no view,
// logs faults of ours once with the request id, and never logs a token, a key or a body.
package commandapi

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"sync/atomic"
	"time"

	"buf.build/go/protovalidate"
	"connectrpc.com/connect"
	"connectrpc.com/grpchealth"
	"connectrpc.com/grpcreflect"
	"connectrpc.com/vanguard"
	"go.opentelemetry.io/otel/trace"
	"go.opentelemetry.io/otel/trace/noop"

	"github.com/greenroomlive/greenroom/api"
	"github.com/greenroomlive/greenroom/api/gen/greenroom/anchor/v1/anchorv1connect"
	"github.com/greenroomlive/greenroom/api/gen/greenroom/extend/v1/extendv1connect"
	"github.com/greenroomlive/greenroom/api/gen/greenroom/management/v1/managementv1connect"
	"github.com/greenroomlive/greenroom/api/gen/greenroom/ops/v1/opsv1connect"
	"github.com/greenroomlive/greenroom/api/gen/greenroom/schedule/v1/schedulev1connect"
	"github.com/greenroomlive/greenroom/internal/core/fault"
	"github.com/greenroomlive/greenroom/internal/flow/command"
)

// Bounds of the door.
const (
	// MaxBody is the largest request body: the longest command is a tenth of it.
	MaxBody = 64 << 10
	// maxAnswer bounds what vanguard buffers; 200 rooms with every field full are under 1 MiB.
	maxAnswer  = 4 << 20
	maxHeaders = 16 << 10

	defaultInFlight = 1024
	defaultDeadline = 5 * time.Second

	readHeaderTimeout = 5 * time.Second
	readBodyTimeout   = 10 * time.Second
	writeTimeout      = 15 * time.Second
	reflectWithin     = time.Minute
	idleTimeout       = 2 * time.Minute
	// drainTimeout is how long a stopping door waits for the calls in flight.
	drainTimeout = 10 * time.Second
)

// Callers says who holds a bearer token; auth.Authenticator does. UNAUTHENTICATED for a stranger.
type Callers interface {
	Caller(ctx context.Context, bearer string) (command.Caller, error)
}

// Config is what a Door is made of.
type Config struct {
	Anchor *command.Anchor
	// Planning is what anchors plan; it belongs to their role.
	Planning *command.Planning
	// Control is room control; nil in a process without the role, which does not know its paths.
	Control *command.Control
	// People and Rules are those of rooms and the platform; nil in a process without the role, as Control.
	People *command.People
	Rules  *command.Rules
	// Extend is what hangs in rooms; nil in a process without the role, as Control.
	Extend *command.Extend
	Zones  Zones
	// Switches are what operators may turn; switches.Set is.
	Switches Switches
	Callers  Callers
	Log      *slog.Logger
	// Tracer gives each command a server span; nil for none.
	Tracer trace.TracerProvider
	// Ready says why the process is not ready; nil while it is. A nil func is always ready.
	Ready func() error
	// Mount holds more handlers by http.ServeMux pattern: "/metrics", "/hooks/", "/" for the console.
	Mount map[string]http.Handler
	// Around stands before everything else on the address, as forward.Trusted does; nil for nothing.
	Around func(http.Handler) http.Handler
	// InFlight bounds the calls that run at once; 0 means 1,024.
	InFlight int
	// Deadline bounds a call; 0 means 5 s. A caller may ask for less.
	Deadline time.Duration
	// Observe hears of each finished call: its procedure, the fault's code or "OK", the time taken. May be nil.
	Observe func(procedure, code string, took time.Duration)
}

// Door is the B side's http.Handler. Safe for concurrent use.
type Door struct {
	Config

	inFlight atomic.Int64
	valid    protovalidate.Validator
	tracer   trace.Tracer
	mux      *http.ServeMux
	// streams ends when the door closes: long-lived answers of mounted handlers must not hold it open.
	streams    context.Context
	endStreams context.CancelFunc
}

// New builds the door. It fails only for protos and patterns that contradict each other.
func New(c Config) (*Door, error) {
	if c.Tracer == nil {
		c.Tracer = noop.NewTracerProvider()
	}
	if c.Ready == nil {
		c.Ready = func() error { return nil }
	}
	if c.Observe == nil {
		c.Observe = func(string, string, time.Duration) {}
	}
	if c.Around == nil {
		c.Around = func(h http.Handler) http.Handler { return h }
	}
	if c.InFlight == 0 {
		c.InFlight = defaultInFlight
	}
	if c.Deadline == 0 {
		c.Deadline = defaultDeadline
	}
	valid, err := protovalidate.New(protovalidate.WithFailFast())
	if err != nil {
		return nil, err
	}
	d := &Door{Config: c, valid: valid, tracer: c.Tracer.Tracer("greenroom/commandapi"), mux: http.NewServeMux()}
	d.streams, d.endStreams = context.WithCancel(context.Background())
	return d, d.route()
}

func (d *Door) route() error {
	options := []connect.HandlerOption{
		connect.WithInterceptors(connect.UnaryInterceptorFunc(d.intake)),
		connect.WithReadMaxBytes(MaxBody),
		connect.WithCodec(connectJSON{name: "json"}), connect.WithCodec(connectJSON{name: "json; charset=utf-8"}),
	}
	served := d.services(options)
	names, services := []string{grpchealth.HealthV1ServiceName}, make([]*vanguard.Service, 0, len(served))
	for _, s := range served {
		names, services = append(names, s.name), append(services, vanguard.NewService(s.path, s.handler))
		d.mux.Handle(s.path, s.handler)
	}
	rest, err := vanguard.NewTranscoder(services,
		vanguard.WithCodec(restCodec),
		vanguard.WithDefaultServiceOptions(vanguard.WithMaxMessageBufferBytes(maxAnswer), vanguard.WithNoTargetCompression()),
	)
	if err != nil {
		return err
	}
	d.mux.Handle("/v1/", d.rest(rest))
	d.mux.HandleFunc("/v1/anchors/{uid}/schedule.ics", readOnly(d.ical))
	d.mux.Handle(grpchealth.NewHandler(health{d.Ready}))
	reflector := grpcreflect.NewStaticReflector(names...)
	d.mux.Handle(grpcreflect.NewHandlerV1(reflector))
	d.mux.Handle(grpcreflect.NewHandlerV1Alpha(reflector))
	d.mux.HandleFunc("/openapi.yaml", readOnly(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/yaml")
		_, _ = w.Write(api.OpenAPI)
	}))
	d.mux.HandleFunc("/healthz", readOnly(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("ok\n")) }))
	d.mux.HandleFunc("/readyz", readOnly(d.readyz))
	for pattern, h := range d.Mount {
		d.mux.Handle(pattern, h)
	}
	if d.Mount["/"] == nil {
		d.mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) { writeFault(w, exchangeOf(r.Context()), unknownPath(r)) })
	}
	return nil
}

// service is one that the door serves, by path for Connect and gRPC and by name for reflection.
type service struct {
	name, path string
	handler    http.Handler
}

// services are those of the roles of this process.
func (d *Door) services(options []connect.HandlerOption) []service {
	path, handler := anchorv1connect.NewAnchorServiceHandler(&anchorHandler{d.Anchor}, options...)
	out := []service{{anchorv1connect.AnchorServiceName, path, handler}}
	path, handler = schedulev1connect.NewScheduleServiceHandler(&scheduleHandler{d.Planning}, options...)
	out = append(out, service{schedulev1connect.ScheduleServiceName, path, handler})
	path, handler = opsv1connect.NewOpsServiceHandler(&opsHandler{d.Zones, d.Switches}, options...)
	out = append(out, service{opsv1connect.OpsServiceName, path, handler})
	if d.Control != nil {
		path, handler = managementv1connect.NewManagementServiceHandler(&controlHandler{d.Control}, options...)
		out = append(out, service{managementv1connect.ManagementServiceName, path, handler})
		path, handler = managementv1connect.NewAuditServiceHandler(&auditHandler{command.NewAudit(d.Anchor)}, options...)
		out = append(out, service{managementv1connect.AuditServiceName, path, handler})
	}
	if d.People != nil {
		path, handler = managementv1connect.NewPeopleServiceHandler(&peopleHandler{d.People}, options...)
		out = append(out, service{managementv1connect.PeopleServiceName, path, handler})
	}
	if d.Rules != nil {
		path, handler = managementv1connect.NewRulesServiceHandler(&rulesHandler{d.Rules}, options...)
		out = append(out, service{managementv1connect.RulesServiceName, path, handler})
	}
	if d.Extend != nil {
		path, handler = extendv1connect.NewExtendServiceHandler(&extendHandler{d.Extend}, options...)
		out = append(out, service{extendv1connect.ExtendServiceName, path, handler})
	}
	return out
}

// readOnly refuses other methods itself: the mux would pass them on to the console, whose answer is
// that there is no such page.
func readOnly(h http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodGet && r.Method != http.MethodHead {
			w.Header().Set("Allow", "GET, HEAD")
			writeFault(w, exchangeOf(r.Context()), fault.MethodNotAllowed.New("%s does not take %s", r.URL.Path, r.Method))
			return
		}
		h(w, r)
	}
}

func (d *Door) readyz(w http.ResponseWriter, r *http.Request) {
	if err := d.Ready(); err != nil {
		writeFault(w, exchangeOf(r.Context()), fault.NotReady.New("%s", err))
		return
	}
	_, _ = w.Write([]byte("ready\n"))
}

// Run serves the listener until ctx ends, then lets the calls in flight finish.
func (d *Door) Run(ctx context.Context, ln net.Listener) error {
	protocols := &http.Protocols{}
	protocols.SetHTTP1(true)
	protocols.SetUnencryptedHTTP2(true) // gRPC without TLS
	srv := &http.Server{
		Handler: d.Around(d), Protocols: protocols, MaxHeaderBytes: maxHeaders,
		ReadHeaderTimeout: readHeaderTimeout, IdleTimeout: idleTimeout,
		ErrorLog: slog.NewLogLogger(d.Log.Handler(), slog.LevelDebug), // broken strangers' connections
	}
	served := make(chan error, 1)
	go func() { served <- srv.Serve(ln) }()
	select {
	case err := <-served:
		return err
	case <-ctx.Done():
	}
	d.endStreams()
	drain, cancel := context.WithTimeout(context.WithoutCancel(ctx), drainTimeout)
	defer cancel()
	err := srv.Shutdown(drain)
	if err != nil {
		err = errors.Join(err, srv.Close())
	}
	_ = <-served // says only that it was shut down
	return err
}

// health answers gRPC's health check with the readiness of the process.
type health struct{ ready func() error }

// Check answers for every service alike: they live and die together.
func (h health) Check(context.Context, *grpchealth.CheckRequest) (*grpchealth.CheckResponse, error) {
	if h.ready() != nil {
		return &grpchealth.CheckResponse{Status: grpchealth.StatusNotServing}, nil
	}
	return &grpchealth.CheckResponse{Status: grpchealth.StatusServing}, nil
}
