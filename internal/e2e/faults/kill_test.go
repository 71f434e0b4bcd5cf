package faults

import (
	"context"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/greenroomlive/greenroom/internal/e2e/harness"
	"github.com/greenroomlive/greenroom/internal/stage"
)

// kills is how often the process dies in one test.
const kills = 50

func TestNothingIsLostByKills(t *testing.T) {
	g := start(t)
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	dice := rand.New(rand.NewPCG(seed, 0))
	tr := drive(t, g, seed, whileDown)
	var slowest time.Duration
	for n := range kills {
		// A moment of the commands' own clock: the kill hits whatever they are at.
		if !tr.after(1 + dice.IntN(300)) {
			t.Fatalf("after %d kills no more commands are acknowledged (seed %d)\n%s", n, seed, g.Output())
		}
		g.Kill()
		mustLogNoFault(t, g)
		promises := tr.promises()
		if dice.IntN(8) == 0 {
			killedWhileStarting(t, g)
		}
		from := time.Now()
		g.Restart()
		slowest = max(slowest, time.Since(from))
		mustBeReady(t, g)
		tr.mustHold(g, promises)
		if t.Failed() {
			t.Fatalf("after kill %d (seed %d)", n+1, seed)
		}
	}
	tr.audit(g)
	t.Logf("ready again after at most %v", slowest)
}

// killedWhileStarting lets one start come as far as its addresses.
func killedWhileStarting(t *testing.T, g *harness.Greenroom) {
	t.Helper()
	announced := make(chan struct{})
	p, err := stage.Start(func(line string) {
		if strings.HasPrefix(line, "token") {
			close(announced)
		}
	}, "", harness.Binary(), "dev", "--data", g.Dir, "--token", harness.Token, "--query-addr", "127.0.0.1:0", "--command-addr", "127.0.0.1:0",
		"--query-grpc-addr", "127.0.0.1:0", "--query-admin-addr", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	select {
	case <-announced:
		p.Kill()
	case <-p.Done():
		t.Fatalf("the start failed: %s", p.Output())
	}
}

// mustBeReady asks both sides. A process that says "ready" is.
func mustBeReady(t *testing.T, g *harness.Greenroom) {
	t.Helper()
	until(t, g, promised(5*time.Second), "readyz of both sides", func(ctx context.Context) error {
		if _, err := get(ctx, g.CommandURL+"/readyz"); err != nil {
			return err
		}
		_, err := get(ctx, g.QueryURL+"/readyz")
		return err
	})
}
