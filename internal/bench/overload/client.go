package overload

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"math/bits"
	"math/rand/v2"
	"net"
	"strconv"
	"sync/atomic"
	"time"
)

// client is one connection of the crowd, until ctx ends. It has one request under way at a time; wishes that
// come up meanwhile wait, and are lost when they waited for too long.
func (c *crowd) client(ctx context.Context, class int) error {
	dialer := net.Dialer{LocalAddr: c.source()}
	conn, err := dialer.DialContext(ctx, "tcp", c.Addr)
	if err != nil {
		return ended(ctx, err)
	}
	defer func() { _ = conn.Close() }()
	defer context.AfterFunc(ctx, func() { _ = conn.Close() })()
	t := &c.classes[class]
	answers := bufio.NewReaderSize(conn, 32<<10) // a page in one read
	var request []byte
	w := wishes{crowd: c, class: class}
	w.begin(time.Now())
	for {
		at, err := w.next(ctx)
		if err != nil {
			return ended(ctx, err)
		}
		request = append(append(append(append(request[:0], "GET "...), mix[class].request(c.Rooms)...), "\r\nHost: "...), c.Addr...)
		if _, err := conn.Write(append(request, "\r\n\r\n"...)); err != nil {
			return ended(ctx, err)
		}
		status, err := readAnswer(answers)
		if err != nil {
			return ended(ctx, err)
		}
		took := time.Since(at)
		switch {
		case status == 200 && took <= patience:
			t.good.Add(1)
			t.took.add(took)
		case status == 429 || status == 503:
			t.refused.Add(1)
		case status == 200:
			t.lost.Add(1)
		default:
			return fmt.Errorf("a %s was answered %d", mix[class].name, status)
		}
	}
}

// ended is nil when the run is over, which closes connections under their clients.
func ended(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return nil
	}
	return err
}

// wishes are the moments at which a client wants something.
type wishes struct {
	*crowd
	class   int
	at      time.Time
	changed <-chan struct{}
}

// begin draws the first moment at the present load.
func (w *wishes) begin(now time.Time) {
	w.changed = *w.crowd.changed.Load()
	w.at = now
	w.draw()
}

func (w *wishes) draw() {
	w.at = w.at.Add(time.Duration(rand.ExpFloat64() * float64(w.interval[w.class].Load())))
}

// next waits for the next wish that is not lost already.
func (w *wishes) next(ctx context.Context) (time.Time, error) {
	for {
		select {
		case <-w.changed:
			w.begin(time.Now())
		default:
		}
		now := time.Now()
		if w.never.Load() {
			return now, ctx.Err()
		}
		if late := now.Sub(w.at); late >= 0 {
			at := w.at
			w.classes[w.class].wanted.Add(1)
			w.draw()
			if late > waits {
				w.classes[w.class].lost.Add(1)
				continue
			}
			return at, nil
		}
		t := time.NewTimer(w.at.Sub(now))
		select {
		case <-t.C:
		case <-w.changed:
		case <-ctx.Done():
			t.Stop()
			return now, ctx.Err()
		}
		t.Stop()
	}
}

var contentLength = []byte("Content-Length: ")

// readAnswer reads one answer with a Content-Length and returns its status.
func readAnswer(r *bufio.Reader) (status int, err error) {
	line, err := r.ReadSlice('\n')
	if err != nil {
		return 0, err
	}
	if len(line) < 12 {
		return 0, fmt.Errorf("unreadable answer %q", line)
	}
	if status, err = strconv.Atoi(string(line[9:12])); err != nil {
		return 0, err
	}
	length := 0
	for {
		if line, err = r.ReadSlice('\n'); err != nil {
			return 0, err
		}
		line = bytes.TrimRight(line, "\r\n")
		if len(line) == 0 {
			break
		}
		if n, ok := bytes.CutPrefix(line, contentLength); ok {
			if length, err = strconv.Atoi(string(n)); err != nil {
				return 0, err
			}
		}
	}
	_, err = r.Discard(length)
	return status, err
}

// histogram counts durations in buckets an eighth apart, from a microsecond to half an hour.
type histogram [32 * 8]atomic.Int64

func (h *histogram) add(d time.Duration) { h[bucket(d)].Add(1) }

func bucket(d time.Duration) int {
	us := uint64(max(d.Microseconds(), 8))
	exp := bits.Len64(us) - 4 // us>>exp is 8 to 15
	return min(exp*8+int(us>>exp)-8, len(histogram{})-1)
}

func (h *histogram) forget() {
	for i := range h {
		h[i].Store(0)
	}
}

// percentile is the upper end of the bucket that holds it; 0 for no values.
func (h *histogram) percentile(p float64) time.Duration {
	total := int64(0)
	for i := range h {
		total += h[i].Load()
	}
	rank := int64(p * float64(total))
	for i := range h {
		if n := h[i].Load(); n > 0 {
			if rank -= n; rank < 0 {
				return time.Duration((8+i%8+1)<<(i/8)) * time.Microsecond
			}
		}
	}
	return 0
}
