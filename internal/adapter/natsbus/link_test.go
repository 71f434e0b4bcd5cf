package natsbus_test

import (
	"net"
	"sync"
)

// link is a TCP proxy that can be cut.
type link struct {
	net.Listener
	to []string

	mu    sync.Mutex
	isCut bool
	open  map[net.Conn]bool
	all   sync.WaitGroup
}

func newLink(to []string) (*link, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	k := &link{Listener: l, to: to, open: map[net.Conn]bool{}}
	k.all.Go(k.accept)
	return k, nil
}

func (l *link) addr() string { return l.Addr().String() }

func (l *link) accept() {
	for {
		in, err := l.Accept()
		if err != nil {
			return
		}
		l.all.Go(func() { l.carry(in) })
	}
}

// carry joins a connection with the first server that takes one.
func (l *link) carry(in net.Conn) {
	defer func() { _ = in.Close() }()
	if !l.keep(in) {
		return
	}
	defer l.drop(in)
	for _, addr := range l.to {
		out, err := net.Dial("tcp", addr)
		if err != nil {
			continue
		}
		defer func() { _ = out.Close() }()
		if !l.keep(out) {
			return
		}
		defer l.drop(out)
		l.all.Go(func() { pour(out, in) })
		pour(in, out)
		return
	}
}

// pour copies until either end closes, and closes both.
func pour(to, from net.Conn) {
	buf := make([]byte, 32<<10)
	for {
		n, err := from.Read(buf)
		if _, failed := to.Write(buf[:n]); err != nil || failed != nil {
			_ = to.Close()
			_ = from.Close()
			return
		}
	}
}

func (l *link) keep(c net.Conn) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.open[c] = true
	return !l.isCut
}

func (l *link) drop(c net.Conn) {
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.open, c)
}

func (l *link) cut() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.isCut = true
	for c := range l.open {
		_ = c.Close()
	}
}

func (l *link) heal() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.isCut = false
}

func (l *link) close() {
	_ = l.Close()
	l.cut()
	l.all.Wait()
}
