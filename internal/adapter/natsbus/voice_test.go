package natsbus_test

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/greenroomlive/greenroom/internal/adapter/natsbus"
	"github.com/greenroomlive/greenroom/internal/core/event"
)

// silent dials servers that take the connection and never greet, but the first: that one is not there, so that nats.go
// goes on by itself, under its lock.
type silent struct {
	mu     sync.Mutex
	ends   []net.Conn
	called int
	taken  chan struct{} // a server waits to be heard
}

func (s *silent) Dial(string, string) (net.Conn, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.called++; s.called == 1 {
		return nil, errors.New("nobody is there")
	}
	ours, theirs := net.Pipe()
	s.ends = append(s.ends, theirs)
	select {
	case s.taken <- struct{}{}:
	default:
	}
	return ours, nil
}

func TestNobodyWaitsForAConnectionThatIsMadeAgain(t *testing.T) {
	s := &silent{taken: make(chan struct{}, 1)}
	conn, err := nats.Connect("nats://silent:4222", nats.SetCustomDialer(s), nats.RetryOnFailedConnect(true), nats.MaxReconnects(-1),
		nats.ReconnectWait(time.Millisecond), nats.ReconnectJitter(0, 0), nats.Timeout(time.Minute))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		s.mu.Lock()
		for _, end := range s.ends {
			_ = end.Close() // which ends the wait
		}
		s.called = 0
		s.mu.Unlock()
		conn.Close()
	})
	<-s.taken
	bus, err := natsbus.New(conn, natsbus.Config{Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	said := make(chan error, 1)
	go func() {
		news := natsbus.NewNews(conn, "a", slog.New(slog.DiscardHandler))
		news.Tell()
		news.Tell()
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		said <- bus.Beat(ctx, event.Beat{Epoch: "e", Seq: 1, At: time.UnixMilli(1)})
	}()
	select {
	case err := <-said:
		if !errors.Is(err, context.Canceled) {
			t.Errorf("the beat: %v", err)
		}
	case <-time.After(20 * time.Second):
		t.Fatal("they wait for a server that says nothing")
	}
}
