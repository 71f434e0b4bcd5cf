package rediscache_test

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/greenroomlive/greenroom/internal/adapter/rediscache"
	"github.com/greenroomlive/greenroom/internal/core/ident"
	"github.com/greenroomlive/greenroom/internal/stage"
)

func TestMain(m *testing.M) {
	// A cluster client closes the connections of nodes that left five seconds after they did.
	goleak.VerifyTestMain(m, goleak.IgnoreAnyFunction("github.com/redis/rueidis.(*clusterClient)._refresh.func2"))
}

// deadline bounds every wait; one that is over costs nothing.
const deadline = 30 * time.Second

// server is a Redis of our own: on loopback, in memory only, on a port that nobody else knows.
type server struct {
	*stage.Process
	t          *testing.T
	host, port string
	args       []string
}

// startServer skips where Redis is not installed, except in CI: there scripts/deps has seen to it.
func startServer(t *testing.T, args ...string) *server {
	t.Helper()
	if _, err := exec.LookPath("redis-server"); err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatal(err)
		}
		t.Skip("redis-server is not installed: see scripts/deps")
	}
	s := &server{t: t, args: args}
	s.host, s.port, _ = net.SplitHostPort(freeAddr(t))
	s.start()
	t.Cleanup(func() { s.Stop() })
	return s
}

func freeAddr(t *testing.T) string {
	t.Helper()
	addr, err := stage.FreeAddr()
	if err != nil {
		t.Fatal(err)
	}
	return addr
}

func (s *server) start() {
	s.t.Helper()
	p, err := stage.Start(nil, s.t.TempDir(), "redis-server", append([]string{
		"--bind", s.host, "--port", s.port, "--save", "", "--appendonly", "no", "--daemonize", "no",
	}, s.args...)...)
	if err != nil {
		s.t.Fatal(err)
	}
	s.Process = p
	s.until("answer to PING", func() error {
		_, err := s.try("PING")
		return err
	})
}

func (s *server) addr() string { return net.JoinHostPort(s.host, s.port) }

func (s *server) try(args ...string) (string, error) {
	out, err := exec.CommandContext(s.t.Context(), "redis-cli", append([]string{"-e", "-h", s.host, "-p", s.port}, args...)...).CombinedOutput()
	return strings.TrimSpace(string(out)), err
}

// ask sends a command by other hands than the adapter's.
func (s *server) ask(args ...string) string {
	s.t.Helper()
	out, err := s.try(args...)
	if err != nil {
		s.t.Fatalf("%v: %v: %s", args, err, out)
	}
	return out
}

func (s *server) until(what string, holds func() error) {
	s.t.Helper()
	ctx, cancel := context.WithTimeout(s.t.Context(), deadline)
	defer cancel()
	if err := s.Until(ctx, what, func(context.Context) error { return holds() }); err != nil {
		s.t.Fatal(err)
	}
}

// startCluster is three masters that share the slots.
func startCluster(t *testing.T) []*server {
	t.Helper()
	var nodes []*server
	for i := range 3 {
		_, bus, _ := net.SplitHostPort(freeAddr(t))
		s := startServer(t, "--cluster-enabled", "yes", "--cluster-port", bus, "--cluster-config-file", "nodes.conf")
		s.ask("CLUSTER", "ADDSLOTSRANGE", fmt.Sprint(16384*i/3), fmt.Sprint(16384*(i+1)/3-1))
		if i > 0 {
			s.ask("CLUSTER", "SET-CONFIG-EPOCH", fmt.Sprint(i+1))
			s.ask("CLUSTER", "MEET", nodes[0].host, nodes[0].port, busOf(nodes[0]))
		}
		nodes = append(nodes, s)
	}
	for _, s := range nodes {
		s.until("cluster", func() error {
			info, err := s.try("CLUSTER", "INFO")
			if err == nil && (!strings.Contains(info, "cluster_state:ok") || !strings.Contains(info, "cluster_known_nodes:3")) {
				err = fmt.Errorf("not yet: %s", info)
			}
			return err
		})
	}
	return nodes
}

func busOf(s *server) string {
	for i, arg := range s.args {
		if arg == "--cluster-port" {
			return s.args[i+1]
		}
	}
	return ""
}

// connect runs a cache on the servers and waits until it answers.
func connect(t *testing.T, damaged func(int), servers ...*server) *rediscache.Cache {
	t.Helper()
	cache := rediscache.New(rediscache.Config{Addrs: addrs(servers), Log: "e1", Damaged: damaged, Logger: slog.New(slog.DiscardHandler)})
	run(t, cache)
	answers(t, cache, servers[0])
	return cache
}

func addrs(servers []*server) (out []string) {
	for _, s := range servers {
		out = append(out, s.addr())
	}
	return out
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

func answers(t *testing.T, cache *rediscache.Cache, s *server) {
	t.Helper()
	s.until("answer of the cache", func() error {
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		_, err := cache.Fetch(ctx, []ident.RoomID{1})
		return err
	})
}
