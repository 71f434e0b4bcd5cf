package queryapi

import (
	"bufio"
	"bytes"
	"context"
	"net"
	"testing"
	"testing/synctest"
	"time"

	"github.com/greenroomlive/greenroom/internal/core/ident"
	"github.com/greenroomlive/greenroom/internal/flow/feed"
)

// blank is a feed table without rows.
type blank struct{}

func (blank) Frames(context.Context, ident.FeedSeq, int) ([]feed.Frame, error) { return nil, nil }
func (blank) Oldest(context.Context) (ident.FeedSeq, error)                    { return 1, nil }
func (blank) RoomFrames(context.Context, ident.RoomID, ident.FeedSeq, ident.FeedSeq, int) ([]feed.Frame, bool, error) {
	return nil, true, nil
}

func TestAQuietEventStreamStaysAlive(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := hotServer()
		hub := feed.New(feed.Config{Store: blank{}})
		hub.Advance(nil, 0)
		w, err := hub.Watch(t.Context(), 0, feed.Filter{})
		if err != nil {
			t.Fatal(err)
		}
		ours, clients := net.Pipe()
		var sent bytes.Buffer
		ended := make(chan struct{})
		go func() {
			defer close(ended)
			(&stream{server: s, watcher: w, conn: ours, sse: true}).run(bufio.NewWriter(&sent))
		}()
		time.Sleep(2*heartbeat + time.Second)
		_ = clients.Close() // and with the client the stream goes
		<-ended
		if want := "retry: 1000\n\n: still here\n\n: still here\n\n"; sent.String() != want {
			t.Errorf("sent %q", sent.String())
		}
		s.stop()
	})
}

// TestDeadlinesMoveWhenItMatters: a connection moves its deadlines with its answers, but not with each
// of them, and not at all once a feed has taken them over.
func TestDeadlinesMoveWhenItMatters(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		under := &deadlines{}
		c := &pacedConn{Conn: under, patience: writeWithin}
		began := time.Now()
		answer := func(after time.Duration) {
			t.Helper()
			time.Sleep(after)
			if _, err := c.Write([]byte("an answer")); err != nil {
				t.Fatal(err)
			}
		}
		answer(0)
		if want := began.Add(readWithin); !under.read.Equal(want) || !under.write.Equal(began.Add(writeWithin)) {
			t.Errorf("deadlines %v and %v, want %v and %v", under.read, under.write, want, began.Add(writeWithin))
		}
		answer(slack - 1)
		if under.moves != 1 {
			t.Errorf("%d moves, want one: the second answer came within the slack", under.moves)
		}
		answer(1)
		if want := time.Now().Add(readWithin); under.moves != 2 || !under.read.Equal(want) {
			t.Errorf("%d moves, to %v, want 2, to %v", under.moves, under.read, want)
		}
		_ = c.SetReadDeadline(time.Time{})
		answer(time.Minute)
		if under.moves != 3 || !under.read.IsZero() {
			t.Errorf("the deadline that was taken over was moved to %v", under.read)
		}
	})
}

// deadlines remembers what is set.
type deadlines struct {
	net.Conn
	read, write time.Time
	moves       int
}

func (d *deadlines) Write(b []byte) (int, error)         { return len(b), nil }
func (d *deadlines) SetWriteDeadline(at time.Time) error { d.write = at; return nil }
func (d *deadlines) SetReadDeadline(at time.Time) error {
	d.read = at
	d.moves++
	return nil
}
