package queryapi

import (
	"errors"
	"fmt"
	"log/slog"
	"net"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/greenroomlive/greenroom/internal/core/fault"
)

// refuseWithin bounds what a connection that is refused costs the others that wait to be accepted:
// a few hundred bytes into an empty socket buffer do not wait at all.
const refuseWithin = 100 * time.Millisecond

// acceptAgain is the pause after the process or the machine had no descriptor left for a connection. One closes
// somewhere sooner or later, and the clients wait in the kernel; for the server it would be the end.
const acceptAgain = 20 * time.Millisecond

// boundedListener hands out at most max connections at a time. Those beyond are closed at once,
// after refuse (may be nil) told them why.
type boundedListener struct {
	net.Listener
	max    int64
	refuse func(net.Conn)
	log    *slog.Logger

	open  atomic.Int64
	short bool // of descriptors, as was logged
}

func (l *boundedListener) Accept() (net.Conn, error) {
	for {
		c, err := l.Listener.Accept()
		if shortage(err) {
			if !l.short {
				l.log.Error("connections wait", slog.String("error", err.Error()))
			}
			l.short = true
			<-time.After(acceptAgain)
			continue
		}
		if err != nil {
			return nil, err
		}
		l.short = false
		if l.open.Add(1) <= l.max {
			return &boundedConn{Conn: c, open: &l.open}, nil
		}
		l.open.Add(-1)
		if l.refuse != nil {
			l.refuse(c)
		}
		_ = c.Close()
	}
}

func shortage(err error) bool {
	return errors.Is(err, syscall.EMFILE) || errors.Is(err, syscall.ENFILE) || errors.Is(err, syscall.ENOBUFS) || errors.Is(err, syscall.ENOMEM)
}

// boundedConn gives its place back when it is closed; servers close a connection more than once.
type boundedConn struct {
	net.Conn
	open   *atomic.Int64
	closed atomic.Bool
}

func (c *boundedConn) Close() error {
	if c.closed.CompareAndSwap(false, true) {
		c.open.Add(-1)
	}
	return c.Conn.Close()
}

// detach is detacher: who is given the connection answers for it, and its place here is free.
func (c *boundedConn) detach() net.Conn {
	if c.closed.CompareAndSwap(false, true) {
		c.open.Add(-1)
	}
	return c.Conn
}

// refuseHTTP answers before there is a request: the connection itself is one too many.
func refuseHTTP(c net.Conn) {
	refuseWith(c, fault.Overloaded.New("%d connections are open already", maxConns))
}

func refuseWith(c net.Conn, why error) {
	f := fault.Of(why)
	body := f.Envelope(requestID(""))
	_ = c.SetWriteDeadline(time.Now().Add(refuseWithin))
	_, _ = fmt.Fprintf(c, "HTTP/1.1 %d Too Many Requests\r\nContent-Type: application/json\r\nContent-Length: %d\r\n"+
		"Retry-After: 1\r\nCache-Control: no-store\r\nConnection: close\r\n\r\n%s", f.Code.HTTP, len(body), body)
}
