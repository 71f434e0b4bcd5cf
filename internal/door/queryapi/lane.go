package queryapi

import (
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
	return &lane{pacedConn: c.(*pacedConn), door: l.door}, nil
}

// lane is one connection. The server reads it from one goroutine at a time.
type lane struct {
	*pacedConn
	door *HTTP
	// aside: everything is the server's from here on.
	aside bool
	// behind is what was read behind a head that the server was given: pipelined requests.
	behind []byte
	state  atomic.Int32
}

// States of a lane.
const (
	laneIdle int32 = iota
	laneAnswering
	laneClosed
)

// Read returns bytes of requests that the lane does not answer.
func (c *lane) Read(b []byte) (int, error) {
	n := 0 // bytes of b that are not dealt with
	for !c.aside {
		got, err := c.next(b[n:])
		if n += got; err != nil {
			c.aside = true // the server has what there is, then asks again and hears why there is no more
			if n > 0 {
				return n, nil
			}
			return 0, err
		}
		done, given, err := c.answer(b[:n])
		if err != nil {
			return 0, err
		}
		n = copy(b, b[done:n])
		switch {
		case given > 0:
			if given < n {
				c.behind = slices.Concat(b[given:n], c.behind)
			}
			return given, nil
		case n == len(b): // too large; the server says so
			c.aside = true
		}
		if c.aside {
			return n, nil
		}
	}
	return c.next(b)
}

// next reads on.
func (c *lane) next(b []byte) (int, error) {
	if len(c.behind) > 0 {
		n := copy(b, c.behind)
		c.behind = c.behind[n:]
		return n, nil
	}
	return c.pacedConn.Read(b)
}

// answer answers the plain requests that b begins with, and says how many bytes those were. The head that
// follows is the server's when given, its size, is not 0.
func (c *lane) answer(b []byte) (done, given int, err error) {
	var s *space
	defer func() {
		if s == nil {
			return
		}
		if err == nil {
			_, err = c.Write(s.out)
		}
		c.door.space.put(s)
		if !c.state.CompareAndSwap(laneAnswering, laneIdle) {
			err = net.ErrClosed // and whoever gets that closes the connection
		}
	}()
	for done < len(b) {
		r, is := readHead(b[done:])
		refused := c.refuses(&r, is)
		if (is == plainHead || refused) && s == nil {
			if !c.state.CompareAndSwap(laneIdle, laneAnswering) {
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

// Close closes the connection, when the answer that is being written is out. A server that stops closes
// connections that it knows to be idle, and it does not know of the lane's answers.
func (c *lane) Close() error {
	if c.state.CompareAndSwap(laneAnswering, laneClosed) {
		return nil // Read returns an error, and the server closes it again
	}
	c.state.Store(laneClosed)
	return c.pacedConn.Close()
}
