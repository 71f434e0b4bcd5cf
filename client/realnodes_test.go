package greenroom_test

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"testing"
	"time"

	greenroom "github.com/greenroomlive/greenroom/client"
	"github.com/greenroomlive/greenroom/internal/adapter/memory"
	"github.com/greenroomlive/greenroom/internal/core/event"
	"github.com/greenroomlive/greenroom/internal/core/ident"
	"github.com/greenroomlive/greenroom/internal/core/view"
	"github.com/greenroomlive/greenroom/internal/door/queryapi"
	"github.com/greenroomlive/greenroom/internal/flow/feed"
	"github.com/greenroomlive/greenroom/internal/flow/project"
	"github.com/greenroomlive/greenroom/internal/flow/query"
	"github.com/greenroomlive/greenroom/internal/flow/search"
)

// viewersNode is a real viewers' door over views in memory.
type viewersNode struct {
	views *memory.Views
	rooms *query.Rooms
	hub   *feed.Hub
	at    string
	stop  func()

	mu     sync.Mutex
	drains error
}

// current is a node that always is.
type current struct{}

func (current) ProvenAt() time.Time                      { return time.Now() }
func (current) Complete() bool                           { return true }
func (current) Held(ident.RoomID) (at time.Time, _ bool) { return at, false }

func openNode(t *testing.T) *viewersNode {
	t.Helper()
	views := memory.NewViews()
	n := &viewersNode{views: views, hub: feed.New(feed.Config{Store: views})}
	n.rooms = query.New(query.Config{Cache: memory.NewCache(), Views: views, Freshness: current{}, Now: time.Now})
	if err := n.rooms.Warm(t.Context()); err != nil {
		t.Fatal(err)
	}
	n.hub.Advance(nil, 0)
	words := search.New(search.Config{
		Index: memory.NewIndex(), Views: views, Rooms: n.rooms, Complete: current{}.Complete, Ready: current{}.Complete, Logger: slog.New(slog.DiscardHandler),
	})
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	n.at = "http://" + ln.Addr().String()
	door := queryapi.NewHTTP(queryapi.Config{Rooms: n.rooms, Feed: n.hub, Search: words, Ready: n.ready, Log: slog.New(slog.DiscardHandler)}, ln)
	ctx, cancel := context.WithCancel(context.Background())
	served := make(chan error, 1)
	go func() { served <- door.Run(ctx) }()
	n.stop = sync.OnceFunc(func() {
		cancel()
		if err := <-served; err != nil {
			t.Errorf("a node ended with %v", err)
		}
	})
	t.Cleanup(n.stop)
	return n
}

func (n *viewersNode) ready() error {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.drains
}

func (n *viewersNode) drain(why error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.drains = why
}

// apply shows room 7 at a version, as its event with that feed_seq brings it.
func (n *viewersNode) apply(t *testing.T, version int64) {
	t.Helper()
	card := view.RoomCard{ID: 7, AnchorID: 1, Title: fmt.Sprint("take ", version), Version: ident.Version(version)}
	e := event.RoomEvent{RoomID: 7, Version: card.Version, FeedSeq: ident.FeedSeq(version), Type: event.RoomRenamed, Snapshot: card}
	e.Checksum = e.Sum()
	if _, err := n.views.Write(t.Context(), project.Batch{
		Cards: []view.RoomCard{card}, Feed: []project.FeedRow{{Seq: e.FeedSeq, Room: 7, Type: e.Type, JSON: e.AppendJSON(nil)}},
	}); err != nil {
		t.Fatal(err)
	}
	n.rooms.Changed([]view.RoomCard{card}, nil, false)
	n.hub.Advance([]feed.Frame{{Seq: e.FeedSeq, Room: 7, Type: e.Type, JSON: e.AppendJSON(nil)}}, e.FeedSeq)
}

// Viewers read and follow while one node after the other drains and stops: they see no error, no older room, and
// no gap.
func TestReadersOfRealNodesNoticeNothing(t *testing.T) {
	a1, a2, b1 := openNode(t), openNode(t), openNode(t)
	all := []*viewersNode{a1, a2, b1}
	// A connection for each request: one that was dialed and then not needed would keep a stopping node waiting.
	transport := &http.Transport{DisableKeepAlives: true}
	t.Cleanup(transport.CloseIdleConnections)
	c := greenroom.New(greenroom.HTTPClient(&http.Client{Transport: transport}), quick, greenroom.Monotonic(10), greenroom.Zones(
		greenroom.Zone{Name: "near", Query: []string{a1.at, a2.at}}, greenroom.Zone{Name: "far", Query: []string{b1.at}},
	))
	const last = 60
	version := int64(0)
	show := func(upTo int64, on ...*viewersNode) {
		for version < upTo {
			version++
			for _, n := range on {
				n.apply(t, version)
			}
		}
	}
	show(1, all...)
	next, newest := int64(1), int64(0)
	for e, err := range c.Feed(t.Context(), greenroom.FeedQuery{}) {
		if err != nil || e.GetFeedSeq() != next {
			t.Fatalf("want event %d, got %v, %v", next, e, err)
		}
		for range 5 {
			seen, err := c.GetRoom(t.Context(), 7)
			if err != nil || seen.GetVersion() < max(newest, next) {
				t.Fatalf("after version %d and event %d: %v, %v", newest, next, seen, err)
			}
			newest = seen.GetVersion()
		}
		switch next {
		case 10:
			a1.drain(fmt.Errorf("drained"))
		case 20:
			a1.stop()
		case 40:
			a2.stop()
		}
		if next++; next > last {
			break
		}
		show(next, all...)
	}
	if seen, err := c.GetRoom(t.Context(), 7, greenroom.MinVersion(last)); err != nil || seen.Zone != "far" {
		t.Errorf("at the end: %v, %v", seen, err)
	}
}
