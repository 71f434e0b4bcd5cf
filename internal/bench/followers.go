package bench

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"runtime"
	"strings"
	"syscall"
	"time"

	greenroom "github.com/greenroomlive/greenroom/client"
)

// happenings is how many events a second the crowd follows.
const happenings = 5

// fanout measures a crowd that follows the feed over SSE.
func (r *run) fanout(ctx context.Context) (out section, err error) {
	s := r.sut
	end, err := s.edited(ctx, 0)
	if err != nil {
		return out, err
	}
	frame, err := s.frame(ctx, end-1)
	if err != nil {
		return out, err
	}
	got, err := fanout(ctx, fanoutPlan{
		Addr: s.queryAddr(), PID: s.Pid(), Watchers: r.l.watchers, After: end, Rate: happenings, Length: r.l.fanout,
		Happen: func(ctx context.Context, i int) error {
			_, err := s.client.UpdateRoom(ctx, s.rooms[i%len(s.rooms)], &greenroom.RoomPatch{Title: new(fmt.Sprintf("World final, map %d", i))}, nil)
			return err
		},
	})
	if err != nil {
		return out, err
	}
	wrote, err := writeCost(ctx, frame)
	if err != nil {
		return out, err
	}
	what := fmt.Sprintf("%s followers, %d events: ", thousands(int64(got.Watchers)), got.Events)
	out.rows = []row{
		figure(what+"deliveries lost or repeated", thousands(got.Lost+got.Repeated), "of "+thousands(got.Deliveries), float64(got.Lost+got.Repeated), atMostOf(0, "")),
		{what: "server CPU of a delivery", ours: digits(got.CPUPerDelivery) + " µs", beside: fmt.Sprintf("write(2) of %d bytes to a socket: %s µs", frame, digits(wrote)), ratio: got.CPUPerDelivery / wrote},
		{what: "memory of a follower", ours: digits(got.MemoryPerWatcher) + " bytes"},
		{what: "commit → follower, p50", ours: digits(millis(got.P50)) + " ms"},
		{what: "commit → follower, p99", ours: digits(millis(got.P99)) + " ms"},
	}
	out.how = []string{fmt.Sprintf("As many connections to `/v1/feed` as asked for (%s) or as the machine has descriptors, read by one thread beside the server; titles\n"+
		"are edited %d times a second, and each edit goes to every follower. The memory is what the server grew by while they connected, the CPU\n"+
		"time all that it spent, commands included. The comparison is what one write(2) of as many bytes to a loopback socket costs the thread that\n"+
		"makes it, the kernel's delivery included: no server pushes with less.", thousands(int64(r.l.watchers)), happenings)}
	return out, nil
}

// edited renames the i-th room and returns the change's place in the feed, which is the feed's end when nothing
// else happens.
func (s *subject) edited(ctx context.Context, i int) (int64, error) {
	done, err := s.client.UpdateRoom(ctx, s.rooms[i], &greenroom.RoomPatch{Title: new("World final: " + time.Now().String())}, nil)
	if err != nil {
		return 0, err
	}
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	var end int64
	var failed error
	err = until(ctx, func() bool {
		t, err := s.client.TraceRoom(ctx, s.rooms[i], 1)
		if err != nil {
			failed = err
			return true
		}
		for _, c := range t.GetChanges() {
			if c.GetVersion() == done.GetRoom().GetVersion() && c.GetVisibleAt() != nil {
				end = c.GetFeedSeq()
			}
		}
		return end > 0
	})
	return end, errors.Join(err, failed)
}

// frame is the size of the event after a place, as the feed sends it.
func (s *subject) frame(ctx context.Context, after int64) (size int, err error) {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, fmt.Sprintf("%s/v1/feed?after=%d", s.QueryURL, after), nil)
	if err != nil {
		return 0, err
	}
	req.Header.Set("Accept", "text/event-stream")
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return 0, err
	}
	defer resp.Body.Close()
	event := false
	for lines := bufio.NewReader(resp.Body); ; {
		line, err := lines.ReadString('\n')
		if err != nil {
			return 0, err
		}
		event = event || strings.HasPrefix(line, "id: ")
		if event {
			size += len(line)
		}
		if event && line == "\n" {
			return size, nil
		}
	}
}

// writeCost is the CPU time, in microseconds, of a write of so many bytes to a loopback socket that somebody reads.
func writeCost(ctx context.Context, size int) (us float64, err error) {
	const sockets, turns = 64, 200
	ln, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, ln.Close()) }()
	var (
		from, to [sockets]net.Conn
		dialer   net.Dialer
	)
	for i := range sockets {
		if from[i], err = dialer.DialContext(ctx, "tcp4", ln.Addr().String()); err != nil {
			return 0, err
		}
		defer func() { _ = from[i].Close() }()
		if to[i], err = ln.Accept(); err != nil {
			return 0, err
		}
		defer func() { _ = to[i].Close() }()
	}
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	b := make([]byte, size)
	var spent time.Duration
	for range turns {
		began := cpuOfThread()
		for _, c := range from {
			if _, err := c.Write(b); err != nil {
				return 0, err
			}
		}
		spent += cpuOfThread() - began
		for _, c := range to {
			if _, err := io.ReadFull(c, b); err != nil {
				return 0, err
			}
		}
	}
	return micros(spent) / (sockets * turns), nil
}

func cpuOfThread() time.Duration {
	const thread = 1 // RUSAGE_THREAD
	var u syscall.Rusage
	if syscall.Getrusage(thread, &u) != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
