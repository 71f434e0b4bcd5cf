package faults

import (
	"context"
	"math/rand/v2"
	"net"
	"os"
	"strconv"
	"testing"
	"time"

	"github.com/greenroomlive/greenroom/internal/e2e/harness"
)

func TestMain(m *testing.M) { os.Exit(harness.Main(m)) }

// start runs a greenroom that keeps its addresses over restarts: below the range from which the
// kernel takes ports for outgoing connections, since a client that retries while nobody listens could
// otherwise be given the very port it calls.
func start(t *testing.T, args ...string) *harness.Greenroom {
	t.Helper()
	return harness.Start(t, append([]string{"--query-addr", steadyAddr(t), "--command-addr", steadyAddr(t)}, args...)...)
}

func steadyAddr(t *testing.T) string {
	t.Helper()
	for range 100 {
		ln, err := net.Listen("tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(20_000+rand.IntN(12_000))))
		if err == nil {
			defer func() { _ = ln.Close() }() // it was only asked whether it is free
			return ln.Addr().String()
		}
	}
	t.Fatal("no free port between 20000 and 32000")
	return ""
}

// until waits for a condition, no longer than the deadline, and tells how long it took.
func until(t *testing.T, g *harness.Greenroom, within time.Duration, what string, holds func(context.Context) error) time.Duration {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), within)
	defer cancel()
	from := time.Now()
	if err := g.Until(ctx, what, holds); err != nil {
		t.Fatal(err)
	}
	return time.Since(from)
}

// promised is a time the system is held to; a machine of CI is granted twice as much.
func promised(d time.Duration) time.Duration {
	if os.Getenv("CI") == "true" {
		return 2 * d
	}
	return d
}
