package bench

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"math"
	"net"
	"os"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"time"
)

// fanoutPlan is a crowd that follows the feed of a running server while things happen.
type fanoutPlan struct {
	Addr     string // of the C side, host:port
	PID      int    // of the server, for its memory and CPU time
	Watchers int    // as many as there are descriptors, if those are fewer
	After    int64  // the end of the feed
	// Happen lets one event happen; it is called Rate times a second for Length, one call after the other.
	Happen func(ctx context.Context, i int) error
	Rate   int
	Length time.Duration
	drain  time.Duration // drainWithin, but for tests
}

// fanoutResult is what came of it. A delivery is one event at one watcher.
type fanoutResult struct {
	Watchers, Events           int
	Deliveries, Lost, Repeated int64
	P50, P99                   time.Duration // from the commit to the watcher, by the clock that both share
	MemoryPerWatcher           float64       // bytes of the server, resident
	CPUPerDelivery             float64       // microseconds of the server; the commands' own are in it
}

const (
	// sparedDescriptors are those that a process needs for other things than watchers.
	sparedDescriptors = 200
	// bucket is how exact delivery times are, buckets how long they may be: 20 s.
	bucket  = 100 * time.Microsecond
	buckets = 200_000
	// drainWithin bounds the wait for what is under way at the end.
	drainWithin = 15 * time.Second
)

// fanout runs the plan. The crowd is one thread that reads whichever of its sockets has something: twenty
// thousand ordinary clients would measure themselves.
func fanout(ctx context.Context, p fanoutPlan) (r fanoutResult, err error) {
	c, err := newCrowd(p)
	if err != nil {
		return r, err
	}
	defer c.close()
	before, err := residentOf(p.PID)
	if err != nil {
		return r, err
	}
	if err := c.connect(ctx, p.Addr, p.After); err != nil {
		return r, err
	}
	with, err := residentOf(p.PID)
	if err != nil {
		return r, err
	}
	cpu, err := cpuOf(p.PID)
	if err != nil {
		return r, err
	}
	events, err := c.watch(ctx, p)
	if err != nil {
		return r, err
	}
	after, err := cpuOf(p.PID)
	if err != nil {
		return r, err
	}
	r = fanoutResult{
		Watchers: len(c.watchers), Events: events, Deliveries: c.deliveries, Repeated: c.repeated,
		Lost: int64(len(c.watchers))*int64(events) - c.deliveries, P50: c.percentile(0.5), P99: c.percentile(0.99),
		MemoryPerWatcher: float64(with-before) / float64(len(c.watchers)),
	}
	if c.deliveries > 0 {
		r.CPUPerDelivery = micros(after-cpu) / float64(c.deliveries)
	}
	return r, nil
}

// watched is one watcher: a socket and where it is in the feed.
type watched struct {
	fd    int
	begun bool
	last  int64
	tail  []byte // the beginning of an event
}

// crowd is all watchers.
type crowd struct {
	poll     int
	watchers []watched
	byFD     []int32
	begun    int
	space    []byte

	first      int64 // position of the first event that is counted
	committed  []time.Time
	deliveries int64
	repeated   int64
	took       []int64 // by bucket
}

func newCrowd(p fanoutPlan) (*crowd, error) {
	var limit syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil {
		return nil, err
	}
	limit.Cur = limit.Max
	if err := syscall.Setrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil {
		return nil, fmt.Errorf("raise the number of descriptors to %d: %w", limit.Max, err)
	}
	n := int(min(uint64(p.Watchers), limit.Max-sparedDescriptors))
	poll, err := syscall.EpollCreate1(syscall.EPOLL_CLOEXEC)
	if err != nil {
		return nil, err
	}
	return &crowd{
		poll: poll, watchers: make([]watched, 0, n), first: p.After + 1, space: make([]byte, 1<<20), took: make([]int64, buckets),
	}, nil
}

func (c *crowd) close() {
	for _, w := range c.watchers {
		_ = syscall.Close(w.fd)
	}
	_ = syscall.Close(c.poll)
}

// connect opens all feeds and waits until each has begun.
func (c *crowd) connect(ctx context.Context, addr string, after int64) error {
	tcp, err := net.ResolveTCPAddr("tcp4", addr)
	if err != nil {
		return err
	}
	to := &syscall.SockaddrInet4{Port: tcp.Port, Addr: [4]byte(tcp.IP.To4())}
	ask := fmt.Appendf(nil, "GET /v1/feed?after=%d HTTP/1.1\r\nHost: %s\r\nAccept: text/event-stream\r\n\r\n", after, addr)
	for range cap(c.watchers) {
		fd, err := syscall.Socket(syscall.AF_INET, syscall.SOCK_STREAM|syscall.SOCK_CLOEXEC, 0)
		if err != nil {
			return err
		}
		c.watchers = append(c.watchers, watched{fd: fd, last: after})
		if grow := fd + 1 - len(c.byFD); grow > 0 {
			c.byFD = append(c.byFD, make([]int32, grow)...)
		}
		c.byFD[fd] = int32(len(c.watchers) - 1)
		if err := syscall.Connect(fd, to); err != nil {
			return fmt.Errorf("watcher %d: connect: %w", len(c.watchers), err)
		}
		if _, err := syscall.Write(fd, ask); err != nil {
			return err
		}
		event := syscall.EpollEvent{Events: syscall.EPOLLIN, Fd: int32(fd)}
		if err := errors.Join(syscall.SetNonblock(fd, true), syscall.EpollCtl(c.poll, syscall.EPOLL_CTL_ADD, fd, &event)); err != nil {
			return err
		}
		// A few at a time: a server refuses a flood of connections that have not asked for anything yet.
		for len(c.watchers)-c.begun > 100 {
			if err := c.read(ctx); err != nil {
				return err
			}
		}
	}
	for c.begun < len(c.watchers) {
		if err := c.read(ctx); err != nil {
			return err
		}
	}
	return nil
}

// watch reads while the events happen, and then until all have arrived or nothing does any more.
func (c *crowd) watch(ctx context.Context, p fanoutPlan) (events int, err error) {
	var happened atomic.Int64
	done := make(chan error, 1)
	go func() {
		tick := time.NewTicker(time.Second / time.Duration(p.Rate))
		defer tick.Stop()
		for i := range int(p.Length.Seconds() * float64(p.Rate)) {
			if err := p.Happen(ctx, i); err != nil {
				done <- err
				return
			}
			happened.Add(1)
			<-tick.C
		}
		done <- nil
	}()
	for running := true; running; {
		if err := c.read(ctx); err != nil {
			return 0, err
		}
		select {
		case err := <-done:
			if err != nil {
				return 0, err
			}
			running = false
		default:
		}
	}
	events = int(happened.Load())
	for until := time.Now().Add(cmp.Or(p.drain, drainWithin)); time.Now().Before(until) && c.deliveries < int64(events)*int64(len(c.watchers)); {
		if err := c.read(ctx); err != nil {
			return 0, err
		}
	}
	return events, nil
}

// read takes what has arrived at some sockets, or waits a moment for it.
func (c *crowd) read(ctx context.Context) error {
	var ready [512]syscall.EpollEvent
	n, err := syscall.EpollWait(c.poll, ready[:], 20)
	if err != nil && !errors.Is(err, syscall.EINTR) {
		return err
	}
	for _, e := range ready[:max(n, 0)] {
		w := &c.watchers[c.byFD[e.Fd]]
		n, err := syscall.Read(w.fd, c.space)
		switch {
		case errors.Is(err, syscall.EAGAIN) || errors.Is(err, syscall.EINTR):
		case err != nil:
			return err
		case n == 0:
			return fmt.Errorf("a watcher was cut after %d: %s", w.last, w.tail)
		default:
			if err := c.take(w, c.space[:n]); err != nil {
				return err
			}
		}
	}
	return ctx.Err()
}

// take goes through what one watcher got.
func (c *crowd) take(w *watched, b []byte) error {
	now := time.Now()
	if len(w.tail) > 0 {
		b = append(w.tail, b...)
	}
	for {
		one, rest, whole := bytes.Cut(b, []byte("\n\n"))
		if !whole {
			break
		}
		b = rest
		switch {
		case bytes.HasPrefix(one, []byte("id: ")):
			if err := c.event(w, one, now); err != nil {
				return err
			}
		case bytes.HasSuffix(one, []byte("retry: 1000")) && bytes.HasPrefix(one, []byte("HTTP/1.1 200 ")):
			w.begun = true
			c.begun++
		case !bytes.HasPrefix(one, []byte(":")):
			return fmt.Errorf("a watcher was told %.300q", one)
		}
	}
	w.tail = append(w.tail[:0], b...)
	return nil
}

// event counts a delivery.
func (c *crowd) event(w *watched, one []byte, now time.Time) error {
	digits, _, _ := bytes.Cut(one[len("id: "):], []byte("\n"))
	seq, err := strconv.ParseInt(string(digits), 10, 64)
	if err != nil {
		return err
	}
	if seq <= w.last {
		c.repeated++
		return nil
	}
	w.last = seq
	at := int(seq - c.first)
	for len(c.committed) <= at {
		c.committed = append(c.committed, time.Time{})
	}
	if c.committed[at].IsZero() {
		_, after, _ := bytes.Cut(one, []byte(`"committed_at":"`))
		text, _, _ := bytes.Cut(after, []byte(`"`))
		if c.committed[at], err = time.Parse(time.RFC3339Nano, string(text)); err != nil {
			return err
		}
	}
	c.deliveries++
	c.took[min(max(now.Sub(c.committed[at]), 0)/bucket, buckets-1)]++
	return nil
}

// percentile is the nearest rank, to a bucket's upper end.
func (c *crowd) percentile(p float64) time.Duration {
	rank := int64(math.Ceil(p * float64(c.deliveries)))
	for i, n := range c.took {
		if rank -= n; rank <= 0 && c.deliveries > 0 {
			return time.Duration(i+1) * bucket
		}
	}
	return 0
}

// residentOf is the memory of a process that is resident, in bytes.
func residentOf(pid int) (int64, error) {
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return 0, err
	}
	for line := range strings.Lines(string(status)) {
		if kb, ok := strings.CutPrefix(line, "VmRSS:"); ok {
			n, err := strconv.ParseInt(strings.TrimSpace(strings.TrimSuffix(strings.TrimSpace(kb), "kB")), 10, 64)
			return n << 10, err
		}
	}
	return 0, fmt.Errorf("process %d has no memory", pid)
}
