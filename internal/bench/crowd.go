package bench

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"path/filepath"
	"runtime"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/greenroomlive/greenroom/internal/adapter/natsbus"
	"github.com/greenroomlive/greenroom/internal/core/ident"
	"github.com/greenroomlive/greenroom/internal/core/view"
	"github.com/greenroomlive/greenroom/internal/flow/audience"
)

const (
	// countingNodes is how many nodes count the same rooms.
	countingNodes = 4
	// mergedWithin bounds how long nodes may take to agree on a count that no longer changes.
	mergedWithin = time.Minute
)

// viewers measures what a node keeps of a viewer.
func (r *run) viewers(ctx context.Context) (out section, err error) {
	beside := heapPer(r.l.viewers, func() any {
		seen := map[string]time.Time{}
		for i := range r.l.viewers {
			seen[string(viewerID(nil, uint64(i)))] = time.Now()
		}
		return seen
	})
	for _, c := range []struct {
		what string
		each int
	}{{"in one room", r.l.viewers}, {"ten a room", 10}} {
		var bytes float64
		if bytes, err = viewerBytes(ctx, r.l.viewers, c.each); err != nil {
			return out, err
		}
		mine := figure(fmt.Sprintf("bytes of a viewer, %s %s", thousands(int64(r.l.viewers)), c.what), digits(bytes)+" bytes",
			"a `map[string]time.Time` of their ids: "+digits(beside)+" bytes", 0, aim{})
		mine.ratio = bytes / beside
		out.rows = append(out.rows, mine)
	}
	out.how = []string{"Live heap after a collection, less what it was before, over the viewers: who watches until when, whom his session counted, the sketch of\n" +
		"different viewers, and all that finds a room. The comparison knows neither rooms nor who was there before. In this process, on one node."}
	return out, nil
}

// viewerBytes is what one of so many viewers takes, each watching a room with that many.
func viewerBytes(ctx context.Context, viewers, each int) (float64, error) {
	before := liveHeap()
	rooms := (viewers + each - 1) / each
	n := newCounter(nil, viewers*3/2) // viewers spread over shards by chance
	for i := range viewers {
		if err := n.beat(i/each+1, i); err != nil {
			return 0, err
		}
	}
	// One turn takes the newcomers out of the shards, into the sketches.
	if err := counting(ctx, []*counter{n}, func() bool { return n.sum() == int64(viewers) && len(n.board) == rooms }); err != nil {
		return 0, err
	}
	n.board = nil // ours, not the node's
	after := liveHeap()
	runtime.KeepAlive(n)
	return float64(after-before) / float64(viewers), nil
}

// heapPer is the live heap that build leaves behind, for each of n.
func heapPer(n int, build func() any) float64 {
	before := liveHeap()
	kept := build()
	after := liveHeap()
	runtime.KeepAlive(kept)
	return float64(after-before) / float64(n)
}

// uniques measures how far the different viewers that nodes estimate together are from the truth, which is known here.
func (r *run) uniques(ctx context.Context) (out section, err error) {
	var crowds []int
	for n := 1000; n <= r.l.crowd; n *= 10 {
		crowds = append(crowds, n)
	}
	nodes, err := r.countTogether(ctx, crowds)
	if err != nil {
		return out, err
	}
	worst := 0.0
	for i, truth := range crowds {
		estimate := nodes[0].of(i + 1).Unique
		off := 100 * float64(estimate-int64(truth)) / float64(truth)
		worst = max(worst, math.Abs(off))
		out.rows = append(out.rows, row{what: thousands(int64(truth)) + " different viewers", ours: thousands(estimate), beside: fmt.Sprintf("off by %+.2f %%", off)})
	}
	out.rows = append([]row{figure("different viewers, merged by four nodes: the largest error", digits(worst)+" %", "standard error of the sketch: 0.41 %", worst, atMostOf(1, "%"))}, out.rows...)
	out.how = []string{fmt.Sprintf("%d nodes in this process count the same rooms and tell each other pages over NATS, as in a fleet. Each viewer beats at one node, every\n"+
		"second one at another too; the figure is what all nodes agree on. Up to some %s viewers a list is kept, which is nearly exact.", countingNodes, thousands(16_000))}
	return out, nil
}

// countTogether lets nodes count rooms 1, 2, … with so many different viewers each, until all say the same.
func (r *run) countTogether(ctx context.Context, crowds []int) (nodes []*counter, err error) {
	broker := natsbus.NewEmbedded(natsbus.EmbeddedConfig{Dir: filepath.Join(r.root, "bus"), Log: slog.New(slog.DiscardHandler)})
	running, stop := context.WithCancel(ctx)
	var g errgroup.Group
	g.Go(func() error { return broker.Run(running) })
	defer func() { stop(); err = errors.Join(err, g.Wait()) }()
	for range countingNodes {
		conn, err := broker.Connect("bench")
		if err != nil {
			return nil, err
		}
		defer conn.Close()
		nodes = append(nodes, newCounter(natsbus.NewAudience(conn, slog.New(slog.DiscardHandler)), 0))
	}
	online := make([]int64, len(crowds))
	for i, crowd := range crowds {
		for v := range crowd {
			at := v % countingNodes
			online[i]++
			if err := nodes[at].beat(i+1, v); err != nil {
				return nil, err
			}
			if v%2 == 0 {
				continue
			}
			online[i]++ // who changes the node is online twice for a little
			if err := nodes[(at+1)%countingNodes].beat(i+1, v); err != nil {
				return nil, err
			}
		}
	}
	return nodes, counting(ctx, nodes, func() bool { return agreed(nodes, online) })
}

// agreed reports whether all nodes have heard of all who are online, and say the same of who they are.
func agreed(nodes []*counter, online []int64) bool {
	for i, want := range online {
		first := nodes[0].of(i + 1)
		for _, n := range nodes {
			if c := n.of(i + 1); c.Online != want || c.Unique != first.Unique || c.Unique == 0 {
				return false
			}
		}
	}
	return true
}

// counter is a node that counts, and what it says. Every room is on air: the session of room n is n+1.
type counter struct {
	*audience.Engine
	mu    sync.Mutex
	board map[ident.RoomID]view.Count
	id    []byte // the beating goroutine's
}

func newCounter(others audience.Exchange, most int) *counter {
	n := &counter{board: map[ident.RoomID]view.Count{}}
	n.Engine = audience.New(audience.Config{Sessions: n, Sink: n, Exchange: others, Now: time.Now, MaxViewers: most})
	return n
}

// Session is audience.Sessions.
func (n *counter) Session(room ident.RoomID) (ident.SessionID, bool) {
	return ident.SessionID(room) + 1, true
}

// Counted is audience.Sink.
func (n *counter) Counted(counts []view.Count) {
	n.mu.Lock()
	defer n.mu.Unlock()
	for _, c := range counts {
		n.board[c.Room] = c
	}
}

func (n *counter) of(room int) view.Count {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.board[ident.RoomID(room)]
}

// sum is who is online in all rooms.
func (n *counter) sum() (online int64) {
	n.mu.Lock()
	defer n.mu.Unlock()
	for _, c := range n.board {
		online += c.Online
	}
	return online
}

func (n *counter) beat(room, viewer int) error {
	n.id = viewerID(n.id, uint64(viewer))
	_, err := n.Beat(ident.RoomID(room), n.id)
	return err
}

// viewerID is as long as a UUID.
func viewerID(b []byte, n uint64) []byte {
	return binary.LittleEndian.AppendUint64(append(b[:0], "6b3f2d90-4c1e-4a7b-9a55-d2c7"...), n)
}

// counting runs the nodes until what they say holds.
func counting(ctx context.Context, nodes []*counter, holds func() bool) error {
	ctx, cancel := context.WithTimeout(ctx, mergedWithin)
	defer cancel()
	running, stop := context.WithCancel(ctx)
	var g errgroup.Group
	for _, n := range nodes {
		g.Go(func() error { return n.Run(running) })
		if n.Exchange != nil {
			g.Go(func() error { return n.RunTelling(running) })
		}
	}
	err := until(ctx, holds)
	stop()
	return errors.Join(err, g.Wait())
}
