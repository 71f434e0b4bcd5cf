package overload_test

import (
	"net"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/greenroomlive/greenroom/internal/bench/overload"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// A node that serves everybody but crawlers: the figures must say so.
func TestTheFiguresAreTheNodes(t *testing.T) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var served, refused atomic.Int64
	var mu sync.Mutex
	clients := map[string]bool{}
	node := &http.Server{ReadHeaderTimeout: time.Minute, Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		host, _, _ := net.SplitHostPort(r.RemoteAddr)
		mu.Lock()
		clients[host] = true
		mu.Unlock()
		if r.Header.Get("X-Room-Priority") == "crawl" {
			refused.Add(1)
			w.WriteHeader(http.StatusServiceUnavailable)
			return
		}
		served.Add(1)
		_, _ = w.Write([]byte("{}"))
	})}
	ended := make(chan error, 1)
	go func() { ended <- node.Serve(ln) }()
	load := overload.Load{
		Addr: ln.Addr().String(), Rooms: []int64{1, 2, 3}, Capacity: 1000, Connections: 40,
		Times: []float64{0.5, 1}, Warm: 50 * time.Millisecond, Each: 300 * time.Millisecond,
	}
	points, step, err := load.Run(t.Context())
	if err != nil || len(points) != 2 {
		t.Fatalf("%v, %v", points, err)
	}
	for _, p := range points {
		if p.Entered < 0.8 || p.P99 <= 0 || p.Good[3] != 0 || p.Refused == 0 || p.Goodput == 0 || p.Goodput > p.Offered {
			t.Errorf("%+v", p)
		}
	}
	if half, whole := points[0].Offered, points[1].Offered; whole < 1.3*half {
		t.Errorf("offered %.0f/s, then twice as much: %.0f/s", half, whole)
	}
	if step.FirstRefusal == 0 || len(step.Entering) == 0 {
		t.Errorf("a step: %+v", step)
	}
	load.Only = []string{"enter"}
	refused.Store(0)
	if _, _, err := load.Run(t.Context()); err != nil || refused.Load() > 0 {
		t.Errorf("only entering: %d refusals (%v)", refused.Load(), err)
	}
	if got, err := load.Measure(t.Context()); err != nil || got <= 0 {
		t.Errorf("capacity %.0f (%v)", got, err)
	}
	load.Addr = "127.0.0.1:1"
	if _, _, err := load.Run(t.Context()); err == nil {
		t.Error("a node that is not there was measured")
	}
	_ = node.Close()
	<-ended
	mu.Lock() // a handler may outlive the server's Close
	defer mu.Unlock()
	if !strings.Contains(points[0].String(), "entered") || len(clients) < 2 {
		t.Errorf("%s by %d clients", points[0], len(clients))
	}
}
