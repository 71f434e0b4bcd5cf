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

func TestADeadlineMovesWhenItMatters(t *testing.T) {
	base := time.Unix(1000, 0)
	var d deadline
	for _, step := range []struct {
		to   time.Time
		sets bool
	}{
		{base, true}, {base, false}, {base.Add(slack - 1), false}, {base.Add(slack), true},
		{base, true}, {time.Time{}, true}, {time.Time{}, false}, {base, true}, {base.Add(-1), true},
	} {
		set := false
		_ = d.move(step.to, func(time.Time) error { set = true; return nil })
		if set != step.sets {
			t.Errorf("to %v: set %v, want %v", step.to, set, step.sets)
		}
	}
}
