package queryapi_test

import (
	"context"
	"io"
	"log/slog"
	"net"
	"net/http"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"

	"github.com/greenroomlive/greenroom/internal/adapter/memory"
	"github.com/greenroomlive/greenroom/internal/core/event"
	"github.com/greenroomlive/greenroom/internal/core/ident"
	"github.com/greenroomlive/greenroom/internal/core/view"
	"github.com/greenroomlive/greenroom/internal/door/queryapi"
	"github.com/greenroomlive/greenroom/internal/flow/audience"
	"github.com/greenroomlive/greenroom/internal/flow/feed"
	"github.com/greenroomlive/greenroom/internal/flow/query"
	"github.com/greenroomlive/greenroom/internal/flow/search"
	"github.com/greenroomlive/greenroom/internal/flow/speak"
)

func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m,
		// fasthttp's sweeper of idle workers looks every 10 s whether it was stopped, and its clock for
		// the Date header runs as long as the process. All that serves connections must be gone.
		goleak.IgnoreAnyFunction("github.com/valyala/fasthttp.(*workerPool).Start.func2"),
		goleak.IgnoreAnyFunction("github.com/valyala/fasthttp.updateServerDate.func1"))
}

// house is both doors over real reads, on fakes of what lies behind them.
type house struct {
	rooms  *query.Rooms
	hub    *feed.Hub
	search *search.Search
	shelf  *shelf
	http   string
	grpc   *grpc.ClientConn
	web    *http.Client
	stop   func() // ends both doors and waits for them
	// court judges who may speak.
	court atomic.Pointer[speak.Court]
}

// shelf is cache, views, feed table and freshness at once.
type shelf struct {
	sync.RWMutex
	entries  map[ident.RoomID]*query.Entry
	cards    map[ident.RoomID]view.RoomCard
	areas    []view.Area
	frames   []feed.Frame
	provenAt time.Time
	notReady error
	down     error
}

func (s *shelf) Get(id ident.RoomID) (*query.Entry, bool) {
	s.RLock()
	defer s.RUnlock()
	e, ok := s.entries[id]
	return e, ok
}

func (s *shelf) Put(e *query.Entry) *query.Entry {
	s.Lock()
	defer s.Unlock()
	s.entries[e.ID] = e
	return e
}

func (s *shelf) Clear()      {}
func (s *shelf) Spare() bool { return true }
func (s *shelf) Len() int    { return 0 }

func (s *shelf) Cards(_ context.Context, ids []ident.RoomID) (out []view.RoomCard, err error) {
	return s.find(func(c view.RoomCard) bool { return slices.Contains(ids, c.ID) })
}

func (s *shelf) ByAnchor(_ context.Context, a ident.AnchorID, _ int) ([]view.RoomCard, error) {
	return s.find(func(c view.RoomCard) bool { return c.AnchorID == a })
}

func (s *shelf) OnAir(_ context.Context, yield func(view.RoomCard) bool) error {
	cards, err := s.find(func(c view.RoomCard) bool { return c.OnAir() })
	for _, c := range cards {
		yield(c)
	}
	return err
}

func (s *shelf) Newest(_ context.Context, before ident.RoomID, _ int) ([]view.RoomCard, error) {
	return s.find(func(c view.RoomCard) bool { return before == 0 || c.ID < before })
}

func (s *shelf) find(takes func(view.RoomCard) bool) (out []view.RoomCard, err error) {
	s.RLock()
	defer s.RUnlock()
	for _, c := range s.cards {
		if takes(c) {
			out = append(out, c)
		}
	}
	return out, s.down
}

func (s *shelf) Areas(context.Context) ([]view.Area, error) { return s.areas, s.down }
func (s *shelf) Complete() bool                             { return true }

func (s *shelf) Held(ident.RoomID) (time.Time, bool) { return time.Time{}, false }

func (s *shelf) ProvenAt() time.Time {
	s.RLock()
	defer s.RUnlock()
	return s.provenAt
}

func (s *shelf) Ready() error {
	s.RLock()
	defer s.RUnlock()
	return s.notReady
}

func (s *shelf) Frames(_ context.Context, after ident.FeedSeq, limit int) ([]feed.Frame, error) {
	s.RLock()
	defer s.RUnlock()
	return slices.Clone(s.frames[after:min(len(s.frames), int(after)+limit)]), s.down
}

func (s *shelf) RoomFrames(ctx context.Context, id ident.RoomID, after, to ident.FeedSeq, _ int) ([]feed.Frame, bool, error) {
	frames, err := s.Frames(ctx, after, int(to-after))
	return slices.DeleteFunc(frames, func(f feed.Frame) bool { return f.Room != id }), true, err
}

func (s *shelf) Oldest(context.Context) (ident.FeedSeq, error) { return 1, nil }

func (s *shelf) set(change func()) {
	s.Lock()
	defer s.Unlock()
	change()
}

func open(t testing.TB) *house {
	t.Helper()
	s := &shelf{entries: map[ident.RoomID]*query.Entry{}, cards: map[ident.RoomID]view.RoomCard{}, provenAt: time.Now()}
	h := &house{shelf: s, hub: feed.New(feed.Config{Store: s, MaxFrames: 2})}
	h.rooms = query.New(query.Config{Cache: s, Views: s, Freshness: s, Now: time.Now, History: s})
	if err := h.rooms.Warm(t.Context()); err != nil {
		t.Fatal(err)
	}
	h.hub.Advance(nil, 0)
	h.search = search.New(search.Config{Index: memory.NewIndex(), Views: s, Rooms: h.rooms, Complete: s.Complete, Ready: s.Complete, Logger: slog.New(slog.DiscardHandler)})
	cfg := queryapi.Config{Rooms: h.rooms, Feed: h.hub, Search: h.search, Soon: timetable{}, Ready: s.Ready, Log: slog.New(slog.DiscardHandler)}
	cfg.Audience = audience.New(audience.Config{Sessions: h.rooms, Sink: h.rooms, Now: time.Now, MaxViewers: 1000})
	cfg.Speech = h.speech()
	web, rpc := listen(t), listen(t)
	ctx, cancel := context.WithCancel(context.Background())
	var doors sync.WaitGroup
	doors.Go(func() { run(t, h.search.Run(ctx)) })
	doors.Go(func() { run(t, queryapi.NewHTTP(cfg, web).Run(ctx)) })
	doors.Go(func() { run(t, queryapi.NewGRPC(cfg, rpc).Run(ctx)) })
	h.http = "http://" + web.Addr().String()
	h.web = &http.Client{Transport: &http.Transport{}, Timeout: 20 * time.Second}
	conn, err := grpc.NewClient(rpc.Addr().String(), grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		t.Fatal(err)
	}
	h.grpc = conn
	h.stop = sync.OnceFunc(func() { cancel(); doors.Wait() })
	t.Cleanup(func() {
		h.web.CloseIdleConnections()
		_ = conn.Close()
		h.stop()
	})
	return h
}

func run(t testing.TB, err error) {
	if err != nil {
		t.Errorf("a door ended with %v", err)
	}
}

func listen(t testing.TB) net.Listener {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	return ln
}

// commit makes cards visible, as the projector does.
func (h *house) commit(cards ...view.RoomCard) {
	h.shelf.set(func() {
		for _, c := range cards {
			h.shelf.cards[c.ID] = c
		}
	})
	h.rooms.Changed(cards, nil, false)
	h.search.Changed(cards, false)
}

// happen stores events of a room and lets the feed show them.
func (h *house) happen(n int) {
	h.shelf.set(func() {
		for range n {
			seq := ident.FeedSeq(len(h.shelf.frames) + 1)
			e := event.RoomEvent{
				RoomID: ident.RoomID(seq%2 + 1), Version: ident.Version(seq), FeedSeq: seq, Type: event.WentLive,
				Snapshot: view.RoomCard{ID: ident.RoomID(seq%2 + 1), Version: ident.Version(seq), Title: "line\nbreak"},
			}
			e.Checksum = e.Sum()
			h.shelf.frames = append(h.shelf.frames, feed.Frame{Seq: seq, Room: e.RoomID, Type: e.Type, JSON: e.AppendJSON(nil)})
		}
	})
	h.hub.Advance(h.shelf.frames, ident.FeedSeq(len(h.shelf.frames)))
}

type answer struct {
	*http.Response
	body string
}

// do sends a request; headers are pairs.
func (h *house) do(t testing.TB, method, path string, headers ...string) answer {
	t.Helper()
	return h.send(t, method, path, http.NoBody, headers...)
}

func (h *house) send(t testing.TB, method, path string, body io.Reader, headers ...string) answer {
	t.Helper()
	req, err := http.NewRequest(method, h.http+path, body)
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i < len(headers); i += 2 {
		req.Header.Set(headers[i], headers[i+1])
	}
	resp, err := h.web.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return answer{resp, string(text)}
}

func (h *house) get(t testing.TB, path string, headers ...string) answer {
	t.Helper()
	return h.do(t, http.MethodGet, path, headers...)
}
