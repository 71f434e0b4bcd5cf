package queryapi

import (
	"bytes"
	"net"
	"net/netip"
	"sync/atomic"
	"time"

	"github.com/greenroomlive/greenroom/internal/guard/limit"
	"github.com/greenroomlive/greenroom/internal/guard/shed"
)

// slack is by how much a deadline may be early. Moving one costs a timer's lock and asking the clock
// costs too; with fasthttp's own timeouts both happened three times a read, a twentieth of its price.
// Nobody needs 60 s to be exact.
const slack = 2 * time.Second

// A connection that sends more than pipelined requests in one piece has to let others go before. A goroutine
// that always finds more to read never waits, and the runtime asks the kernel who else is ready only when
// nobody runs: without a pause one such connection halts all others for 10 ms at a time.
const (
	pipelined = 64
	// afterPipelined is as short as a pause can be; the runtime makes it a millisecond when it is idle.
	afterPipelined = 50 * time.Microsecond
	// A request is no shorter: a piece of fewer bytes cannot hold so many, and is not searched.
	leastRequest = len("GET /v1/rooms/1 HTTP/1.1\r\nHost: a\r\n\r\n")
)

var endOfHead = []byte("\r\n\r\n")

// pacedListener accepts connections that keep their deadlines themselves; fasthttp has no timeouts.
type pacedListener struct {
	net.Listener
	door *HTTP
}

func (l pacedListener) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	p := &pacedConn{
		Conn: c, patience: l.door.patience, reading: l.door.reading,
		peer: limit.Peer(c.RemoteAddr()), stopping: l.door.serving.Done(),
	}
	return p, p.move(time.Now())
}

// pacedConn gives a client readWithin from one answer to the whole of its next request, and patience
// to take each part of an answer; both may be up to slack less. Whoever sets a deadline takes over:
// a feed has its own.
type pacedConn struct {
	net.Conn
	patience time.Duration
	reading  time.Duration
	moved    time.Time
	taken    atomic.Bool // a feed writes from a goroutine beside the server's

	peer     netip.Addr
	stopping <-chan struct{} // ends every hold
	// hold is how long to leave the client unread, record how it took its refusals, and decided that the fast
	// lane let the request in that the server is about to see. All belong to the goroutine that reads.
	hold    time.Duration
	record  shed.Record
	decided bool
}

// Read waits out the hold first. What the client sends meanwhile lies in its socket, and when that is full, with
// the client.
func (c *pacedConn) Read(b []byte) (int, error) {
	if c.hold > 0 {
		c.wait(c.hold)
		c.hold = 0
	}
	n, err := c.Conn.Read(b)
	if n > pipelined*leastRequest && bytes.Count(b[:n], endOfHead) > pipelined {
		c.hold = afterPipelined
	}
	return n, err
}

func (c *pacedConn) wait(d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
	case <-c.stopping:
	}
}

func (c *pacedConn) Write(b []byte) (int, error) {
	if !c.taken.Load() {
		if now := time.Now(); now.Sub(c.moved) >= min(slack, c.patience/2) {
			if err := c.move(now); err != nil {
				return 0, err
			}
		}
	}
	return c.Conn.Write(b)
}

func (c *pacedConn) move(now time.Time) error {
	c.moved = now
	if err := c.Conn.SetReadDeadline(now.Add(c.reading)); err != nil {
		return err
	}
	return c.Conn.SetWriteDeadline(now.Add(c.patience))
}

// detach is detacher.
func (c *pacedConn) detach() net.Conn { return c.Conn }

// SetReadDeadline is net.Conn.
func (c *pacedConn) SetReadDeadline(t time.Time) error {
	c.taken.Store(true)
	return c.Conn.SetReadDeadline(t)
}

// SetWriteDeadline is net.Conn.
func (c *pacedConn) SetWriteDeadline(t time.Time) error {
	c.taken.Store(true)
	return c.Conn.SetWriteDeadline(t)
}

// allowWrite gives the next part of a long answer its own time; a client that does not take it is cut.
func (s *HTTP) allowWrite(c net.Conn) {
	_ = c.SetWriteDeadline(time.Now().Add(s.patience))
}
