package overload_test

import (
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/greenroomlive/greenroom/internal/bench/overload"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// pickyNode serves everybody but crawlers.
type pickyNode struct {
	addr string

	mu      sync.Mutex
	refused int
	clients map[string]bool // by IP address
}

func newPickyNode(t *testing.T) *pickyNode {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	n := &pickyNode{addr: ln.Addr().String(), clients: map[string]bool{}}
	server := &http.Server{ReadHeaderTimeout: time.Minute, Handler: n}
	ended := make(chan error, 1)
	go func() { ended <- server.Serve(ln) }()
	t.Cleanup(func() {
		_ = server.Close()
		<-ended
	})
	return n
}

func (n *pickyNode) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	host, _, _ := net.SplitHostPort(r.RemoteAddr)
	crawls := r.Header.Get("X-Room-Priority") == "crawl"
	n.mu.Lock()
	n.clients[host] = true
	if crawls {
		n.refused++
	}
	n.mu.Unlock()
	if crawls {
		w.WriteHeader(http.StatusServiceUnavailable)
		return
	}
	_, _ = w.Write([]byte("{}"))
}

// counts are read under the lock: a handler may outlive the load.
func (n *pickyNode) counts() (refused, clients int) {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.refused, len(n.clients)
}

func loadOn(n *pickyNode) overload.Load {
	return overload.Load{
		Addr: n.addr, Rooms: []int64{1, 2, 3}, Capacity: 1000, Connections: 40,
		Times: []float64{0.5, 1}, Warm: 50 * time.Millisecond, Each: 300 * time.Millisecond,
	}
}

func TestTheFiguresAreTheNodes(t *testing.T) {
	node := newPickyNode(t)
	points, step, err := loadOn(node).Run(t.Context())
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
	if _, clients := node.counts(); !strings.Contains(points[0].String(), "entered") || clients < 2 {
		t.Errorf("%s by %d clients", points[0], clients)
	}
	if got, err := loadOn(node).Measure(t.Context()); err != nil || got <= 0 {
		t.Errorf("capacity %.0f (%v)", got, err)
	}
}

// A node of its own: what another load left behind cannot be counted.
func TestOneClassAlone(t *testing.T) {
	node := newPickyNode(t)
	load := loadOn(node)
	load.Only = []string{"enter"}
	_, _, err := load.Run(t.Context())
	if refused, clients := node.counts(); err != nil || refused > 0 || clients == 0 {
		t.Errorf("only entering: %d refusals, %d clients (%v)", refused, clients, err)
	}
}

func TestANodeThatIsNotThere(t *testing.T) {
	load := loadOn(&pickyNode{addr: "127.0.0.1:1"})
	if _, _, err := load.Run(t.Context()); err == nil {
		t.Error("a node that is not there was measured")
	}
}
