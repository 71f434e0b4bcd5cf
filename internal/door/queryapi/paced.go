package queryapi

import (
	"net"
	"sync/atomic"
	"time"
)

// slack is by how much a deadline may be early. Moving one costs a timer's lock and asking the clock
// costs too; with fasthttp's own timeouts both happened three times a read, a twentieth of its price.
// Nobody needs 60 s to be exact.
const slack = 2 * time.Second

// pacedListener accepts connections that keep their deadlines themselves; fasthttp has no timeouts.
type pacedListener struct {
	net.Listener
	// patience is writeWithin, but for tests.
	patience *time.Duration
}

func (l pacedListener) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	p := &pacedConn{Conn: c, patience: *l.patience}
	return p, p.move(time.Now())
}

// pacedConn gives a client readWithin from one answer to the whole of its next request, and patience
// to take each part of an answer; both may be up to slack less. Whoever sets a deadline takes over:
// a feed has its own.
type pacedConn struct {
	net.Conn
	patience time.Duration
	moved    time.Time
	taken    atomic.Bool // a feed writes from a goroutine beside the server's
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
	if err := c.Conn.SetReadDeadline(now.Add(readWithin)); err != nil {
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
