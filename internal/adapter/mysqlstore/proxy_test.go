package mysqlstore_test

import (
	"bytes"
	"io"
	"net"
	"strings"
	"sync"
	"testing"
)

// proxy stands between a store and the server, and may do something about what it carries.
type proxy struct {
	addr string

	mu sync.Mutex
	// on is asked about each packet to the server before it goes on; false: cut the store off, carry nothing back.
	// carry sends the packet on all the same, at any time.
	on    func(packet []byte, carry func()) bool
	conns []net.Conn
}

// newProxy carries until the test ends, and returns the DSN that leads through it.
func newProxy(t *testing.T, dsn string) (*proxy, string) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	p := &proxy{addr: l.Addr().String(), on: func([]byte, func()) bool { return true }}
	var all sync.WaitGroup
	all.Go(func() {
		for {
			store, err := l.Accept()
			if err != nil {
				return
			}
			engine, err := net.Dial("tcp", server.Addr)
			if err != nil {
				_ = store.Close()
				continue
			}
			p.mu.Lock()
			p.conns = append(p.conns, store, engine)
			p.mu.Unlock()
			all.Go(func() { p.there(store, engine) })
			all.Go(func() { _, _ = io.Copy(store, engine); _ = store.Close() })
		}
	})
	t.Cleanup(func() {
		_ = l.Close()
		p.mu.Lock()
		for _, c := range p.conns {
			_ = c.Close()
		}
		p.mu.Unlock()
		all.Wait()
	})
	return p, strings.Replace(dsn, server.Addr, p.addr, 1)
}

// there carries from the store to the server.
func (p *proxy) there(store, engine net.Conn) {
	buf := make([]byte, 64<<10)
	for {
		n, err := store.Read(buf)
		if err != nil {
			_ = engine.Close()
			return
		}
		packet := bytes.Clone(buf[:n])
		p.mu.Lock()
		on := p.on
		p.mu.Unlock()
		if !on(packet, func() { _, _ = engine.Write(packet) }) {
			_ = store.Close()
			return // the server's side stays open: it does not know
		}
		if _, err := engine.Write(packet); err != nil {
			_ = store.Close()
			return
		}
	}
}

// meddle sets what is done about packets.
func (p *proxy) meddle(on func(packet []byte, carry func()) bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.on = on
}

func isCommit(packet []byte) bool { return bytes.HasSuffix(packet, []byte("\x03COMMIT")) }

func isMark(packet []byte) bool { return bytes.Contains(packet, []byte("INSERT INTO written")) }
