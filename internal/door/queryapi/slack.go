package queryapi

import (
	"errors"
	"net"
	"sync/atomic"
	"time"
)

// slack is by how much a deadline may be early. Moving a deadline costs a timer's lock; three
// moves per request are a measurable part of a read, and nobody needs 60 s to be exact.
const slack = 2 * time.Second

// slackListener accepts connections that move their deadlines rarely.
type slackListener struct{ net.Listener }

func (l slackListener) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	return &slackConn{Conn: c}, nil
}

// slackConn leaves a deadline that is at most slack before the one asked for.
type slackConn struct {
	net.Conn
	read, write deadline
}

// deadline is the one that is set, in Unix nanoseconds; 0 for none. Atomic, since a stream's writer
// and fasthttp both set it.
type deadline struct{ at atomic.Int64 }

func (c *slackConn) SetReadDeadline(t time.Time) error {
	return c.read.move(t, c.Conn.SetReadDeadline)
}

func (c *slackConn) SetWriteDeadline(t time.Time) error {
	return c.write.move(t, c.Conn.SetWriteDeadline)
}

func (c *slackConn) SetDeadline(t time.Time) error {
	return errors.Join(c.SetReadDeadline(t), c.SetWriteDeadline(t))
}

func (d *deadline) move(t time.Time, set func(time.Time) error) error {
	var asked int64
	if !t.IsZero() {
		asked = t.UnixNano()
	}
	now := d.at.Load()
	early := time.Duration(asked - now)
	if asked == now || (now != 0 && asked != 0 && early > 0 && early < slack) {
		return nil
	}
	d.at.Store(asked)
	return set(t)
}
