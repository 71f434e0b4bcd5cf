package queryapi

import (
	"context"
	"io"
	"net"
	"slices"
	"sync/atomic"
)

// The fast lane: a connection answers plain reads of resident rooms itself, before the HTTP server sees
// them. A general server reads a request into a dozen fields and writes an answer header by header; that
// is a fifth of what a read costs here, and all that is not the kernel's or Go's. ADR 0023 has the figures.
//
// The lane is a net.Conn. The server calls Read when it wants its next request: what of the bytes is a
// plain read is answered and gone, anything else is the server's as before, one request after the other.
// So that both agree where a request ends, the server is given one whole head at a time, and only heads
// that leave no choice; at the first that does not, the lane steps aside for the rest of the connection.

// flushFrom is how much is gathered of the answers to pipelined requests before it is sent.
const flushFrom = 64 << 10

// laneListener accepts connections with a fast lane.
type laneListener struct {
	pacedListener
	door *HTTP
}

func (l laneListener) Accept() (net.Conn, error) {
	c, err := l.pacedListener.Accept()
	if err != nil {
		return nil, err
	}
	return newLane(c.(*pacedConn), l.door), nil
}

// lane is one connection. The server reads it from one goroutine at a time.
type lane struct {
	*pacedConn
	door *HTTP
	// aside: everything is the server's from here on.
	aside bool
	// behind holds what was read behind a head that the server was given: pipelined requests, from the byte at.
	behind []byte
	at     int
	state  atomic.Int32
	// forget ends the wait for the server's stop.
	forget func() bool
}

// States of a lane. Who stops the server must know which connections are idle, as it waits for the others;
// the server knows it only of those that it has answered itself.
const (
	laneServers   int32 = iota // new, or the server has a request of it
	laneIdle                   // between a request that was answered here and the next
	laneAnswering              // a request is being answered here
	laneClosed
)

func newLane(c *pacedConn, door *HTTP) *lane {
	l := &lane{pacedConn: c, door: door}
	l.forget = context.AfterFunc(door.serving, l.stop)
	return l
}

// Read returns bytes of requests that the lane does not answer. When there are none, and no more will come, it
// says EOF whatever the reason is: with anything else the server would answer a request that nobody has sent,
// or go on behind an answer of which the client took half.
func (c *lane) Read(b []byte) (int, error) {
	n := 0 // bytes of b that are not dealt with
	for !c.aside {
		got, err := c.next(b[n:])
		if n += got; err != nil {
			c.aside = true // the server has what there is, then asks again and hears why there is no more
			return c.served(n)
		}
		done, given, err := c.answer(b[:n])
		if err != nil {
			return 0, io.EOF
		}
		n = copy(b, b[done:n])
		switch {
		case given > 0:
			c.unread(b[given:n])
			return c.served(given)
		case n == len(b): // too large; the server says so
			c.aside = true
		}
		if c.aside {
			return c.served(n)
		}
	}
	return c.next(b)
}

// served leaves n bytes to the server.
func (c *lane) served(n int) (int, error) {
	if n == 0 {
		return 0, io.EOF
	}
	c.state.CompareAndSwap(laneIdle, laneServers)
	return n, nil
}

// next reads on.
func (c *lane) next(b []byte) (int, error) {
	if c.at < len(c.behind) {
		n := copy(b, c.behind[c.at:])
		c.at += n
		return n, nil
	}
	c.behind, c.at = nil, 0
	return c.pacedConn.Read(b)
}

// unread gives back the last bytes that next returned. What came from behind is still there.
func (c *lane) unread(b []byte) {
	if c.at >= len(b) {
		c.at -= len(b)
		return
	}
	c.behind, c.at = slices.Concat(b, c.behind[c.at:]), 0
}

// answer answers the plain requests that b begins with, and says how many bytes those were. The head that
// follows is the server's when given, its size, is not 0.
func (c *lane) answer(b []byte) (done, given int, err error) {
	var s *space
	defer func() {
		if s != nil {
			err = c.answered(s, err)
		}
	}()
	for done < len(b) {
		r, is := readHead(b[done:])
		refused := c.refuses(&r, is)
		if (is == plainHead || refused) && s == nil {
			if !c.answering() {
				return done, 0, net.ErrClosed
			}
			s = c.door.space.get()
		}
		switch {
		case refused:
			s.out, is = c.door.appendRefusal(s.out, r.isHead), plainHead
		case is == plainHead && !c.door.plain(s, &r):
			is = wholeHead
		}
		switch is {
		case wholeHead:
			return done, r.size, nil
		case oddHead:
			c.aside = true
			return done, 0, nil
		case partHead:
			return done, 0, nil
		}
		done += r.size
		if len(s.out) >= flushFrom {
			_, err = c.Write(s.out)
			if s.out = s.out[:0]; err != nil {
				return done, 0, err
			}
		}
	}
	return done, 0, nil
}

// answering takes the connection; false when it was closed meanwhile.
func (c *lane) answering() bool {
	return c.state.CompareAndSwap(laneIdle, laneAnswering) || c.state.CompareAndSwap(laneServers, laneAnswering)
}

// answered writes what is left, unless err says that nobody reads, and lets the connection go.
func (c *lane) answered(s *space, err error) error {
	if err == nil && len(s.out) > 0 {
		_, err = c.Write(s.out)
	}
	c.door.space.put(s)
	if !c.state.CompareAndSwap(laneAnswering, laneIdle) {
		return net.ErrClosed // and whoever gets that closes the connection
	}
	return err
}

// Close closes the connection, when the answer that is being written is out. A server that stops closes
// connections that it knows to be idle, and it does not know of the lane's answers.
func (c *lane) Close() error {
	c.forget()
	if c.state.CompareAndSwap(laneAnswering, laneClosed) {
		return nil // Read says EOF, and the server closes it again
	}
	c.state.Store(laneClosed)
	return c.pacedConn.Close()
}

// stop closes the connection if it is idle, or as soon as it will be. One that waits for its first answer, or
// for the server's, is the server's to close.
func (c *lane) stop() {
	for is := c.state.Load(); is == laneIdle || is == laneAnswering; is = c.state.Load() {
		if !c.state.CompareAndSwap(is, laneClosed) {
			continue
		}
		if is == laneIdle {
			_ = c.pacedConn.Close()
		}
		return
	}
}

// detach is detacher.
func (c *lane) detach() net.Conn {
	c.forget()
	return c.pacedConn.detach()
}
