package directcall_test

import (
	"context"
	"log/slog"
	"net"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"

	ingestv1 "github.com/greenroomlive/greenroom/api/gen/greenroom/ingest/v1"
	opsv1 "github.com/greenroomlive/greenroom/api/gen/greenroom/ops/v1"
	"github.com/greenroomlive/greenroom/internal/adapter/directcall"
	"github.com/greenroomlive/greenroom/internal/core/event"
	"github.com/greenroomlive/greenroom/internal/core/fault"
	"github.com/greenroomlive/greenroom/internal/core/ident"
	"github.com/greenroomlive/greenroom/internal/core/view"
	"github.com/greenroomlive/greenroom/internal/door/ingestapi"
	"github.com/greenroomlive/greenroom/internal/door/internalapi"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const secret = "the secret of the house"

// patience bounds a wait in tests for what must come; nothing is measured by it.
const patience = 20 * time.Second

// serve opens the internal address of a process; stop kills it.
func serve(t *testing.T, secret string, doors ...internalapi.Door) (addr string, stop func()) {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s, err := internalapi.New(internalapi.Config{Secret: secret, Log: slog.New(slog.DiscardHandler)}, ln, doors...)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- s.Run(ctx) }()
	stop = sync.OnceFunc(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
	t.Cleanup(stop)
	return ln.Addr().String(), stop
}

// hungEndpoint accepts connections and never says a word.
func hungEndpoint(t *testing.T) string {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = ln.Close() })
	return ln.Addr().String()
}

// deadEndpoint is an address where nobody listens.
func deadEndpoint(t *testing.T) string {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	return ln.Addr().String()
}

// zone is a zone with several nodes, of which one leads.
type zone struct {
	*testing.T
	nodes  []*node
	leader atomic.Pointer[node]

	mu    sync.Mutex
	heard []event.RoomEvent
	beats []event.Beat
}

// node is a fake of a viewer node: what only the leader may do, it does only while it leads.
type node struct {
	ingestapi.Ops
	zone *zone
	addr string
	stop func()

	pushes atomic.Int64
	// hangs makes pushes wait for the end of their context. It does not hear that another one leads.
	hangs   atomic.Bool
	drained atomic.Bool
	// silent nodes do not say who leads.
	silent atomic.Bool
}

func newZone(t *testing.T, nodes int) *zone {
	z := &zone{T: t}
	for range nodes {
		n := &node{zone: z}
		n.addr, n.stop = serve(t, secret, ingestapi.New(ingestapi.Config{Zone: "b", Node: n, Ops: n, Log: slog.New(slog.DiscardHandler)}))
		z.nodes = append(z.nodes, n)
	}
	z.leader.Store(z.nodes[0])
	return z
}

// caller makes the client of some endpoints; all nodes' without any.
func (z *zone) caller(endpoints ...string) *directcall.Zone {
	z.Helper()
	if len(endpoints) == 0 {
		for _, n := range z.nodes {
			endpoints = append(endpoints, n.addr)
		}
	}
	c, err := directcall.NewZone("b", directcall.Config{Endpoints: endpoints, Secret: secret})
	if err != nil {
		z.Fatal(err)
	}
	z.Cleanup(func() {
		if err := c.Close(); err != nil {
			z.Error(err)
		}
	})
	return c
}

func (z *zone) pushed() int {
	z.mu.Lock()
	defer z.mu.Unlock()
	return len(z.heard)
}

// Entrance is ingestapi.Node.
func (n *node) Entrance() (ingestapi.Entrance, string) {
	switch l := n.zone.leader.Load(); {
	case l == n || n.hangs.Load():
		return n, ""
	case l == nil || n.silent.Load():
		return nil, ""
	default:
		return nil, l.addr
	}
}

func (n *node) Push(ctx context.Context, events []event.RoomEvent) error {
	n.pushes.Add(1)
	if n.hangs.Load() {
		<-ctx.Done()
		return ctx.Err()
	}
	n.zone.mu.Lock()
	defer n.zone.mu.Unlock()
	n.zone.heard = append(n.zone.heard, events...)
	return nil
}

func (n *node) Beat(_ context.Context, b event.Beat) error {
	n.zone.mu.Lock()
	defer n.zone.mu.Unlock()
	n.zone.beats = append(n.zone.beats, b)
	return nil
}

// Standing is ingestapi.Node.
func (n *node) Standing(context.Context) (*ingestv1.Standing, error) {
	out := &ingestv1.Standing{Zone: "b", Leads: n.zone.leader.Load() == n, Drained: n.drained.Load(), Contiguous: 5}
	if l := n.zone.leader.Load(); l != nil {
		out.Leader = l.addr
	}
	if out.Leads {
		out.Contiguous = 7
	}
	return out, nil
}

// Drain is ingestapi.Node.
func (n *node) Drain(_ context.Context, drained bool) error {
	for _, m := range n.zone.nodes { // they share a database
		m.drained.Store(drained)
	}
	return nil
}

func (n *node) ListParked(_ context.Context, all bool, before int64, limit int) ([]*opsv1.Parked, error) {
	return []*opsv1.Parked{{Id: before, Attempts: int32(limit), Reason: map[bool]string{true: "all"}[all]}}, nil
}

func (n *node) Redrive(_ context.Context, id int64) (*opsv1.Parked, error) {
	if id == 404 {
		return nil, fault.ParkedNotFound.New("there is no parked event %d", id)
	}
	return &opsv1.Parked{Id: id, HealedBy: n.addr}, nil
}

func (n *node) Rebuild(context.Context) (*opsv1.RebuildProgress, error) {
	return &opsv1.RebuildProgress{Phase: "scanning"}, nil
}

// happened makes an event of a room.
func happened(room ident.RoomID, version ident.Version) event.RoomEvent {
	e := event.RoomEvent{
		RoomID: room, Version: version, PrevVersion: version - 1, Epoch: "e", Type: event.RoomRenamed, Changed: []string{"title"},
		Snapshot:   view.RoomCard{ID: room, Title: "hello", Version: version},
		OccurredAt: time.UnixMilli(1_790_000_000_123).UTC(), PublishedAt: time.UnixMilli(1_790_000_000_200).UTC(),
	}
	e.Checksum = e.Sum()
	return e
}
