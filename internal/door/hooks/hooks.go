// Package hooks lets media servers in: it answers their callbacks, each in its own dialect.
//
//	POST /hooks/nginx-rtmp                       form, answered by status
//	POST /hooks/srs                              JSON, answered 200 with a code in the body
//	POST /hooks/mediamtx                         JSON, answered by status
//	POST /hooks/mediamtx/ready, …/notready       form, sent by the hooks of its configuration
//
// Guarantee: a publisher is allowed only after its session is durable. A callback is a hint, never
// truth: repeated, late and missing ones are normal, and core/room decides what they still mean.
// A fault of ours refuses a new publisher, but never cuts one that runs: its renewal is answered
// yes without renewing, and the lease decides. Callers are known by a shared secret or by their
// address (see callers.go). Bodies are bounded, every callback is counted, and no stream key is
// ever logged, not even where it stands as the stream's name. Safe for concurrent use; no
// goroutine of its own. It keeps no order: two callbacks of one room are ordered by the store.
package hooks

import (
	"context"
	"log/slog"
	"net/http"
	"net/netip"
	"time"

	"github.com/greenroomlive/greenroom/internal/core/event"
	"github.com/greenroomlive/greenroom/internal/core/fault"
	"github.com/greenroomlive/greenroom/internal/core/ident"
	"github.com/greenroomlive/greenroom/internal/core/room"
	"github.com/greenroomlive/greenroom/internal/flow/command"
)

const (
	// maxBody is far above what any of the servers sends, and bounds what a stranger can.
	maxBody = 64 << 10
	// maxField bounds names, keys and client ids; nginx-rtmp itself cuts names at 256.
	maxField = 256
	// answerWithin is below the shortest patience of the three servers (10 s): they hear our
	// refusal instead of a time-out.
	answerWithin = 5 * time.Second
)

// Publishers are the commands behind the callbacks; *command.Anchor is one.
type Publishers interface {
	GoLive(ctx context.Context, m command.Meta, p command.Publishing) (*room.Room, error)
	Renew(ctx context.Context, m command.Meta, p command.Publishing) (*room.Room, error)
	Unpublish(ctx context.Context, m command.Meta, p command.Publishing) (*room.Room, error)
}

// The calls that are counted, the same words for all servers.
const (
	callPublish   = "publish"
	callRenew     = "renew"
	callUnpublish = "unpublish"
	callRead      = "read"
	callOther     = "other"
)

// The results that are counted beside the fault codes of refusals.
const (
	// Accepted: a session began.
	Accepted = "accepted"
	// Resumed: the interrupted session goes on.
	Resumed = "resumed"
	// Repeated: a publisher that already holds the session asked again.
	Repeated = "repeated"
	// Renewed: the lease was renewed.
	Renewed = "renewed"
	// Interrupted: the stream is gone, the grace runs.
	Interrupted = "interrupted"
	// Late: the report speaks for a session that is over; nothing changed.
	Late = "late"
	// Unproven: a fault of ours kept a renewal from being stored; the stream was let go on.
	Unproven = "unproven"
	// Ignored: a callback that Greenroom does not need.
	Ignored = "ignored"
)

// Count is told of every callback. All three come from closed sets.
type Count func(server, call, result string)

// Config is what the door is made of.
type Config struct {
	Publishers Publishers
	// Secret is what callers show in the header X-Greenroom-Hook-Secret or as ?secret=. Empty: none is taken.
	Secret string
	// Allow lists who needs no secret. With neither secret nor list: loopback only.
	Allow []netip.Prefix
	Count Count
	Log   *slog.Logger
	// Traceparent begins the trace (W3C) of a callback's command, for media servers bring none; nil for none.
	Traceparent func(context.Context) string
}

// Hooks answers the callbacks; it is an http.Handler for everything below /hooks/.
type Hooks struct {
	http.Handler
	publishers Publishers
	callers    callers
	count      Count
	log        *slog.Logger
	trace      func(context.Context) string
}

// New makes the door. Count may be nil.
func New(c Config) *Hooks {
	h := &Hooks{publishers: c.Publishers, callers: newCallers(c.Secret, c.Allow), count: c.Count, log: c.Log, trace: c.Traceparent}
	if h.trace == nil {
		h.trace = func(context.Context) string { return "" }
	}
	if h.count == nil {
		h.count = func(string, string, string) {}
	}
	mux := http.NewServeMux()
	for path, answer := range map[string]http.HandlerFunc{
		"/hooks/nginx-rtmp":        h.nginxRTMP,
		"/hooks/srs":               h.srs,
		"/hooks/mediamtx":          h.mediaMTX,
		"/hooks/mediamtx/ready":    h.mediaMTXReady,
		"/hooks/mediamtx/notready": h.mediaMTXNotReady,
	} {
		mux.HandleFunc("POST "+path, answer)
		mux.HandleFunc(path, func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Allow", http.MethodPost)
			writeFault(w, fault.MethodNotAllowed.New("callbacks are POSTed"), http.StatusMethodNotAllowed)
		})
	}
	mux.HandleFunc("/", func(w http.ResponseWriter, _ *http.Request) {
		writeFault(w, fault.NotFound.New("no media server calls back here"), http.StatusNotFound)
	})
	h.Handler = mux
	return h
}

// admit does what every callback begins with: the caller is checked, the body bounded and read.
// When it reports false, it has answered.
func (h *Hooks) admit(w http.ResponseWriter, r *http.Request, server string) ([]byte, bool) {
	if !h.callers.known(r) {
		f := fault.PermissionDenied.New("callbacks need the shared secret or an address on the allow-list")
		h.count(server, callOther, f.Code.Name)
		h.log.Info("callback refused", "server", server, "code", f.Code.Name, "from", r.RemoteAddr)
		writeFault(w, f, http.StatusForbidden)
		return nil, false
	}
	body, f := readBody(w, r)
	if f != nil {
		_ = h.refused(server, callOther, command.Publishing{}, f)
		writeFault(w, f, f.Code.HTTP)
		return nil, false
	}
	return body, true
}

// publish asks whether p may publish; nil is yes.
func (h *Hooks) publish(ctx context.Context, p command.Publishing) (*room.Room, *fault.Error) {
	ctx, cancel := context.WithTimeout(ctx, answerWithin)
	defer cancel()
	done, err := h.publishers.GoLive(ctx, h.meta(ctx, p), p)
	if err != nil {
		return nil, h.refused(p.Publisher.MediaServer, callPublish, p, fault.Of(err))
	}
	h.count(p.Publisher.MediaServer, callPublish, decided(done))
	return done, nil
}

// renew passes on the word that p still publishes; a fault means that its stream should be cut.
func (h *Hooks) renew(ctx context.Context, p command.Publishing) *fault.Error {
	ctx, cancel := context.WithTimeout(ctx, answerWithin)
	defer cancel()
	_, err := h.publishers.Renew(ctx, h.meta(ctx, p), p)
	switch f := fault.Of(err); {
	case f == nil:
		h.count(p.Publisher.MediaServer, callRenew, Renewed)
		return nil
	case f.Code.Retryable:
		h.count(p.Publisher.MediaServer, callRenew, Unproven)
		h.log.Warn("lease not renewed, the stream goes on", "server", p.Publisher.MediaServer, "room_id", loggable(p.Stream), "error", err)
		return nil
	default:
		return h.refused(p.Publisher.MediaServer, callRenew, p, f)
	}
}

// unpublish passes on the word that p is gone. A late one is no fault: nobody is to be told.
func (h *Hooks) unpublish(ctx context.Context, p command.Publishing) *fault.Error {
	ctx, cancel := context.WithTimeout(ctx, answerWithin)
	defer cancel()
	_, err := h.publishers.Unpublish(ctx, h.meta(ctx, p), p)
	switch f := fault.Of(err); {
	case f == nil:
		h.count(p.Publisher.MediaServer, callUnpublish, Interrupted)
		return nil
	case f.Code == fault.StaleSession || f.Code == fault.RoomNotFound:
		h.count(p.Publisher.MediaServer, callUnpublish, Late)
		return nil
	default:
		return h.refused(p.Publisher.MediaServer, callUnpublish, p, f)
	}
}

// refused counts and logs a refusal, and returns it.
func (h *Hooks) refused(server, call string, p command.Publishing, f *fault.Error) *fault.Error {
	h.count(server, call, f.Code.Name)
	h.log.Info("callback refused", "server", server, "call", call, "code", f.Code.Name,
		"room_id", loggable(p.Stream), "client", p.Publisher.ClientID, "client_ip", p.Publisher.ClientIP, "error", f)
	return f
}

// decided names what the command did, from the last event it recorded.
func decided(r *room.Room) string {
	events := r.Events()
	if len(events) == 0 {
		return Repeated
	}
	if events[len(events)-1].Type == event.LiveResumed {
		return Resumed
	}
	return Accepted
}

// loggable is the stream's name if that is a room id; a key in its place stays out of the log.
func loggable(stream string) string {
	if _, ok := ident.ParseRoomID(stream); ok {
		return stream
	}
	return ""
}

func (h *Hooks) meta(ctx context.Context, p command.Publishing) command.Meta {
	return command.Meta{
		Caller:      command.Caller{Subject: p.Publisher.MediaServer, Scopes: []command.Scope{command.ScopeService}},
		Traceparent: h.trace(ctx), Door: "hooks", From: p.Publisher.ClientIP,
	}
}
