package forward

import (
	"context"
	"errors"
	"fmt"
	"hash/maphash"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"net/http/httptrace"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/greenroomlive/greenroom/internal/guard/breaker"
)

const (
	// dialTimeout is far above a round trip around the world.
	dialTimeout = time.Second
	// A connection that has been silent for pingAfter is asked whether it still lives: a home that vanished without
	// a word, as when a cable is cut, does not close its connections.
	pingAfter  = 3 * time.Second
	pingWithin = 2 * time.Second
)

// errNoHome: all home doors have failed too often lately to be asked now.
var errNoHome = errors.New("no home door answers")

// homes is the http.RoundTripper over the doors of the home zone.
type homes struct {
	doors     []*home
	transport *http.Transport
	seed      maphash.Seed
}

type home struct {
	address string
	breaker *breaker.Breaker
}

func newHomes(addresses []string) (*homes, error) {
	if len(addresses) == 0 {
		return nil, errors.New("forward: no address of the home zone")
	}
	h := &homes{seed: maphash.MakeSeed()}
	for _, address := range addresses {
		_, port, err := net.SplitHostPort(address)
		if err == nil {
			_, err = strconv.ParseUint(port, 10, 16)
		}
		if err != nil {
			return nil, fmt.Errorf("forward: home %q is no host:port: %w", address, err)
		}
		h.doors = append(h.doors, &home{address, breaker.New(breaker.Config{
			// A door that fails twice in a row is left alone, and looked after soon: a restart takes a second.
			Window: 10 * time.Second, Minimum: 2, Ratio: 0.5, Pause: 250 * time.Millisecond, MaxPause: 2 * time.Second,
			Now: time.Now, Jitter: rand.Float64,
		})})
	}
	protocols := &http.Protocols{}
	protocols.SetUnencryptedHTTP2(true) // all protocols of the home door fit into it, over a few connections
	h.transport = &http.Transport{
		Protocols: protocols, DialContext: (&net.Dialer{Timeout: dialTimeout}).DialContext, DisableCompression: true,
		IdleConnTimeout: idleTimeout, HTTP2: &http.HTTP2Config{SendPingTimeout: pingAfter, PingTimeout: pingWithin},
	}
	return h, nil
}

func (h *homes) close() { h.transport.CloseIdleConnections() }

// RoundTrip sends the request to the client's home door, and to the next when it cannot have been processed.
func (h *homes) RoundTrip(r *http.Request) (*http.Response, error) {
	j := journeyOf(r.Context())
	body := &untouched{ReadCloser: r.Body}
	host, _, _ := net.SplitHostPort(j.client)
	first := maphash.String(h.seed, host)
	last := errNoHome
	for i := range h.doors {
		door := h.doors[(first+uint64(i))%uint64(len(h.doors))]
		ticket, ok := door.breaker.Allow()
		if !ok {
			continue
		}
		resp, err := h.send(r, door, body, j)
		switch {
		case err == nil:
			door.breaker.Done(ticket, true)
			return resp, nil
		case body.failed.Load(), r.Context().Err() != nil && !(errors.Is(context.Cause(r.Context()), errSlow) && asked(r, body)):
			door.breaker.Abandon(ticket) // the client's doing
			return nil, err
		}
		door.breaker.Done(ticket, false)
		if last = err; r.Context().Err() != nil || !harmless(r, j, body) {
			break
		}
	}
	return nil, last
}

// harmless reports that the request may be sent again: nobody has read of it, or it changes nothing.
func harmless(r *http.Request, j *journey, body *untouched) bool {
	safe := r.Method == http.MethodGet || r.Method == http.MethodHead
	return !body.touched.Load() && (safe || !j.sent)
}

// asked reports that home has the whole request: before that its silence says nothing about it.
func asked(r *http.Request, body *untouched) bool {
	return r.Body == nil || r.Body == http.NoBody || body.ended.Load()
}

func (h *homes) send(r *http.Request, door *home, body *untouched, j *journey) (*http.Response, error) {
	j.home = door.address
	ctx := httptrace.WithClientTrace(r.Context(), &httptrace.ClientTrace{GotConn: func(httptrace.GotConnInfo) { j.sent = true }})
	out := r.Clone(ctx)
	out.URL.Host = door.address
	if r.Body != nil && r.Body != http.NoBody {
		out.Body = body
	}
	return h.transport.RoundTrip(out)
}

// untouched is a body that knows whether anybody has begun to read it. The transport closes bodies also of requests
// that it could not send; this one stays open for the next home, and the server closes it after the answer.
type untouched struct {
	io.ReadCloser
	touched atomic.Bool
	ended   atomic.Bool // nothing more will come
	failed  atomic.Bool // the client, not home, is at fault
}

func (b *untouched) Read(p []byte) (int, error) {
	b.touched.Store(true)
	n, err := b.ReadCloser.Read(p)
	switch {
	case errors.Is(err, io.EOF):
		b.ended.Store(true)
	case err != nil:
		b.failed.Store(true)
	}
	return n, err
}

// Close is the transport's, not ours.
func (b *untouched) Close() error { return nil }
