package faults

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	greenroom "github.com/greenroomlive/greenroom/client"
	"github.com/greenroomlive/greenroom/internal/e2e/harness"
)

// many is how many rooms there are where a fill must take long enough to be looked at.
const many = 4000

func TestTheViewsAreDeletedUnderLoad(t *testing.T) {
	g := start(t)
	tr := drive(t, g, 7, nil) // rooms that viewers have seen are in L1: no read may fail
	for round := range 3 {
		if !tr.after(300) {
			t.Fatal("no commands are acknowledged")
		}
		promises := tr.promises()
		from := time.Now()
		deleteViews(t, g)
		until(t, g, promised(within), "a new database", func(context.Context) error {
			if n := strings.Count(g.Output(), "room_c is gone"); n <= round {
				return fmt.Errorf("%d losses were noticed", n)
			}
			return nil
		})
		mustBeReady(t, g)
		tr.awaitViews(g, promises, promised(within)-time.Since(from))
		t.Logf("round %d: views complete after %v", round, time.Since(from))
	}
	tr.audit(g)
}

func TestTheViewsAreDeletedWhileStopped(t *testing.T) {
	g := start(t)
	ids := create(t, g, many)
	for name, stop := range map[string]func(){"a clean stop": func() { g.Stop() }, "a kill": func() { g.Kill() }} {
		stop()
		deleteViews(t, g)
		watch := watchFill(t, g, ids[len(ids)-1])
		from := time.Now()
		g.Restart()
		t.Logf("after %s: ready with %d rooms after %v; %s", name, many, time.Since(from), watch())
	}
	tr := drive(t, g, 8, nil)
	if !tr.after(200) {
		t.Fatal("no commands are acknowledged")
	}
	if _, missing, err := g.Client.Batch(t.Context(), ids[:1000]...); err != nil || len(missing) > 0 {
		t.Fatalf("%d of 1000 rooms are missing: %v", len(missing), err)
	}
	tr.endWriters()
	tr.awaitProof(g, harness.Deadline)
	if log := tr.replay(g); len(log) < many {
		t.Fatalf("the feed from 0 has %d events of %d rooms", len(log), many)
	}
}

// deleteViews deletes the viewers' database with its journals.
func deleteViews(t *testing.T, g *harness.Greenroom) {
	t.Helper()
	for _, name := range []string{"room_c.db-shm", "room_c.db-wal", "room_c.db"} {
		if err := os.Remove(filepath.Join(g.Dir, name)); err != nil && !errors.Is(err, fs.ErrNotExist) {
			t.Fatal(err)
		}
	}
}

// create makes rooms, quickly.
func create(t *testing.T, g *harness.Greenroom, n int) []int64 {
	t.Helper()
	ids := make([]int64, n)
	var wg sync.WaitGroup
	const at = 64
	for w := range at {
		wg.Go(func() {
			for i := w; i < n; i += at {
				made, err := g.Client.CreateRoom(t.Context(), &greenroom.NewRoom{Title: fmt.Sprintf("room %d", i), AnchorId: int64(100 + i)})
				if err != nil {
					t.Error(err)
					return
				}
				ids[i] = made.GetRoom().GetId()
			}
		})
	}
	wg.Wait()
	if t.Failed() {
		t.FailNow()
	}
	slices.Sort(ids) // as the fill goes
	return ids
}

// watchFill reads a room from the first moment somebody listens until it is there. It may be
// NOT_READY, but never missing. The returned function waits and tells what was seen.
func watchFill(t *testing.T, g *harness.Greenroom, id int64) func() string {
	t.Helper()
	client := greenroom.New(greenroom.QueryURL(g.QueryURL), greenroom.Attempts(1))
	ctx, cancel := context.WithTimeout(context.Background(), harness.Deadline)
	notReady, answer := 0, make(chan error, 1)
	go func() {
		defer cancel()
		for {
			_, err := client.GetRoom(ctx, id)
			switch {
			case greenroom.HasCode(err, greenroom.Unavailable) && ctx.Err() == nil:
			case greenroom.HasCode(err, "NOT_READY"):
				notReady++
			default:
				answer <- err
				return
			}
		}
	}()
	return func() string {
		t.Helper()
		if err := <-answer; err != nil {
			t.Fatalf("room %d, while the views are filled: %v", id, err)
		}
		return fmt.Sprintf("the last room was NOT_READY %d times before it was there", notReady)
	}
}

var progressLine = regexp.MustCompile(`(?m)^(scanning|replaying|verifying|switched) +rooms \d+ of \d+, events \d+ of \d+$`)

func TestRebuildGoesUnnoticed(t *testing.T) {
	g := start(t)
	ids := create(t, g, many)
	tr := drive(t, g, 9, nil)
	for range 2 {
		if !tr.after(100) {
			t.Fatal("no commands are acknowledged")
		}
		from := time.Now()
		said := greenroomSays(t, g, "rebuild")
		took := time.Since(from)
		if !progressLine.MatchString(said) || !strings.Contains(said, "switched") {
			t.Fatalf("rebuild said\n%s", said)
		}
		t.Logf("%d rooms rebuilt in %v:\n%s", many, took, said)
		if _, missing, err := g.Client.Batch(t.Context(), ids[:1000]...); err != nil || len(missing) > 0 {
			t.Fatalf("%d of 1000 rooms are missing: %v", len(missing), err)
		}
	}
	tr.adopt(g, ids)
	tr.audit(g)
}

// adopt takes rooms that were made beside the traffic into its books.
func (tr *traffic) adopt(g *harness.Greenroom, ids []int64) {
	tr.t.Helper()
	tr.endWriters()
	committed := tr.committed(g)
	for e, err := range tr.client.Feed(tr.t.Context(), greenroom.FeedQuery{Types: []string{"RoomCreated"}}) {
		if err != nil {
			tr.t.Fatal(err)
		}
		if _, found := slices.BinarySearch(ids, e.GetRoomId()); !found {
			continue
		}
		tr.record(ack{command: e.GetCause(), event: e.GetType(), room: e.GetRoomId(), version: 1, title: committed[e.GetRoomId()].room.GetTitle()})
		if ids = slices.DeleteFunc(ids, func(id int64) bool { return id == e.GetRoomId() }); len(ids) == 0 {
			return
		}
	}
}

// greenroomSays runs a command of the command line against g and returns what it printed.
func greenroomSays(t *testing.T, g *harness.Greenroom, args ...string) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), harness.Deadline)
	defer cancel()
	out, err := commandLine(ctx, g, args...).CombinedOutput()
	if err != nil {
		t.Fatalf("greenroom %s: %v\n%s", strings.Join(args, " "), err, out)
	}
	return string(out)
}

func commandLine(ctx context.Context, g *harness.Greenroom, args ...string) *exec.Cmd {
	return exec.CommandContext(ctx, harness.Binary(), append(args, "--command-url", g.CommandURL, "--query-url", g.QueryURL, "--data", g.Dir)...)
}
