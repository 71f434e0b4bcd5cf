package rediscache_test

import (
	"context"
	"log/slog"
	"os"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/greenroomlive/greenroom/internal/adapter/rediscache"
	"github.com/greenroomlive/greenroom/internal/core/ident"
	"github.com/greenroomlive/greenroom/internal/stage"
)

func TestMain(m *testing.M) {
	// A cluster client closes the connections of nodes that left five seconds after they did, and puts off looking at
	// the cluster again by a sleep; neither ends with it.
	goleak.VerifyTestMain(m, goleak.IgnoreAnyFunction("github.com/redis/rueidis.(*clusterClient)._refresh.func2"),
		goleak.IgnoreAnyFunction("github.com/redis/rueidis.(*call).DelayDo.func1"))
}

// deadline bounds every wait; one that is over costs nothing.
const deadline = 30 * time.Second

// server is a Redis of our own: on loopback, in memory only, on a port that nobody else knows.
type server struct {
	*stage.Redis
	t *testing.T
}

// needRedis skips where Redis is not installed, except in CI: there scripts/deps has seen to it.
func needRedis(t *testing.T) {
	t.Helper()
	if missing := stage.MissingRedis(); len(missing) > 0 {
		if os.Getenv("CI") == "true" {
			t.Fatalf("not installed: %v", missing)
		}
		t.Skipf("not installed: %v, see scripts/deps", missing)
	}
}

func startServer(t *testing.T) *server {
	t.Helper()
	needRedis(t)
	r, err := stage.StartRedis(t.Context(), t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(r.Stop)
	return &server{r, t}
}

func (s *server) start() {
	s.t.Helper()
	if err := s.Start(s.t.Context()); err != nil {
		s.t.Fatal(err)
	}
}

// ask sends a command by other hands than the adapter's.
func (s *server) ask(args ...string) string {
	s.t.Helper()
	out, err := s.Ask(s.t.Context(), args...)
	if err != nil {
		s.t.Fatal(err)
	}
	return out
}

// startCluster is three masters that share the slots, and a replica of each.
func startCluster(t *testing.T) *stage.RedisCluster {
	t.Helper()
	needRedis(t)
	c, err := stage.StartRedisCluster(t.Context(), t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Stop)
	return c
}

// connect runs a cache on the servers and waits until it answers.
func connect(t *testing.T, damaged func(int), addrs ...string) *rediscache.Cache {
	t.Helper()
	cache := rediscache.New(rediscache.Config{Addrs: addrs, Log: "e1", Damaged: damaged, Logger: slog.New(slog.DiscardHandler)})
	run(t, cache)
	answers(t, cache)
	return cache
}

// run runs the cache until the test ends.
func run(t *testing.T, cache *rediscache.Cache) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- cache.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Errorf("Run: %v", err)
		}
	})
}

// answers waits until the cache finds out what it has of these rooms, or of one.
func answers(t *testing.T, cache *rediscache.Cache, rooms ...ident.RoomID) {
	t.Helper()
	if len(rooms) == 0 {
		rooms = []ident.RoomID{1}
	}
	eventually(t, "an answer of the cache", func(ctx context.Context) error {
		ctx, cancel := context.WithTimeout(ctx, time.Second)
		defer cancel()
		_, err := cache.Fetch(ctx, rooms)
		return err
	})
}

func eventually(t *testing.T, what string, holds func(context.Context) error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), deadline)
	defer cancel()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for {
		err := holds(ctx)
		if err == nil {
			return
		}
		select {
		case <-ctx.Done():
			t.Fatalf("waited in vain for %s: %v", what, err)
		case <-tick.C:
		}
	}
}
