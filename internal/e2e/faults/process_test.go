package faults

import (
	"bufio"
	"context"
	"net"
	"net/http"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/greenroomlive/greenroom/internal/e2e/harness"
	"github.com/greenroomlive/greenroom/internal/stage"
)

// stopsWithin is how long a clean stop may take under load: longer, and whoever runs it kills it. net/http
// gives connections that have not said anything yet 5 s to do so.
const stopsWithin = 8 * time.Second

func TestACleanStopLosesNothingAndEndsTheWatchers(t *testing.T) {
	g := start(t)
	tr := drive(t, g, 5, whileDown)
	for _, silent := range []bool{false, false, true} {
		if !tr.after(300) {
			t.Fatal("no commands are acknowledged")
		}
		watcher := watchEvents(t, g)
		if silent {
			connect(t, g)
		}
		from := time.Now()
		terminate(t, g)
		t.Logf("stopped after %v", time.Since(from))
		select {
		case <-watcher:
		case <-time.After(harness.Deadline):
			t.Fatal("the process is gone and its event stream is not at its end")
		}
		mustLogNoFault(t, g)
		promises := tr.promises()
		g.Restart()
		tr.mustHold(g, promises)
	}
	tr.audit(g)
}

// terminate is SIGTERM, and demands a good end in time.
func terminate(t *testing.T, g *harness.Greenroom) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), promised(stopsWithin))
	defer cancel()
	g.Signal(syscall.SIGTERM)
	if err := g.Wait(ctx); err != nil {
		t.Fatalf("asked to end: %v\n%s", err, g.Output())
	}
}

// connect opens connections on which nothing is ever said, as load balancers keep them ready.
func connect(t *testing.T, g *harness.Greenroom) {
	t.Helper()
	for _, url := range []string{g.CommandURL, g.QueryURL} {
		c, err := net.Dial("tcp", strings.TrimPrefix(url, "http://"))
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = c.Close() }) // the process has closed its end
	}
}

// watchEvents opens an event stream that is at its first event, and tells when it ends.
func watchEvents(t *testing.T, g *harness.Greenroom) <-chan struct{} {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, g.QueryURL+"/v1/feed?after=0", nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Accept", "text/event-stream")
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewScanner(res.Body)
	for lines.Scan() && !strings.HasPrefix(lines.Text(), "data: {") {
	}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		defer func() { _ = res.Body.Close() }() // it was read to its end
		for lines.Scan() {
		}
	}()
	return ended
}

func TestASecondProcessOnTheFolderIsRefused(t *testing.T) {
	g := start(t)
	room := g.Room("still here")
	said := mustRefuse(t, "dev", "--data", g.Dir, "--query-addr", "127.0.0.1:0", "--query-grpc-addr", "127.0.0.1:0",
		"--query-admin-addr", "127.0.0.1:0", "--command-addr", "127.0.0.1:0")
	if !strings.Contains(said, g.Dir+" is in use by another greenroom") {
		t.Fatalf("it said %q", said)
	}
	if _, err := g.Client.OwnRoom(t.Context(), room); err != nil {
		t.Fatalf("the first process: %v", err)
	}
}

func TestAPortInUseIsNamedByItsFlag(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = taken.Close() }() // it listened, nothing more
	for _, flag := range []string{"--query-addr", "--query-grpc-addr", "--query-admin-addr", "--command-addr"} {
		args := []string{"dev", "--data", filepath.Join(t.TempDir(), "data")}
		for _, each := range []string{"--query-addr", "--query-grpc-addr", "--query-admin-addr", "--command-addr"} {
			addr := "127.0.0.1:0"
			if each == flag {
				addr = taken.Addr().String()
			}
			args = append(args, each, addr)
		}
		if said := mustRefuse(t, args...); !strings.Contains(said, flag+": ") || !strings.Contains(said, "address already in use") {
			t.Errorf("with a taken %s it said %q", flag, said)
		}
	}
}

// mustRefuse runs the binary, which must end by itself with status 1, and returns what it wrote.
func mustRefuse(t *testing.T, args ...string) string {
	t.Helper()
	p, err := stage.Start(nil, "", harness.Binary(), args...)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), harness.Deadline)
	defer cancel()
	err = p.Wait(ctx)
	if exit, ok := err.(*exec.ExitError); !ok || exit.ExitCode() != 1 {
		p.Kill()
		t.Fatalf("it ended with %v:\n%s", err, p.Output())
	}
	return p.Output()
}
