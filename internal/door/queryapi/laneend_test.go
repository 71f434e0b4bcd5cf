package queryapi

import (
	"bytes"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"
)

// silence fails when anything comes before the end of the connection.
func (c *caller) silence(why string) {
	c.Helper()
	_ = c.conn.SetReadDeadline(time.Now().Add(10 * time.Second))
	if said, err := io.ReadAll(c.answers); err != nil || len(said) > 0 {
		c.Errorf("%s was told %q, %v", why, said, err)
	}
}

// TestWhoHasAskedNothingIsToldNothing when its time is up: a proxy would take it for the answer to the request
// that it sends at that moment.
func TestWhoHasAskedNothingIsToldNothing(t *testing.T) {
	ln := local(t)
	s := NewHTTP(crowded(t), ln)
	s.reading = 500 * time.Millisecond
	serve(t, s.Run)
	silent := call(t, ln.Addr())
	answered := call(t, ln.Addr())
	if resp, _ := answered.ask(hotTarget); resp.StatusCode != http.StatusOK {
		t.Fatalf("answered %d", resp.StatusCode)
	}
	answered.silence("who was answered by the lane")
	silent.silence("who never asked")
	begun := call(t, ln.Addr())
	if _, err := io.WriteString(begun.conn, "GET "+hotTarget); err != nil {
		t.Fatal(err)
	}
	if resp, body := begun.answer(); resp.StatusCode != http.StatusGatewayTimeout {
		t.Errorf("half a request was answered %d %s", resp.StatusCode, body)
	}
}

// TestAnsweredConnectionsEndWithTheServer, as those do that the HTTP server knows to be idle.
func TestAnsweredConnectionsEndWithTheServer(t *testing.T) {
	ln := local(t)
	s := NewHTTP(crowded(t), ln)
	serve(t, s.Run)
	byLane, byServer := call(t, ln.Addr()), call(t, ln.Addr())
	for range 2 {
		byLane.ask(hotTarget)
		byServer.ask("/healthz")
	}
	byServer.ask(hotTarget)
	theirs := call(t, ln.Addr())
	theirs.ask("/healthz")
	s.stop() // and no more: the lane needs nobody to tell it
	byLane.silence("a connection of the lane's")
	byServer.silence("a connection of both")
	if resp, _ := theirs.ask(hotTarget); resp.StatusCode != http.StatusOK {
		t.Errorf("a connection of the server's is answered %d", resp.StatusCode)
	}
}

// choked is a socket that takes part of the first write, and everything after it.
type choked struct {
	socket
	writes int
}

func (c *choked) Write(b []byte) (int, error) {
	if c.writes++; c.writes == 1 {
		n, _ := c.socket.Write(b[:100])
		return n, os.ErrDeadlineExceeded
	}
	return c.socket.Write(b)
}

// TestNothingFollowsHalfAnAnswer: the rest of it would be taken for its body.
func TestNothingFollowsHalfAnAnswer(t *testing.T) {
	s := laneServer(9, 0)
	defer s.stop()
	w := &choked{socket: socket{says: [][]byte{[]byte(requests[0])}}}
	_ = s.server.ServeConn(newLane(&pacedConn{Conn: w, patience: time.Hour, moved: time.Now()}, s))
	if w.heard.Len() != 100 {
		t.Errorf("%q", w.heard.Bytes())
	}
}

// TestNothingFollowsTheLastAnswer of a server that stops.
func TestNothingFollowsTheLastAnswer(t *testing.T) {
	s := laneServer(9, 0)
	defer s.stop()
	w := &socket{says: [][]byte{[]byte(requests[0])}}
	c := laneOver(s, w)
	w.onWrite = func() { _ = c.Close() }
	_ = s.server.ServeConn(c)
	if got := answers(t, w.heard.Bytes()); len(got) != 1 || !strings.HasPrefix(got[0], "200") {
		t.Errorf("%s", got)
	}
}

func TestWhatIsNotTheLanesIsWrittenOnce(t *testing.T) {
	s := laneServer(9, 0)
	defer s.stop()
	w := &socket{says: [][]byte{[]byte("GET /healthz" + hosted + "\r\n"), []byte("GET /v1/rooms/10" + hosted + "\r\n")}}
	writes := 0
	w.onWrite = func() { writes++ }
	if _ = s.server.ServeConn(laneOver(s, w)); writes != 2 {
		t.Errorf("%d writes for 2 answers", writes)
	}
}

// TestWhoSaysThatItIsTheLastRequestIsBelieved, also by who refuses it.
func TestWhoSaysThatItIsTheLastRequestIsBelieved(t *testing.T) {
	ln, config := local(t), crowded(t)
	config.Admissions = crammed()
	serve(t, NewHTTP(config, ln).Run)
	for _, last := range []string{
		"GET /v1/live HTTP/1.0\r\nHost: localhost\r\n\r\n",
		"GET /v1/live" + hosted + "Connection: close\r\n\r\n",
	} {
		c := call(t, ln.Addr())
		if _, err := io.WriteString(c.conn, last+requests[0]); err != nil {
			t.Fatal(err)
		}
		resp, _ := c.answer()
		if resp.StatusCode != http.StatusServiceUnavailable || !resp.Close {
			t.Errorf("%q: %d, close %v", last, resp.StatusCode, resp.Close)
		}
		c.silence("who has ended its connection")
	}
}

// TestManyRequestsOfTheServersAreNotCopiedForEach: what is sent in one piece is kept in one piece.
func TestManyRequestsOfTheServersAreNotCopiedForEach(t *testing.T) {
	countable(t)
	s := laneServer(9, 0)
	defer s.stop()
	const theirs, plain = "GET /healthz" + hosted + "\r\n", 5
	all := []byte(strings.Repeat(theirs, 300) + strings.Repeat(requests[0], plain) + theirs[:20])
	rest := []byte(theirs[20:])
	w := &again{}
	c, b := newLane(&pacedConn{Conn: w, patience: time.Hour, moved: time.Now()}, s), make([]byte, maxHead)
	n := testing.AllocsPerRun(10, func() {
		w.said = all
		for range 300 {
			if n, err := c.Read(b); err != nil || string(b[:n]) != theirs {
				t.Fatalf("%q, %v", b[:n], err)
			}
			w.said = rest
		}
		if n, err := c.Read(b); err != nil || string(b[:n]) != theirs {
			t.Fatalf("%q, %v", b[:n], err)
		}
	})
	if n > 10 || len(c.behind) > 0 {
		t.Errorf("%v allocations, %d bytes left", n, len(c.behind))
	}
}

// exhausted is a listener of a process that has no file descriptor left, and then again.
type exhausted struct {
	net.Listener
	fails int
}

func (l *exhausted) Accept() (net.Conn, error) {
	if l.fails--; l.fails >= 0 {
		return nil, &net.OpError{Op: "accept", Err: os.NewSyscallError("accept4", syscall.EMFILE)}
	}
	return &socket{}, nil
}

// TestAShortageOfDescriptorsIsNotTheEnd: the followers of one node alone may be as many as there are.
func TestAShortageOfDescriptorsIsNotTheEnd(t *testing.T) {
	var log bytes.Buffer
	l := &boundedListener{Listener: &exhausted{fails: 2}, max: 1, log: slog.New(slog.NewTextHandler(&log, nil))}
	if c, err := l.Accept(); err != nil || c == nil || l.open.Load() != 1 {
		t.Errorf("%v, %v, %d open", c, err, l.open.Load())
	}
	if n := strings.Count(log.String(), "too many open files"); n != 1 {
		t.Errorf("the operator was told %d times: %s", n, log.String())
	}
	closed := local(t)
	_ = closed.Close()
	l = &boundedListener{Listener: closed, max: 1}
	if _, err := l.Accept(); !errors.Is(err, net.ErrClosed) {
		t.Errorf("a closed listener: %v", err)
	}
}

// TestBytesInBetweenAreInOrder: whichever way requests are cut and mixed, each answer belongs to the next request.
func TestBytesInBetweenAreInOrder(t *testing.T) {
	s := laneServer(9, 0)
	defer s.stop()
	said := []byte(strings.Repeat("GET /healthz"+hosted+"\r\n"+requests[0]+"OPTIONS /v1/rooms/5"+hosted+"\r\n"+requests[1], 30))
	want := answers(t, told(t, s, false, said))
	for _, size := range []int{1, 7, 61, 200, 1000, 4000} {
		if got := answers(t, told(t, s, true, slices.Collect(slices.Chunk(bytes.Clone(said), size))...)); !slices.Equal(got, want) {
			t.Errorf("in pieces of %d: %d answers, want %d", size, len(got), len(want))
		}
	}
}
