package queryapi

import (
	"errors"
	"fmt"
	"net"
	"syscall"
	"time"

	"github.com/greenroomlive/greenroom/internal/flow/feed"
	"github.com/greenroomlive/greenroom/internal/guard/limit"
)

// socketBuffer bounds, in bytes, what the kernel holds for a follower that does not read: some fifty
// events. Left alone it would let each grow to megabytes, and twenty thousand to all memory there is.
const socketBuffer = 64 << 10

// follower is one client of the feed: a place in it and a connection. What it has not been sent yet
// lies in the feed, which all share; nothing is kept for it.
type follower struct {
	feed.Watcher
	shape shape
	conn  *net.TCPConn
	raw   syscall.RawConn
	group *group
	// rest is what did not fit of the last thing that was written: part of a frame that all share.
	rest []byte
	// since is when it last took something while more was waiting.
	since     time.Time
	requestID string
	// place is its client's, held until it leaves; nil when nobody counts.
	place *limit.Place
}

// shape is the form in which a follower gets its events.
type shape struct {
	sse bool
	// beat is after how many seconds a heartbeat comes; 0 is the default: none, but a comment in a
	// quiet event stream.
	beat int
}

func (s shape) contentType() string {
	if s.sse {
		return "text/event-stream"
	}
	return "application/x-ndjson"
}

// opening is what precedes the first event.
func (s shape) opening() string {
	if s.sse {
		return "retry: 1000\n\n"
	}
	return ""
}

func (s shape) frame(f *feed.Frame) []byte {
	if s.sse {
		return f.Message()
	}
	return f.Line()
}

// fault is the last that a client is told, after its status was sent long ago.
func (s shape) fault(envelope []byte) []byte {
	if s.sse {
		return fmt.Appendf(nil, "event: error\ndata: %s\n", envelope) // an envelope ends its line
	}
	return envelope
}

// detacher is a connection around another one, for as long as it is the server's.
type detacher interface {
	// detach gives the inner connection away; the outer one is not used any more.
	detach() net.Conn
}

// take makes the connection the follower's own, without what was wrapped around it for requests.
func (f *follower) take(c net.Conn) error {
	for {
		switch on := c.(type) {
		case detacher:
			c = on.detach()
		case *clientConn:
			if on.place != nil { // else it is a proxy's, and the place that of who stands behind it
				f.place = on.place
			}
			c = on.Conn
		case *net.TCPConn:
			f.conn = on
			raw, err := on.SyscallConn()
			f.raw = raw
			return err
		default:
			return fmt.Errorf("queryapi: a feed cannot be pushed into a %T", c)
		}
	}
}

// sender writes to sockets without waiting. For one goroutine; what it calls back is bound once, so
// that a write allocates nothing.
type sender struct {
	bytes     []byte
	n         int
	err       error
	one       [1]byte
	write     func(fd uintptr) bool
	readCheck func(fd uintptr) bool
}

func newSender() *sender {
	s := &sender{}
	s.write = func(fd uintptr) bool {
		s.n, s.err = syscall.Write(int(fd), s.bytes)
		return true // whatever came of it: do not wait
	}
	s.readCheck = func(fd uintptr) bool {
		s.n, s.err = syscall.Read(int(fd), s.one[:])
		return true
	}
	return s
}

// send writes what fits into the socket's buffer and returns how much that is. An error means that the
// client is gone.
func (s *sender) send(to syscall.RawConn, b []byte) (int, error) {
	s.bytes = b
	err := to.Write(s.write)
	s.bytes = nil
	if err != nil {
		return 0, err
	}
	if s.err != nil {
		if notNow(s.err) {
			return 0, nil
		}
		return 0, s.err
	}
	return s.n, nil
}

// left reports whether the client has gone. It has nothing more to say here: whatever arrives, or the
// end, ends the feed.
func (s *sender) left(from syscall.RawConn) bool {
	err := from.Read(s.readCheck)
	return err != nil || !notNow(s.err)
}

func notNow(err error) bool { return errors.Is(err, syscall.EAGAIN) || errors.Is(err, syscall.EINTR) }
