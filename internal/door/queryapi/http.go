package queryapi

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"sync"
	"time"

	"github.com/valyala/fasthttp"

	"github.com/greenroomlive/greenroom/internal/core/fault"
	"github.com/greenroomlive/greenroom/internal/flow/audience"
	"github.com/greenroomlive/greenroom/internal/flow/feed"
	"github.com/greenroomlive/greenroom/internal/flow/query"
	"github.com/greenroomlive/greenroom/internal/flow/search"
)

const (
	// A batch of 1,000 ids of 19 digits is a request line of 20 KB; the headers of a browser
	// behind a CDN take 4 KB.
	maxHead = 24 << 10
	// Reads have no body; a client that sends one all the same is let off with a small one. A viewer's is a name.
	maxBody = 1 << 10
	// One number for reading a request and for waiting for the next one, see pacedConn. CDNs keep
	// their connections busier than this.
	readWithin = 60 * time.Second
	// writeWithin cuts a client that does not read its answer.
	writeWithin = 10 * time.Second
	// answerWithin bounds what a read that is not in memory may take.
	answerWithin = 3 * time.Second
	// stopWithin bounds the wait for answers being written when the process stops.
	stopWithin = 5 * time.Second
	// maxConns bounds memory, for each protocol: a connection holds a read buffer of maxHead.
	maxConns = 10_000
)

// Config is what the door needs; both protocols take the same. All fields but the last three are required.
type Config struct {
	Rooms *query.Rooms
	Feed  *feed.Hub
	// Search finds rooms by words.
	Search *search.Search
	// Soon is what begins soon.
	Soon Upcoming
	// Ready says why the process cannot serve yet; nil when it can.
	Ready func() error
	Log   *slog.Logger
	// Audience counts who watches; nil: nobody is asked.
	Audience *audience.Engine
	// Speech answers chat systems; nil: they are not answered here.
	Speech *Speech
	// Admissions may be nil: everybody gets in.
	Admissions *Admissions
}

// HTTP serves the reads over HTTP/1.1.
type HTTP struct {
	Config
	ln     net.Listener
	server fasthttp.Server
	// serving ends when the server stops: the feeds hang on it, which no client would end.
	serving context.Context
	stop    context.CancelFunc
	push    *push
	space   spaces
	gzip    compressors
	date    dateHeader
	// patience is writeWithin and reading is readWithin, but for tests.
	patience, reading time.Duration
}

// NewHTTP makes a server on ln, which Run closes.
func NewHTTP(c Config, ln net.Listener) *HTTP {
	s := &HTTP{Config: c, patience: writeWithin, reading: readWithin, gzip: newCompressors()}
	s.ln = laneListener{pacedListener{&boundedListener{Listener: c.Admissions.listener(ln, refuseWith), max: maxConns, refuse: refuseHTTP, log: c.Log}, s}, s}
	s.serving, s.stop = context.WithCancel(context.Background())
	s.push = newPush(c, &s.patience)
	s.server = fasthttp.Server{
		Handler:               s.handle,
		ErrorHandler:          s.unreadable,
		HeaderReceived:        lastIfItHasABody,
		Logger:                quiet{c.Log},
		Concurrency:           2 * maxConns, // the listener's bound comes first, and says so in our words
		ReadBufferSize:        maxHead,
		MaxRequestBodySize:    maxBody,
		NoDefaultServerHeader: true,
		NoDefaultContentType:  true,
		CloseOnShutdown:       true,
		KeepHijackedConns:     true, // they are push's
	}
	return s
}

// Run serves until ctx ends, then lets running answers finish for at most 5 s.
func (s *HTTP) Run(ctx context.Context) error {
	var pushed sync.WaitGroup
	defer pushed.Wait()
	defer s.stop()
	pushed.Go(func() { s.push.run(s.serving) })
	served := make(chan error, 1)
	go func() { served <- s.server.Serve(s.ln) }()
	select {
	case err := <-served:
		return fmt.Errorf("queryapi: http: %w", err)
	case <-ctx.Done():
	}
	s.stop()
	within, cancel := context.WithTimeout(context.WithoutCancel(ctx), stopWithin)
	defer cancel()
	err := s.server.ShutdownWithContext(within)
	_ = <-served // says only that it was shut down
	switch {
	case errors.Is(err, context.DeadlineExceeded):
		s.Log.Info("the viewers' HTTP stops with connections open", "after", stopWithin) // idle ones, or readers too slow to wait for
	case err != nil:
		return fmt.Errorf("queryapi: http: stop: %w", err)
	}
	return nil
}

// lastIfItHasABody makes a read with a body the last of its connection. Reads have none, and where
// one ends is what proxies and servers disagree about: what follows it may not be a request. A chat system's question may
// be larger than a viewer's word.
func lastIfItHasABody(h *fasthttp.RequestHeader) (bounds fasthttp.RequestConfig) {
	const chunked = -1
	if asksToSpeak(h) {
		bounds.MaxRequestBodySize = maxAsked
	}
	if n := h.ContentLength(); (n > 0 || n == chunked) && !keepsBody(h) {
		h.SetConnectionClose()
	}
	return bounds
}

// unreadable answers what fasthttp could not read as a request.
func (s *HTTP) unreadable(ctx *fasthttp.RequestCtx, err error) {
	var small *fasthttp.ErrSmallBuffer
	var slow net.Error
	switch {
	case errors.As(err, &small):
		s.fail(ctx, fault.TooLarge.New("request line and headers are larger than %d bytes", maxHead))
	case errors.Is(err, fasthttp.ErrBodyTooLarge):
		s.fail(ctx, fault.TooLarge.New("the body is larger than %d bytes; a read takes none", maxBody))
	case errors.As(err, &slow) && slow.Timeout():
		s.fail(ctx, fault.DeadlineExceeded.New("the request did not arrive in time"))
	default:
		s.fail(ctx, fault.InvalidArgument.New("this is not an HTTP request"))
	}
}

// quiet takes fasthttp's log: connections that break are the clients' business.
type quiet struct{ log *slog.Logger }

func (q quiet) Printf(format string, args ...any) {
	q.log.Debug("connection", slog.String("says", fmt.Sprintf(format, args...)))
}
