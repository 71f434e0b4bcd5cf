// Package harness gives end-to-end tests a real greenroom to play with.
//
// Main builds the binary once per test program. Start runs it on free loopback ports with its data in
// a folder of the test; everything ends with the test, also when it fails. Conditions are waited for
// through the feed and the reads, with a deadline, never by sleeping. A test that fails prints what
// its programs wrote.
package harness

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	greenroom "github.com/greenroomlive/greenroom/client"
	"github.com/greenroomlive/greenroom/internal/stage"
)

// Token is the ops token of every greenroom that Start runs.
const Token = "e2e-ops-token"

// Deadline bounds every wait. It is generous: a machine may be busy, and a wait that is over costs nothing.
const Deadline = 60 * time.Second

// binaryEnv names the variable that points to a binary that is built already.
const binaryEnv = "GREENROOM_BINARY"

// Main is the body of TestMain: it builds the binary, runs the tests and returns the exit code.
func Main(m *testing.M) int {
	if os.Getenv(binaryEnv) != "" {
		return m.Run()
	}
	dir, err := os.MkdirTemp("", "greenroom-e2e-")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer func() { _ = os.RemoveAll(dir) }() // a temporary folder that stays is no failure
	binary := filepath.Join(dir, "greenroom")
	if out, err := exec.Command("go", "build", "-o", binary, "github.com/greenroomlive/greenroom/cmd/greenroom").CombinedOutput(); err != nil {
		fmt.Fprintf(os.Stderr, "go build: %v\n%s", err, out)
		return 1
	}
	if err := os.Setenv(binaryEnv, binary); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return m.Run()
}

// Binary is the path of the binary that Main built.
func Binary() string { return os.Getenv(binaryEnv) }

// Greenroom is a running `greenroom dev` of a test.
type Greenroom struct {
	*stage.Greenroom
	// Client writes and reads with Token.
	Client *greenroom.Client
	// Dir holds the data.
	Dir string

	t    testing.TB
	args []string
}

// Start runs greenroom with a fresh data folder; args are added to the addresses, the folder and the token.
func Start(t testing.TB, args ...string) *Greenroom {
	t.Helper()
	g := &Greenroom{t: t, Dir: t.TempDir(), args: args}
	g.run("127.0.0.1:0", "127.0.0.1:0")
	t.Cleanup(func() {
		g.Stop()
		g.explain()
	})
	return g
}

// Restart runs it again after it ended, on the same folder and addresses.
func (g *Greenroom) Restart() {
	g.t.Helper()
	g.explain()
	g.run(address(g.QueryURL), address(g.CommandURL))
}

func (g *Greenroom) run(query, command string) {
	g.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), Deadline)
	defer cancel()
	running, err := stage.StartGreenroom(ctx, Binary(), append([]string{
		"--data", g.Dir, "--query-addr", query, "--query-grpc-addr", "127.0.0.1:0", "--query-admin-addr", "127.0.0.1:0", "--command-addr", command, "--token", Token,
	}, g.args...)...)
	if err != nil {
		g.t.Fatal(err)
	}
	g.Greenroom = running
	g.Client = greenroom.New(greenroom.CommandURL(g.CommandURL), greenroom.QueryURL(g.QueryURL), greenroom.Token(Token))
}

// explain shows the log of a failed test.
func (g *Greenroom) explain() {
	if g.t.Failed() {
		g.t.Logf("greenroom wrote:\n%s", g.Output())
	}
}

// Room creates a room of anchor 7 and returns its id.
func (g *Greenroom) Room(title string) int64 {
	g.t.Helper()
	made, err := g.Client.CreateRoom(g.t.Context(), &greenroom.NewRoom{Title: title, AnchorId: 7})
	if err != nil {
		g.t.Fatal(err)
	}
	return made.GetRoom().GetId()
}

// Key makes a stream key of the room.
func (g *Greenroom) Key(room int64) string {
	g.t.Helper()
	made, err := g.Client.CreateKey(g.t.Context(), room, "test")
	if err != nil {
		g.t.Fatal(err)
	}
	return made.GetStreamKey()
}

// Sessions is the room's history, newest first.
func (g *Greenroom) Sessions(room int64) []*greenroom.Session {
	g.t.Helper()
	sessions, _, err := g.Client.ListSessions(g.t.Context(), room, "")
	if err != nil {
		g.t.Fatal(err)
	}
	return sessions
}

// Await reads the room as viewers do until it is as it should be.
func (g *Greenroom) Await(room int64, what string, holds func(*greenroom.Room) bool) *greenroom.Room {
	g.t.Helper()
	ctx, cancel := context.WithTimeout(g.t.Context(), Deadline)
	defer cancel()
	var last *greenroom.Room
	err := g.Until(ctx, what, func(ctx context.Context) error {
		seen, err := g.Client.GetRoom(ctx, room)
		if err != nil {
			return err
		}
		if last = seen.Room; !holds(last) {
			return fmt.Errorf("room is %s", last.GetLive().GetStatus())
		}
		return nil
	})
	if err != nil {
		g.t.Fatal(err)
	}
	return last
}

func address(url string) string { return url[len("http://"):] }
