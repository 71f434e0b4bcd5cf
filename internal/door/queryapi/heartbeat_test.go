package queryapi

import (
	"context"
	"io"
	"log/slog"
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

// quietly opens a feed at the end of an empty log, in a bubble, where the clock is the test's: sockets that
// are never waited for do not stop it.
func quietly(t *testing.T, as shape, proven func() (ident.FeedSeq, time.Time)) (*HTTP, net.Conn) {
	t.Helper()
	hub := feed.New(feed.Config{Store: blank{}, Proven: proven})
	hub.Advance(nil, 7)
	s := NewHTTP(Config{Feed: hub, Log: slog.New(slog.DiscardHandler)}, nil)
	w, err := hub.Watch(t.Context(), 7, feed.Filter{})
	if err != nil {
		t.Fatal(err)
	}
	ours, clients := pair(t)
	go s.push.run(s.serving)
	s.push.follow(s.serving, ours, &follower{Watcher: *w, shape: as}, []byte(as.opening()))
	return s, clients
}

// pair is a connection over the real network.
func pair(t *testing.T) (server, client net.Conn) {
	t.Helper()
	ln := local(t)
	defer ln.Close()
	client, err := net.Dial("tcp", ln.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = client.Close() })
	if server, err = ln.Accept(); err != nil {
		t.Fatal(err)
	}
	return server, client
}

func TestAQuietEventStreamStaysAlive(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, client := quietly(t, shape{sse: true}, nil)
		time.Sleep((2*quietFor + 2) * time.Second)
		s.stop()
		sent, err := io.ReadAll(client)
		if want := "retry: 1000\n\n: still here\n\n: still here\n\n"; err != nil || string(sent) != want {
			t.Errorf("sent %q, %v", sent, err)
		}
	})
}

// TestHeartbeatsProveHowFarAClientIs: a proof of a position that was not sent yet is not told.
func TestHeartbeatsProveHowFarAClientIs(t *testing.T) {
	for _, sse := range []bool{true, false} {
		synctest.Test(t, func(t *testing.T) {
			began := time.Now()
			s, client := quietly(t, shape{sse: sse, beat: 2}, func() (ident.FeedSeq, time.Time) {
				if since := time.Since(began); since > 5*time.Second {
					return 8, time.Now() // 8 has not come yet
				} else if since > 3*time.Second {
					return 7, began.Add(3 * time.Second)
				}
				return 0, time.Time{}
			})
			time.Sleep(7 * time.Second)
			s.stop()
			sent, err := io.ReadAll(client)
			want := "retry: 1000\n\n" +
				"id: 7\nevent: heartbeat\ndata: {\"feed_seq\":\"7\",\"proven_at\":null}\n\n" +
				"id: 7\nevent: heartbeat\ndata: {\"feed_seq\":\"7\",\"proven_at\":\"2000-01-01T00:00:03.000Z\"}\n\n" +
				"id: 7\nevent: heartbeat\ndata: {\"feed_seq\":\"7\",\"proven_at\":\"2000-01-01T00:00:03.000Z\"}\n\n"
			if !sse {
				want = `{"heartbeat":{"feed_seq":"7","proven_at":null}}` + "\n" +
					`{"heartbeat":{"feed_seq":"7","proven_at":"2000-01-01T00:00:03.000Z"}}` + "\n" +
					`{"heartbeat":{"feed_seq":"7","proven_at":"2000-01-01T00:00:03.000Z"}}` + "\n"
			}
			if err != nil || string(sent) != want {
				t.Errorf("sent %q, %v", sent, err)
			}
		})
	}
}

// TestAClientThatLeavesAQuietFeedIsNoticed although nothing is written to it.
func TestAClientThatLeavesAQuietFeedIsNoticed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, client := quietly(t, shape{}, nil)
		defer s.stop()
		time.Sleep(hearEvery * time.Second)
		if got := s.push.feeds.Load(); got != 1 {
			t.Fatalf("%d feeds", got)
		}
		_ = client.Close()
		time.Sleep((hearEvery + 1) * time.Second)
		if got := s.push.feeds.Load(); got != 0 {
			t.Errorf("%d feeds are followed by nobody", got)
		}
	})
}

// TestDeadlinesMoveWhenItMatters: a connection moves its deadlines with its answers, but not with each
// of them, and not at all once a feed has taken them over.
func TestDeadlinesMoveWhenItMatters(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		under := &deadlines{}
		c := &pacedConn{Conn: under, patience: writeWithin, reading: readWithin}
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
