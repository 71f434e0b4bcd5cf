package bench

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"slices"
	"strconv"
	"syscall"
	"time"
)

// openOrder sends the same request again and again, at its times: each is due at a moment that follows from the
// rate alone, whether those before were answered or not, and its latency counts from there. A loop that waits for
// answers before it asks on would leave out exactly the requests that a stall holds up.
type openOrder struct {
	Addr    string
	Request string
	// Rate is requests per second; 0 asks on with every answer instead, which finds the capacity.
	Rate         float64
	Connections  int
	Warm, Length time.Duration
}

type openReport struct {
	Answered       int
	Rate           float64 // answers per second
	Refused        int     // 503: not answered
	P50, P99, P999 time.Duration
}

// stream is one connection with its requests under way.
type stream struct {
	fd   int
	due  []time.Duration // oldest first
	tail []byte
}

// spin is the state of a run: one thread that never sleeps, since a timer is later than what is measured.
type spin struct {
	openOrder
	poll    int
	streams []stream
	byFD    map[int32]*stream
	began   time.Time
	took    []time.Duration
	refused int
	space   []byte
}

func (o openOrder) run(ctx context.Context) (report openReport, err error) {
	s := &spin{openOrder: o, byFD: map[int32]*stream{}, space: make([]byte, 1<<20), began: time.Now()}
	defer s.close()
	if err := s.connect(); err != nil {
		return report, err
	}
	if err := s.loop(ctx); err != nil {
		return report, err
	}
	slices.Sort(s.took)
	return openReport{
		Answered: len(s.took), Rate: float64(len(s.took)) / o.Length.Seconds(), Refused: s.refused,
		P50: percentile(s.took, 0.5), P99: percentile(s.took, 0.99), P999: percentile(s.took, 0.999),
	}, nil
}

func (s *spin) close() {
	for i := range s.streams {
		_ = syscall.Close(s.streams[i].fd)
	}
	_ = syscall.Close(s.poll)
}

func (s *spin) connect() error {
	tcp, err := net.ResolveTCPAddr("tcp4", s.Addr)
	if err != nil {
		return err
	}
	if s.poll, err = syscall.EpollCreate1(syscall.EPOLL_CLOEXEC); err != nil {
		return err
	}
	s.streams = make([]stream, 0, s.Connections)
	for range s.Connections {
		fd, err := syscall.Socket(syscall.AF_INET, syscall.SOCK_STREAM|syscall.SOCK_CLOEXEC, 0)
		if err != nil {
			return err
		}
		s.streams = append(s.streams, stream{fd: fd})
		event := syscall.EpollEvent{Events: syscall.EPOLLIN, Fd: int32(fd)}
		err = errors.Join(syscall.Connect(fd, &syscall.SockaddrInet4{Port: tcp.Port, Addr: [4]byte(tcp.IP.To4())}),
			syscall.SetsockoptInt(fd, syscall.IPPROTO_TCP, syscall.TCP_NODELAY, 1), syscall.SetNonblock(fd, true),
			syscall.EpollCtl(s.poll, syscall.EPOLL_CTL_ADD, fd, &event))
		if err != nil {
			return err
		}
		s.byFD[int32(fd)] = &s.streams[len(s.streams)-1]
	}
	return nil
}

// loop sends what is due and reads what is there, until what was due is answered.
func (s *spin) loop(ctx context.Context) error {
	end := s.Warm + s.Length
	total := int(end.Seconds() * s.Rate)
	if s.Rate == 0 {
		for i := range s.streams {
			if err := s.send(&s.streams[i], 0); err != nil {
				return err
			}
		}
	}
	const patience = 10 * time.Second
	for n, answered := 0, 0; ; {
		now := time.Since(s.began)
		for ; n < total; n++ {
			due := time.Duration(float64(n) / s.Rate * float64(time.Second))
			if due > now {
				break
			}
			if err := s.send(&s.streams[n%len(s.streams)], due); err != nil {
				return err
			}
		}
		got, err := s.read()
		if err != nil {
			return err
		}
		answered += got
		switch {
		case s.Rate == 0 && now >= end, s.Rate > 0 && answered >= total:
			return nil
		case now > end+patience:
			return fmt.Errorf("%d of %d requests were answered", answered, total)
		case ctx.Err() != nil:
			return ctx.Err()
		}
	}
}

func (s *spin) send(c *stream, due time.Duration) error {
	c.due = append(c.due, due)
	_, err := syscall.Write(c.fd, []byte(s.Request))
	return err
}

// read takes the answers that are there.
func (s *spin) read() (answered int, err error) {
	var ready [256]syscall.EpollEvent
	n, err := syscall.EpollWait(s.poll, ready[:], 0)
	if err != nil && !errors.Is(err, syscall.EINTR) {
		return 0, err
	}
	for _, e := range ready[:max(n, 0)] {
		c := s.byFD[e.Fd]
		n, err := syscall.Read(c.fd, s.space)
		switch {
		case errors.Is(err, syscall.EAGAIN) || errors.Is(err, syscall.EINTR):
			continue
		case err != nil:
			return answered, err
		case n == 0:
			return answered, errors.New("the server closed a connection")
		}
		got, err := s.take(c, s.space[:n], time.Since(s.began))
		if answered += got; err != nil {
			return answered, err
		}
	}
	return answered, nil
}

// take goes through what arrived on one connection at a time.
func (s *spin) take(c *stream, b []byte, now time.Duration) (answered int, err error) {
	if len(c.tail) > 0 {
		b = append(c.tail, b...)
	}
	for {
		size, refused, err := answerSize(b)
		if err != nil {
			return answered, err
		}
		if size == 0 || size > len(b) || len(c.due) == 0 {
			break
		}
		b = b[size:]
		answered++
		due := c.due[0]
		c.due = c.due[1:]
		switch counts := now >= s.Warm && (due >= s.Warm || s.Rate == 0); {
		case refused:
			s.refused++
		case counts:
			s.took = append(s.took, now-due)
		}
		if s.Rate == 0 {
			if err := s.send(c, now); err != nil {
				return answered, err
			}
		}
	}
	c.tail = append(c.tail[:0], b...)
	return answered, nil
}

var (
	headEnd  = []byte("\r\n\r\n")
	lengthIs = []byte("Content-Length: ")
)

// answerSize is the size of the answer that b begins with, 0 when its head is not whole yet. It knows 200s and 503s of
// HTTP and values of Redis.
func answerSize(b []byte) (size int, refused bool, err error) {
	if len(b) == 0 {
		return 0, false, nil
	}
	if b[0] == '$' {
		line, _, ok := bytes.Cut(b[1:], []byte("\r\n"))
		if !ok {
			return 0, false, nil
		}
		n, err := strconv.Atoi(string(line))
		return 1 + len(line) + 2 + n + 2, false, err
	}
	head := bytes.Index(b, headEnd)
	if head < 0 {
		return 0, false, nil
	}
	refused = bytes.HasPrefix(b, []byte("HTTP/1.1 503 "))
	if !refused && !bytes.HasPrefix(b, []byte("HTTP/1.1 200 ")) {
		return 0, false, fmt.Errorf("answered %.100q", b)
	}
	_, after, ok := bytes.Cut(b[:head], lengthIs)
	if !ok {
		return 0, false, fmt.Errorf("no Content-Length: %.300q", b[:head])
	}
	line, _, _ := bytes.Cut(after, []byte("\r\n"))
	n, err := strconv.Atoi(string(line))
	return head + len(headEnd) + n, refused, err
}
