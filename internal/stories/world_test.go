package stories

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/greenroomlive/greenroom/internal/stage"
)

const (
	// deadline bounds every wait. It is generous: the machine may be busy, and a wait that is over costs nothing.
	deadline = 60 * time.Second
	// again is the pause between two looks at a condition.
	again = 25 * time.Millisecond

	token = "story-token"
)

// world is what a script plays in.
type world struct {
	dir       string
	greenroom *stage.Greenroom
}

type worldKey struct{}

func worldOf(ts *testscript.TestScript) *world { return ts.Value(worldKey{}).(*world) }

// start runs `greenroom dev` on free ports, on the data that the last one left.
func (w *world) start(more ...string) error {
	binary, err := exec.LookPath("greenroom")
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(context.Background(), deadline)
	defer cancel()
	args := []string{"--data", filepath.Join(w.dir, "greenroom-data"), "--token", token}
	for _, flag := range []string{"--command-addr", "--query-addr", "--query-grpc-addr", "--query-admin-addr"} {
		args = append(args, flag, "127.0.0.1:0")
	}
	w.greenroom, err = stage.StartGreenroom(ctx, binary, append(args, more...)...)
	return err
}

// stop ends the running greenroom, if there is one, politely or by kill -9.
func (w *world) stop(kill bool) {
	if w.greenroom == nil {
		return
	}
	if kill {
		w.greenroom.Kill()
	} else {
		w.greenroom.Stop()
	}
}

// env is that of the programs of a script: they find the greenroom that runs, and nothing of the
// machine's own settings.
func (w *world) env() []string {
	env := slices.DeleteFunc(os.Environ(), func(s string) bool { return strings.HasPrefix(s, "GREENROOM_") })
	env = append(env, "HOME="+w.dir, "TZ=UTC")
	if w.greenroom != nil {
		env = append(env, "GREENROOM_COMMAND_URL="+w.greenroom.CommandURL, "GREENROOM_QUERY_URL="+w.greenroom.QueryURL, "GREENROOM_TOKEN="+token)
	}
	return env
}

// dev starts, stops or kills greenroom:
//
//	dev start [flag...]    sets $COMMAND and $QUERY to the addresses it listens on, as URLs
//	dev stop               waits for its polite end
//	dev kill               is kill -9
func dev(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) == 0 {
		ts.Fatalf("usage: dev start|stop|kill [flag...]")
	}
	w := worldOf(ts)
	switch args[0] {
	case "start":
		w.stop(false)
		ts.Check(w.start(args[1:]...))
		g := w.greenroom
		ts.Defer(func() {
			g.Stop()
			ts.Logf("greenroom wrote:\n%s", g.Output())
		})
		for name, value := range map[string]string{
			"COMMAND": g.CommandURL, "QUERY": g.QueryURL,
			"GREENROOM_COMMAND_URL": g.CommandURL, "GREENROOM_QUERY_URL": g.QueryURL, "GREENROOM_TOKEN": token,
		} {
			ts.Setenv(name, value)
		}
	case "stop", "kill":
		w.stop(args[0] == "kill")
	default:
		ts.Fatalf("dev: no %q", args[0])
	}
}

// take runs a program that follows something until it has printed so many lines, then interrupts it:
//
//	take 3 exec greenroom room watch --after 0
func take(ts *testscript.TestScript, neg bool, args []string) {
	var n int
	if neg || len(args) < 3 || args[1] != "exec" {
		ts.Fatalf("usage: take LINES exec program [arg...]")
	}
	if _, err := fmt.Sscan(args[0], &n); err != nil || n < 1 {
		ts.Fatalf("take: %q is no number of lines", args[0])
	}
	ctx, cancel := context.WithTimeout(context.Background(), deadline)
	defer cancel()
	cmd := exec.CommandContext(ctx, args[2], args[3:]...)
	cmd.Env = worldOf(ts).env()
	cmd.Stderr = ts.Stderr()
	out, err := cmd.StdoutPipe()
	ts.Check(err)
	ts.Check(cmd.Start())
	text, err := readLines(out, n)
	_, _ = ts.Stdout().Write(text)
	ts.Check(err)
	ts.Check(cmd.Process.Signal(os.Interrupt))
	// Pipes are read to their end before Wait, as os/exec asks.
	_, _ = readLines(out, 1<<20)
	ts.Check(cmd.Wait())
}

// await tries exec or http until what it prints matches:
//
//	await 'LEASE_EXPIRED' exec greenroom session list $ROOM
func await(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: await PATTERN http|exec program [arg...]")
	}
	pattern := compile(ts, args[0])
	ctx, cancel := context.WithTimeout(context.Background(), deadline)
	defer cancel()
	tick := time.NewTicker(again)
	defer tick.Stop()
	var last string
	for {
		text, err := attempt(ctx, worldOf(ts), strip(args[1:]))
		if pattern.Match(text) {
			_, _ = ts.Stdout().Write(text)
			return
		}
		if ctx.Err() == nil {
			last = fmt.Sprintf("%s(%v)", text, err)
		}
		select {
		case <-ctx.Done():
			ts.Fatalf("no match for %q within %v; the last attempt printed:\n%s", args[0], deadline, last)
		case <-tick.C:
		}
	}
}

// strip drops the word exec, with which scripts say that a program runs.
func strip(args []string) []string {
	if args[0] == "exec" {
		return args[1:]
	}
	return args
}

func attempt(ctx context.Context, w *world, args []string) ([]byte, error) {
	if args[0] == "http" {
		r, err := parseRequest(args[1:])
		if err != nil {
			return nil, err
		}
		_, text, err := r.send(ctx)
		return text, err
	}
	cmd := exec.CommandContext(ctx, args[0], args[1:]...)
	cmd.Env = w.env()
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	err := cmd.Run()
	return out.Bytes(), err
}

// let keeps what the first group of a pattern finds in the last command's output:
//
//	let ROOM '"id":"(\d+)"'
func let(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: let NAME PATTERN")
	}
	text := ts.ReadFile("stdout")
	found := compile(ts, args[1]).FindStringSubmatch(text)
	if len(found) != 2 {
		ts.Fatalf("%q finds not exactly one thing in:\n%s", args[1], text)
	}
	ts.Setenv(args[0], found[1])
}
