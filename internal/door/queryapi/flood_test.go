package queryapi

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"os"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/greenroomlive/greenroom/internal/core/fault"
	"github.com/greenroomlive/greenroom/internal/guard/shed"
)

// TestASlowLorisIsCut: whoever sends his request byte by byte has the time of one request, not of each byte.
func TestASlowLorisIsCut(t *testing.T) {
	ln := local(t)
	s := NewHTTP(crowded(t), ln)
	s.reading = 200 * time.Millisecond
	serve(t, s.Run)
	const lorises = 50
	ended := make(chan error, lorises)
	for range lorises {
		c := call(t, ln.Addr())
		go func() { ended <- dribble(c.conn) }()
	}
	if resp, _ := call(t, ln.Addr()).ask(hotTarget); resp.StatusCode != http.StatusOK {
		t.Errorf("beside them one is answered %d", resp.StatusCode)
	}
	for range lorises {
		if err := <-ended; err != nil {
			t.Error(err)
		}
	}
}

// dribble sends a byte of a head that never ends every few milliseconds, until it is cut.
func dribble(conn net.Conn) error {
	_ = conn.SetDeadline(time.Now().Add(20 * time.Second))
	if _, err := io.WriteString(conn, "GET "+hotTarget+" HTTP/1.1\r\nHost: localhost\r\nX-Slow: "); err != nil {
		return err
	}
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for {
		<-tick.C
		if _, err := conn.Write([]byte{'z'}); err != nil {
			if errors.Is(err, os.ErrDeadlineExceeded) {
				return errors.New("a loris is still there after 20 s")
			}
			return nil
		}
	}
}

// TestAnEndlessHeadIsRefused: after maxHead bytes nothing more is read.
func TestAnEndlessHeadIsRefused(t *testing.T) {
	ln := local(t)
	serve(t, NewHTTP(crowded(t), ln).Run)
	c := call(t, ln.Addr())
	sent := 0
	_ = c.conn.SetWriteDeadline(time.Now().Add(10 * time.Second))
	if _, err := io.WriteString(c.conn, "GET "+hotTarget+" HTTP/1.1\r\nHost: localhost\r\n"); err != nil {
		t.Fatal(err)
	}
	line := []byte("X-More: " + strings.Repeat("z", 1014) + "\r\n")
	for err := error(nil); err == nil && sent < 64<<20; sent += len(line) {
		_, err = c.conn.Write(line)
	}
	if sent >= 64<<20 {
		t.Error("64 MB of headers were taken")
	}
	// The answer may be lost when the server closes on bytes it has not read; if it is there, it says why.
	if said, _ := io.ReadAll(c.answers); len(said) > 0 && !bytes.Contains(said, []byte(fault.TooLarge.Name)) {
		t.Errorf("answered %s", said)
	}
}

// TestAPipelinedFloodStarvesNobody: connections that always have more to read leave others their turn.
func TestAPipelinedFloodStarvesNobody(t *testing.T) {
	if runtime.GOMAXPROCS(0) == 1 {
		t.Skip("the floods of this process would starve its polite client themselves")
	}
	ln := local(t)
	serve(t, NewHTTP(crowded(t), ln).Run)
	var flooded atomic.Int64
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan struct{})
	floods := 2 * runtime.GOMAXPROCS(0)
	for range floods {
		c := call(t, ln.Addr())
		batch := bytes.Repeat([]byte("GET "+hotTarget+" HTTP/1.1\r\nHost: a\r\n\r\n"), 400)
		context.AfterFunc(ctx, func() { _ = c.conn.Close() })
		go func() {
			defer func() { ended <- struct{}{} }()
			for err := error(nil); err == nil; {
				_, err = c.conn.Write(batch)
			}
		}()
		go func() {
			defer func() { ended <- struct{}{} }()
			read := make([]byte, 256<<10)
			for {
				n, err := c.conn.Read(read)
				flooded.Add(int64(bytes.Count(read[:n], []byte("HTTP/1.1 200"))))
				if err != nil {
					return
				}
			}
		}()
	}
	eventually(t, "the flood", func() bool { return flooded.Load() > 20_000 })
	polite := call(t, ln.Addr())
	const wanted = 300
	before := flooded.Load()
	for range wanted {
		if resp, _ := polite.ask(hotTarget); resp.StatusCode != http.StatusOK {
			t.Errorf("answered %d", resp.StatusCode)
		}
	}
	// A turn of each flood is what one read holds, some 300 requests; machines that do other things too, and
	// the clients in this process, make it more.
	if perAnswer, most := (flooded.Load()-before)/wanted, int64(10*300*floods); perAnswer > most {
		t.Errorf("%d answers to %d floods for one to the polite client, want at most %d", perAnswer, floods, most)
	}
	stop()
	for range 2 * floods {
		<-ended
	}
}

// TestWhoSendsManyAtOnceLetsOthersGoBefore is the pause behind the test above, exactly.
func TestWhoSendsManyAtOnceLetsOthersGoBefore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		one := []byte("GET " + hotTarget + " HTTP/1.1\r\nHost: localhost\r\n\r\n")
		w := &socket{}
		c := &pacedConn{Conn: w}
		buffer := make([]byte, maxHead)
		read := func(requests int) (waited time.Duration) {
			t.Helper()
			w.says = append(w.says, bytes.Repeat(one, requests))
			began := time.Now()
			if n, err := c.Read(buffer); err != nil || n != requests*len(one) {
				t.Fatal(n, err)
			}
			return time.Since(began)
		}
		for i, step := range []struct {
			requests int
			waited   time.Duration // before they are read
		}{{1, 0}, {pipelined, 0}, {pipelined + 1, 0}, {1, afterPipelined}, {1, 0}} {
			if waited := read(step.requests); waited != step.waited {
				t.Errorf("read %d waited %v, want %v", i, waited, step.waited)
			}
		}
		// A long head is one request, however long.
		w.says = append(w.says, bytes.Repeat([]byte("7345120812338774016,"), 1000))
		if _, err := c.Read(buffer); err != nil || c.hold != 0 {
			t.Errorf("a long list of rooms makes its client wait %v (%v)", c.hold, err)
		}
	})
}

// TestAHoldEndsWithTheServer: nobody who is held keeps the process from stopping.
func TestAHoldEndsWithTheServer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		stopping := make(chan struct{})
		c := &pacedConn{Conn: &socket{says: [][]byte{{'x'}}}, hold: shed.RetryAfter, stopping: stopping}
		time.AfterFunc(shed.RetryAfter/2, func() { close(stopping) })
		began := time.Now()
		if _, err := c.Read(make([]byte, 1)); err != nil || time.Since(began) != shed.RetryAfter/2 {
			t.Errorf("read after %v: %v", time.Since(began), err)
		}
	})
}
