// Package forward is the command door of a zone that is not home: it hands everything that comes to the zone's command
// address on to a door of the home zone, and the answer back.
//
// It guarantees that a request is sent to a second home door only when it cannot have been processed by the first:
// when no connection came about and nothing was read of its body, or when it changes nothing (GET, HEAD). All
// protocols of the home door pass: REST, Connect, gRPC with its streams and trailers, callbacks, console pages with
// their live parts. Answers flow as they come. Requests of one client go to one home door while that answers, because
// the console's sign-ins live there.
//
// Who calls is not lost on the way: the home door gets the client's address in X-Forwarded-For together with the
// fleet's secret, see Trusted; the same header in a client's request is removed.
//
// Failure: a home door that cannot be reached, or breaks off, is left alone for a while (internal/guard/breaker). When
// none is left the answer is HOME_UNREACHABLE, in the form of the protocol that was spoken; its details.happened
// says whether the command may have happened. A home that does not begin to answer in time is DEADLINE_EXCEEDED.
// Bodies, headers, times and the number of requests in flight are bounded as at home.
//
// Lifecycle: New starts nothing, Run serves until its context ends. Safe for concurrent use. It decides nothing, stores
// nothing, reads no token, and never logs a header or a body.
package forward

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"strings"
	"sync/atomic"
	"time"

	"github.com/greenroomlive/greenroom/internal/core/fault"
)

// The bounds are those of the home door, which refuses what is beyond them anyway.
const (
	maxBody    = 64 << 10
	maxHeaders = 16 << 10
	// inFlight bounds all requests, live pages included.
	inFlight = 4096

	readHeaderTimeout = 5 * time.Second
	readBodyTimeout   = 10 * time.Second
	reflectWithin     = time.Minute
	writeTimeout      = 15 * time.Second
	idleTimeout       = 2 * time.Minute
	drainTimeout      = 10 * time.Second

	// answerTimeout is how long home may take to begin its answer: twice what its door allows a call.
	answerTimeout = 10 * time.Second
)

// Config is what a Forwarder is made of.
type Config struct {
	// Home are the command addresses of the home zone, host:port, at least one.
	Home []string
	// Secret is the fleet's internal secret, by which home believes what we say of our clients. Required.
	Secret string
	// Ready says why the process takes no traffic; nil while it does, and a nil func is always ready. It does not
	// speak of home: a forwarder that leaves its balancer when home is gone turns a typed refusal into a dead address.
	Ready func() error
	// Metrics answers /metrics; nil for none.
	Metrics http.Handler
	// Observe hears what became of each request at the home address that had the last word ("" when none was asked):
	// "ok", or the code of the fault we answered with. May be nil.
	Observe func(home, result string)
	Log     *slog.Logger
	// AnswerTimeout is for tests; 0 means 10 s.
	AnswerTimeout time.Duration
}

// Forwarder is the http.Handler.
type Forwarder struct {
	Config
	homes    *homes
	proxy    *httputil.ReverseProxy
	mux      *http.ServeMux
	inFlight atomic.Int64

	streams    context.Context // ends when the door closes
	endStreams context.CancelFunc
}

// New makes a Forwarder. The error says what is wrong with Home or Secret.
func New(c Config) (*Forwarder, error) {
	if c.Secret == "" {
		return nil, errors.New("forward: without the internal secret home would take all our clients for one")
	}
	if c.Ready == nil {
		c.Ready = func() error { return nil }
	}
	if c.Observe == nil {
		c.Observe = func(string, string) {}
	}
	if c.AnswerTimeout == 0 {
		c.AnswerTimeout = answerTimeout
	}
	homes, err := newHomes(c.Home)
	if err != nil {
		return nil, err
	}
	f := &Forwarder{Config: c, homes: homes, mux: http.NewServeMux()}
	f.streams, f.endStreams = context.WithCancel(context.Background())
	f.proxy = &httputil.ReverseProxy{
		Rewrite: f.rewrite, Transport: homes, ModifyResponse: f.began, ErrorHandler: f.failed,
		FlushInterval: -1, // an answer that waits in our buffer is late
		ErrorLog:      slog.NewLogLogger(c.Log.Handler(), slog.LevelDebug),
	}
	f.mux.Handle("/", http.HandlerFunc(f.forward))
	f.mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("ok\n")) })
	f.mux.HandleFunc("GET /readyz", f.readyz)
	if c.Metrics != nil {
		f.mux.Handle("GET /metrics", c.Metrics)
	}
	return f, nil
}

func (f *Forwarder) readyz(w http.ResponseWriter, r *http.Request) {
	if err := f.Ready(); err != nil {
		writeFault(w, r, fault.NotReady.New("%s", err))
		return
	}
	_, _ = w.Write([]byte("ready\n"))
}

// ServeHTTP gives each request its times anew, as a connection keeps those of the request before. Not every
// ResponseWriter has them.
func (f *Forwarder) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	c := http.NewResponseController(w)
	var read time.Time
	switch {
	case strings.HasPrefix(r.URL.Path, "/grpc."):
		read = time.Now().Add(reflectWithin)
	case r.ContentLength != 0:
		read = time.Now().Add(readBodyTimeout)
	}
	_ = c.SetReadDeadline(read)
	f.mux.ServeHTTP(&pacedWriter{w, c}, r)
}

// forward sends one request home.
func (f *Forwarder) forward(w http.ResponseWriter, r *http.Request) {
	name(r)
	defer f.inFlight.Add(-1)
	if f.inFlight.Add(1) > inFlight {
		f.refuse(w, r, &journey{}, fault.Overloaded.New("%d requests are on their way home, as many as this door takes", inFlight))
		return
	}
	ctx, cancel := context.WithCancelCause(r.Context())
	defer cancel(nil)
	defer context.AfterFunc(f.streams, func() { cancel(errClosing) })()
	j := &journey{client: r.RemoteAddr}
	j.patience = time.AfterFunc(f.AnswerTimeout, func() { cancel(errSlow) })
	defer j.patience.Stop()
	r = r.WithContext(context.WithValue(ctx, journeyKey{}, j))
	r.Body = http.MaxBytesReader(w, r.Body, maxBody)
	f.proxy.ServeHTTP(w, r)
}

var (
	errSlow    = errors.New("home did not begin to answer in time")
	errClosing = errors.New("this door closes")
)

// journey is one request on its way. It travels in the context; used by one goroutine at a time.
type journey struct {
	client   string
	patience *time.Timer
	home     string // whom it was sent to last
	sent     bool   // home may have read some of it
}

type journeyKey struct{}

func journeyOf(ctx context.Context) *journey {
	if j, ok := ctx.Value(journeyKey{}).(*journey); ok {
		return j
	}
	return &journey{}
}

// rewrite makes the request that home gets. ReverseProxy has taken off what is meant for us alone, as Connection; the
// Host stays, for the console looks at it.
func (f *Forwarder) rewrite(p *httputil.ProxyRequest) {
	p.Out.URL = &url.URL{Scheme: "http", Path: p.In.URL.Path, RawPath: p.In.URL.RawPath, RawQuery: p.In.URL.RawQuery}
	p.Out.Host = p.In.Host
	for _, given := range []string{"Forwarded", "X-Forwarded-For", "X-Forwarded-Host", "X-Forwarded-Proto"} {
		p.Out.Header.Del(given)
		if values := p.In.Header[given]; len(values) > 0 {
			p.Out.Header[given] = values
		}
	}
	speakFor(p.Out.Header, f.Secret, journeyOf(p.In.Context()).client)
}

// began is told that home answers. From here on calls have their write deadlines, and streams take their time.
func (f *Forwarder) began(r *http.Response) error {
	j := journeyOf(r.Request.Context())
	j.patience.Stop()
	f.Observe(j.home, "ok")
	return nil
}

// failed answers in the place of home.
func (f *Forwarder) failed(w http.ResponseWriter, r *http.Request, err error) {
	j := journeyOf(r.Context())
	cause := context.Cause(r.Context())
	tooLarge, isTooLarge := errors.AsType[*http.MaxBytesError](err)
	switch {
	case isTooLarge:
		f.refuse(w, r, j, fault.TooLarge.New("the body has more than %d bytes", tooLarge.Limit))
	case errors.Is(cause, errSlow):
		f.refuse(w, r, j, fault.DeadlineExceeded.New("the home zone has not answered within %v", f.AnswerTimeout))
	case errors.Is(cause, errClosing) && !j.sent:
		f.refuse(w, r, j, fault.NotReady.New("this door closes"))
	case cause != nil && !errors.Is(cause, errClosing):
		f.Observe(j.home, "gone") // the client went away
	default:
		happened := "no"
		if j.sent && r.Method != http.MethodGet && r.Method != http.MethodHead {
			happened = "unknown"
		}
		f.Log.Warn("forward: home cannot be reached", "home", j.home, "path", r.URL.Path, "happened", happened, "error", err)
		f.refuse(w, r, j, fault.HomeUnreachable.New("the home zone, where commands are decided, cannot be reached from here").With("happened", happened))
	}
}

func (f *Forwarder) refuse(w http.ResponseWriter, r *http.Request, j *journey, refusal *fault.Error) {
	f.Observe(j.home, refusal.Code.Name)
	writeFault(w, r, refusal)
}

// pacedWriter gives the client time for each part of an answer, not for all of it: a live page goes on for
// as long as it is read.
type pacedWriter struct {
	http.ResponseWriter
	c *http.ResponseController
}

func (w *pacedWriter) Write(b []byte) (int, error) {
	_ = w.c.SetWriteDeadline(time.Now().Add(writeTimeout))
	n, err := w.ResponseWriter.Write(b)
	return n, err
}

// FlushError is http.ResponseController's. What follows may be a long while of silence, which is no slowness.
func (w *pacedWriter) FlushError() error {
	err := w.c.Flush()
	_ = w.c.SetWriteDeadline(time.Time{})
	return err
}

// Unwrap is http.ResponseController's.
func (w *pacedWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }

// Run serves the listener until ctx ends, then lets the requests in flight finish.
func (f *Forwarder) Run(ctx context.Context, ln net.Listener) error {
	protocols := &http.Protocols{}
	protocols.SetHTTP1(true)
	protocols.SetUnencryptedHTTP2(true) // gRPC without TLS
	srv := &http.Server{
		Handler: f, Protocols: protocols, MaxHeaderBytes: maxHeaders,
		ReadHeaderTimeout: readHeaderTimeout, IdleTimeout: idleTimeout,
		ErrorLog: slog.NewLogLogger(f.Log.Handler(), slog.LevelDebug),
	}
	defer f.homes.close()
	served := make(chan error, 1)
	go func() { served <- srv.Serve(ln) }()
	select {
	case err := <-served:
		return fmt.Errorf("forward: %w", err)
	case <-ctx.Done():
	}
	drain, cancel := context.WithTimeout(context.WithoutCancel(ctx), drainTimeout)
	defer cancel()
	defer context.AfterFunc(drain, f.endStreams)()
	err := srv.Shutdown(drain)
	if err != nil {
		err = errors.Join(err, srv.Close())
	}
	_ = <-served // says only that it was shut down
	return err
}

// calls are the paths of services, which answer in the manner of Connect and gRPC.
func calls(path string) bool {
	return strings.HasPrefix(path, "/greenroom.") || strings.HasPrefix(path, "/grpc.")
}
