package queryapi

import (
	"context"
	"errors"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/greenroomlive/greenroom/internal/core/ident"
	"github.com/greenroomlive/greenroom/internal/flow/feed"
)

// moody is a feed table that cannot always be read, and that things happen to while it is read.
type moody struct {
	book
	err    error
	onRead func()
}

func (m *moody) Frames(ctx context.Context, after ident.FeedSeq, limit int) ([]feed.Frame, error) {
	if m.onRead != nil {
		m.onRead()
	}
	if m.err != nil {
		return nil, m.err
	}
	return m.book.Frames(ctx, after, limit)
}

// moodily is still, with next to nothing in memory.
func moodily(t *testing.T) (*shard, *moody, *feed.Hub) {
	t.Helper()
	s, _, _ := still(t)
	m := &moody{}
	hub := feed.New(feed.Config{Store: m, MaxFrames: 1})
	hub.Advance(nil, 0)
	s.push.hub = hub
	return s, m, hub
}

// TestAPassEnds however fast events come: newcomers, those who are behind and reads wait for it.
func TestAPassEnds(t *testing.T) {
	s, m, hub := moodily(t)
	_, client := arrives(t, s, 0, feed.Filter{Rooms: []ident.RoomID{99}})
	s.pass(t.Context(), time.Now())
	most := 0
	m.onRead = func() { // two more happen while two are read
		if most++; most < 100 {
			m.write(hub, 2)
		}
	}
	m.write(hub, 2)
	s.pass(t.Context(), time.Now())
	if most > 2 {
		t.Errorf("a pass read %d times", most)
	}
	s.close()
	if got := seqs(t, client); len(got) != 0 {
		t.Errorf("it got %v", got)
	}
}

// choke lets a follower's socket be full, with events of the feed waiting behind it.
func choke(t *testing.T, s *shard, b *book, hub *feed.Hub) (*follower, io.Reader) {
	t.Helper()
	f, client := arrives(t, s, 0, feed.Filter{})
	_ = f.conn.SetWriteBuffer(4096)
	s.pass(t.Context(), time.Now())
	for i := 0; len(s.behind) == 0; i++ {
		if i > 10_000 {
			t.Fatal("the socket takes everything")
		}
		b.write(hub, 20)
		s.pass(t.Context(), time.Now())
	}
	return f, client
}

// TestALogThatIsReplacedEndsAlsoWhoIsBehind, and who arrives with a place in the old one: the numbers of the new
// log are other events.
func TestALogThatIsReplacedEndsAlsoWhoIsBehind(t *testing.T) {
	for name, regrown := range map[string]int{"shorter": 3, "as long again": 0, "longer": -1} {
		t.Run(name, func(t *testing.T) {
			s, b, hub := still(t)
			_, behind := choke(t, s, b, hub)
			end, _ := hub.End()
			_, arrived := arrives(t, s, end, feed.Filter{})
			hub.Reset(0)
			n := regrown
			if n <= 0 {
				n = int(end) - 100*regrown
			}
			b.mu.Lock()
			b.frames = nil
			b.mu.Unlock()
			b.write(hub, n)
			said := make(chan string, 1)
			go func() {
				all, _ := io.ReadAll(behind)
				said <- string(all)
			}()
			eventually(t, "the end", func() bool {
				s.retryAt = time.Time{}
				s.pass(t.Context(), time.Now())
				return s.push.feeds.Load() == 0
			})
			s.close()
			if got := <-said; !strings.Contains(got, `"code":"CURSOR_EXPIRED"`) {
				t.Errorf("who was behind heard: %.300q", got[max(0, len(got)-300):])
			}
			if got, _ := io.ReadAll(arrived); !strings.Contains(string(got), `"code":"CURSOR_EXPIRED"`) {
				t.Errorf("who arrived heard: %.300q", got)
			}
		})
	}
}

// TestANewcomerAheadOfAShardThatCannotReadGetsNothingTwice.
func TestANewcomerAheadOfAShardThatCannotReadGetsNothingTwice(t *testing.T) {
	s, m, hub := moodily(t)
	_, first := arrives(t, s, 0, feed.Filter{})
	s.pass(t.Context(), time.Now())
	m.write(hub, 3)
	m.err = errors.New("locked")
	_, second := arrives(t, s, 3, feed.Filter{})
	s.pass(t.Context(), time.Now())
	m.err = nil
	s.retryAt = time.Time{}
	s.pass(t.Context(), time.Now())
	m.write(hub, 1)
	s.pass(t.Context(), time.Now())
	s.close()
	if got := seqs(t, first); len(got) != 4 {
		t.Errorf("the first got %v", got)
	}
	if got := seqs(t, second); len(got) != 1 || got[0] != 4 {
		t.Errorf("the second began behind 3 and got %v", got)
	}
}

// TestAReplayDoesNotOutliveItsServer, however patient it is with its client.
func TestAReplayDoesNotOutliveItsServer(t *testing.T) {
	s, _, _ := still(t)
	hour := time.Hour
	s.push.patience = &hour
	w, err := s.push.hub.Watch(t.Context(), 0, feed.Filter{})
	if err != nil {
		t.Fatal(err)
	}
	ours, client := pair(t)
	f := &follower{Watcher: *w}
	if err := f.take(ours); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := s.push.replay(ctx, f, []byte("a head")); !errors.Is(err, context.Canceled) && !errors.Is(err, errLeft) {
		t.Errorf("replayed: %v", err)
	}
	_ = ours.Close()
	if said, err := io.ReadAll(client); err != nil || len(said) > 0 {
		t.Errorf("it was told %q, %v", said, err)
	}
}

// TestAStopIsNoFault of those whom it catches behind the end.
func TestAStopIsNoFault(t *testing.T) {
	s, b, hub := still(t)
	_, client := arrives(t, s, 0, feed.Filter{})
	b.write(hub, 3)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	s.pass(ctx, time.Now())
	s.close()
	if said, err := io.ReadAll(client.(net.Conn)); err != nil || len(said) > 0 {
		t.Errorf("it was told %q, %v", said, err)
	}
}
