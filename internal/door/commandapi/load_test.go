package commandapi_test

import (
	"bufio"
	"context"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	opsv1 "github.com/greenroomlive/greenroom/api/gen/greenroom/ops/v1"
	"github.com/greenroomlive/greenroom/internal/core/fault"
	"github.com/greenroomlive/greenroom/internal/door/commandapi"
)

// slowOps holds a call until its context ends or it is let go.
type slowOps struct {
	fakeOps

	entered chan struct{}
	letGo   chan struct{}
}

func (o *slowOps) RebuildProgress(ctx context.Context) (*opsv1.RebuildProgress, error) {
	o.entered <- struct{}{}
	select {
	case <-o.letGo:
		return &opsv1.RebuildProgress{Phase: "idle"}, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

func TestBeyondItsBoundTheDoorIsOverloadedAtOnce(t *testing.T) {
	slow := &slowOps{entered: make(chan struct{}), letGo: make(chan struct{})}
	var mu sync.Mutex
	seen := map[string]int{}
	h := open(t, func(c *commandapi.Config) {
		c.Zones, c.InFlight = fakeZones{slow}, 1
		c.Observe = func(_, code string, _ time.Duration) { mu.Lock(); defer mu.Unlock(); seen[code]++ }
	})
	first := make(chan answer, 1)
	go func() { first <- h.do("GET", "/v1/ops/rebuild", "") }()
	<-slow.entered
	a := h.do("GET", "/v1/areas", "")
	h.wantFault(a, fault.Overloaded, "")
	if a.header.Get("Retry-After") == "" {
		t.Error("no Retry-After")
	}
	close(slow.letGo)
	h.want(<-first, 200)
	h.want(h.do("GET", "/v1/areas", ""), 200)
	mu.Lock()
	defer mu.Unlock()
	if seen["OK"] != 2 || seen["OVERLOADED"] != 1 {
		t.Errorf("observed %v", seen)
	}
}

func TestACallHasItsTime(t *testing.T) {
	slow := &slowOps{entered: make(chan struct{}, 2)}
	h := open(t, func(c *commandapi.Config) { c.Zones, c.Deadline = fakeZones{slow}, time.Millisecond })
	h.wantFault(h.do("GET", "/v1/ops/rebuild", ""), fault.DeadlineExceeded, "")
	h.wantFault(h.do("GET", "/v1/ops/rebuild", "", header{"X-Server-Timeout": "0.0001"}), fault.DeadlineExceeded, "")
	if strings.Contains(h.log.String(), "call failed") {
		t.Errorf("logged as a fault of ours: %s", h.log)
	}
}

func TestAnOpenStreamDoesNotKeepTheDoorOpen(t *testing.T) {
	ended := make(chan struct{})
	page := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		defer close(ended)
		w.WriteHeader(http.StatusOK)
		w.(http.Flusher).Flush()
		<-r.Context().Done()
	})
	door, err := commandapi.New(commandapi.Config{Mount: map[string]http.Handler{"/": page}, Log: slogDiscard})
	if err != nil {
		t.Fatal(err)
	}
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- door.Run(ctx, ln) }()
	conn, err := net.Dial("tcp", ln.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if _, err := conn.Write([]byte("GET /board HTTP/1.1\r\nHost: x\r\n\r\n")); err != nil {
		t.Fatal(err)
	}
	if line, err := bufio.NewReader(conn).ReadString('\n'); err != nil || !strings.Contains(line, "200") {
		t.Fatalf("%q, %v", line, err)
	}
	stop()
	<-ended
	if err := <-done; err != nil {
		t.Errorf("closed with %v", err)
	}
}

// pipes is a listener inside a synctest bubble, where a socket's waiting would not move the clock.
type pipes struct {
	conns  chan net.Conn
	closed chan struct{}
}

func (p *pipes) Accept() (net.Conn, error) {
	select {
	case c := <-p.conns:
		return c, nil
	case <-p.closed:
		return nil, net.ErrClosed
	}
}
func (p *pipes) Close() error   { close(p.closed); return nil }
func (p *pipes) Addr() net.Addr { return &net.TCPAddr{} }

func TestSlowClientsAreCut(t *testing.T) {
	tests := map[string]struct {
		send   string
		within time.Duration
	}{
		"header": {"POST /v1/rooms HTTP/1.1\r\nHost: x\r\n", 6 * time.Second},
		"body":   {"POST /v1/rooms HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n{", 11 * time.Second},
		"silent": {"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n", 3 * time.Minute},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				door, err := commandapi.New(commandapi.Config{Log: slogDiscard})
				if err != nil {
					t.Fatal(err)
				}
				ln := &pipes{make(chan net.Conn), make(chan struct{})}
				ctx, stop := context.WithCancel(t.Context())
				done := make(chan error, 1)
				go func() { done <- door.Run(ctx, ln) }()
				client, server := net.Pipe()
				ln.conns <- server
				if _, err := client.Write([]byte(tt.send)); err != nil {
					t.Fatal(err)
				}
				began := time.Now()
				_, _ = io.Copy(io.Discard, client) // ends when the door hangs up
				if took := time.Since(began); took > tt.within {
					t.Errorf("cut after %v only", took)
				}
				stop()
				if err := <-done; err != nil {
					t.Error(err)
				}
			})
		})
	}
}
