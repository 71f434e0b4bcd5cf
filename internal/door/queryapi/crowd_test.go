package queryapi

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"net"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/greenroomlive/greenroom/internal/core/event"
	"github.com/greenroomlive/greenroom/internal/core/ident"
	"github.com/greenroomlive/greenroom/internal/flow/feed"
)

// book is a feed table that remembers all.
type book struct {
	mu     sync.Mutex
	frames []feed.Frame // of the positions from 1 on
}

func (b *book) Frames(_ context.Context, after ident.FeedSeq, limit int) ([]feed.Frame, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return append([]feed.Frame(nil), b.frames[after:min(len(b.frames), int(after)+limit)]...), nil
}

func (b *book) RoomFrames(_ context.Context, id ident.RoomID, after, to ident.FeedSeq, limit int) (out []feed.Frame, whole bool, err error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, f := range b.frames[after:to] {
		if f.Room == id && len(out) < limit {
			out = append(out, f)
		}
	}
	return out, true, nil
}

func (*book) Oldest(context.Context) (ident.FeedSeq, error) { return 1, nil }

const (
	crowdRooms = 10   // the events go round them
	titleSize  = 1000 // x in each event
)

// write lets n events of a kilobyte happen.
func (b *book) write(hub *feed.Hub, n int) {
	b.mu.Lock()
	var news []feed.Frame
	for range n {
		seq := ident.FeedSeq(len(b.frames) + 1)
		f := feed.Frame{Seq: seq, Room: ident.RoomID(seq%crowdRooms + 1), Type: event.WentLive}
		f.JSON = fmt.Appendf(nil, `{"feed_seq":"%d","title":%q}`, seq, strings.Repeat("x", titleSize))
		news = append(news, f)
		b.frames = append(b.frames, f)
	}
	end := ident.FeedSeq(len(b.frames))
	b.mu.Unlock()
	hub.Advance(news, end)
}

// spectator is a client made of a file descriptor, so that what it costs does not count as the server's.
// It comes back where it was when its connection ends.
type spectator struct {
	at    *syscall.SockaddrInet4
	query string
	room  ident.RoomID // 0: all
	lazy  bool         // does not read until it was cut
	slow  bool         // begins to read late
	sse   bool
	from  ident.FeedSeq

	fd    int
	begun bool // the head of the answer is behind it
	tail  []byte
	last  ident.FeedSeq
	got   int
	back  int // how often it came back
	wrong string
}

func (c *spectator) connect(t *testing.T) {
	t.Helper()
	fd, err := syscall.Socket(syscall.AF_INET, syscall.SOCK_STREAM|syscall.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	if c.lazy || c.slow {
		_ = syscall.SetsockoptInt(fd, syscall.SOL_SOCKET, syscall.SO_RCVBUF, 4096)
	}
	if err := syscall.Connect(fd, c.at); err != nil {
		t.Fatal(err)
	}
	accept := "application/x-ndjson"
	if c.sse {
		accept = "text/event-stream"
	}
	ask := fmt.Sprintf("GET %s HTTP/1.1\r\nHost: localhost\r\nAccept: %s\r\nLast-Event-ID: %d\r\n\r\n", c.query, accept, c.last)
	if _, err := syscall.Write(fd, []byte(ask)); err != nil {
		t.Fatal(err)
	}
	if err := syscall.SetNonblock(fd, true); err != nil {
		t.Fatal(err)
	}
	c.fd, c.begun, c.tail = fd, false, nil
}

// read takes what has arrived.
func (c *spectator) read(t *testing.T, space []byte) {
	for c.wrong == "" {
		n, err := syscall.Read(c.fd, space)
		switch {
		case err == syscall.EAGAIN:
			return
		case err == syscall.EINTR:
		case n <= 0: // it was cut, in the middle of an event perhaps
			_ = syscall.Close(c.fd)
			c.back++
			c.connect(t)
		default:
			c.take(append(c.tail, space[:n]...))
		}
	}
}

func (c *spectator) take(b []byte) {
	if !c.begun {
		head, rest, whole := bytes.Cut(b, []byte("\r\n\r\n"))
		if c.tail = b; !whole {
			return
		}
		if !bytes.HasPrefix(head, []byte("HTTP/1.1 200 ")) {
			c.wrong = "answered " + string(head)
		}
		c.begun, b = true, rest
	}
	end := "\n"
	if c.sse {
		end = "\n\n"
	}
	for {
		one, rest, whole := bytes.Cut(b, []byte(end))
		if !whole {
			break
		}
		b = rest
		c.event(string(one))
	}
	c.tail = append([]byte(nil), b...)
}

// event checks that an event is the next one for this client.
func (c *spectator) event(s string) {
	begin := `{"feed_seq":"`
	if c.sse {
		if !strings.HasPrefix(s, "id: ") {
			if s != "retry: 1000" && !strings.HasPrefix(s, "event: error\ndata: {") {
				c.wrong = fmt.Sprintf("after %d: %q", c.last, s)
			}
			return
		}
		begin = "id: "
	}
	digits := strings.TrimPrefix(s, begin)
	digits = digits[:strings.IndexFunc(digits, func(r rune) bool { return r < '0' || r > '9' })]
	n, _ := strconv.ParseInt(digits, 10, 64)
	want := c.last + 1
	for c.room != 0 && want%crowdRooms+1 != ident.FeedSeq(c.room) {
		want++
	}
	if ident.FeedSeq(n) != want || strings.Count(s, "x") != titleSize {
		c.wrong = fmt.Sprintf("after %d came %.60q, not %d", c.last, s, want)
	}
	c.last = ident.FeedSeq(n)
	c.got++
}

// crowd opens a door with followers before it: every other one follows one room, one in four reads lines,
// one in fifty does not read, and another one begins late.
func crowd(t *testing.T, size int) (*HTTP, *book, *feed.Hub, []*spectator) {
	t.Helper()
	var limit syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil || limit.Cur < uint64(2*size+100) {
		t.Skipf("%d descriptors are too few for both ends of %d connections", limit.Cur, size)
	}
	b := &book{}
	hub := feed.New(feed.Config{Store: b})
	hub.Advance(nil, 0)
	ln := local(t)
	s := NewHTTP(Config{Rooms: hotServer().Rooms, Feed: hub, Ready: func() error { return nil }, Log: slog.New(slog.DiscardHandler)}, ln)
	s.patience = 1500 * time.Millisecond
	serve(t, s.Run)
	all := make([]*spectator, size)
	for i := range all {
		c := &spectator{query: "/v1/feed?after=0", lazy: i%50 == 7, slow: i%50 == 9, sse: i%4 != 0}
		c.at = &syscall.SockaddrInet4{Port: ln.Addr().(*net.TCPAddr).Port, Addr: [4]byte{127, 0, 0, 1}}
		if i%2 == 0 {
			c.room = ident.RoomID(i/2%crowdRooms + 1)
			c.query = fmt.Sprintf("/v1/feed?after=0&rooms=%d", c.room)
		}
		all[i] = c
	}
	return s, b, hub, all
}

// heap is the memory in use, and the number of goroutines.
func heap() (float64, int) {
	runtime.GC()
	runtime.GC() // the first leaves what lies in pools to the second
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return float64(m.HeapInuse + m.StackInuse), runtime.NumGoroutine()
}

// TestACrowdFollows: two thousand followers over real connections each get each of their events once, in
// order. Some do not read: they are cut, come back at their cursors, and have missed nothing. A follower
// costs no goroutine, and less than a request's read buffer.
func TestACrowdFollows(t *testing.T) {
	const size, events = 2000, 240
	s, b, hub, all := crowd(t, size)
	t.Cleanup(func() {
		for _, c := range all {
			_ = syscall.Close(c.fd)
		}
	})
	memory, goroutines := heap()
	for i, c := range all {
		c.connect(t)
		// Not all at once: the bounded listener lets in so many, and workers that are busy cost memory.
		eventually(t, "a follower", func() bool { return s.push.feeds.Load() > int64(i)-50 })
	}
	eventually(t, "the crowd", func() bool { return s.push.feeds.Load() == size })
	memoryThen, goroutinesThen := heap()
	t.Logf("%.0f bytes and %.3f goroutines for each follower", (memoryThen-memory)/size, float64(goroutinesThen-goroutines)/size)
	if per := (memoryThen - memory) / size; per > 4<<10 {
		t.Errorf("%.0f bytes for each follower, want at most 4 KiB", per)
	}
	if per := float64(goroutinesThen-goroutines) / size; per > 0.1 {
		t.Errorf("%.2f goroutines for each follower", per)
	}

	space := make([]byte, 64<<10)
	for round := range events / 8 {
		// Some come while it goes on, and begin a little or far back.
		for i := range 3 {
			like := all[i]
			from := max(0, ident.FeedSeq(8*round-1<<(4*i)))
			c := &spectator{at: like.at, query: like.query, room: like.room, sse: like.sse, from: from, last: from}
			c.connect(t)
			all = append(all, c)
			eventually(t, "what a latecomer missed", func() bool {
				c.read(t, space)
				return c.wrong != "" || c.got == c.due(8*round)
			})
		}
		b.write(hub, 8)
		for _, c := range all {
			if !c.lazy && (!c.slow || round > events/8*3/4) {
				c.read(t, space)
			}
		}
	}
	settled := func(lazy bool) func() bool {
		return func() bool {
			done := true
			for _, c := range all {
				if c.lazy != lazy {
					continue
				}
				c.read(t, space)
				done = done && (c.wrong != "" || c.got == c.due(events))
			}
			return done
		}
	}
	eventually(t, "all events at all who read", settled(false))
	eventually(t, "the end of those who do not", func() bool { return s.push.hub.Audience().Cut.Load() >= size/50 })
	eventually(t, "all events at those who came back", settled(true))
	for i, c := range all {
		if c.wrong != "" || (c.lazy && c.back == 0) {
			t.Fatalf("spectator %d (%s, lazy: %t, came back %d times): %s", i, c.query, c.lazy, c.back, c.wrong)
		}
	}
	eventually(t, "everybody", func() bool { return s.push.feeds.Load() == int64(len(all)) })
}

// due is how many of the first n events are for this client.
func (c *spectator) due(n int) (due int) {
	for seq := c.from + 1; seq <= ident.FeedSeq(n); seq++ {
		if c.room == 0 || ident.RoomID(seq%crowdRooms+1) == c.room {
			due++
		}
	}
	return due
}
