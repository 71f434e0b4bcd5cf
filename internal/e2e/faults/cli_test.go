package faults

import (
	"bufio"
	"context"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/greenroomlive/greenroom/internal/e2e/harness"
)

func TestTheCommandLineTellsWhatHappened(t *testing.T) {
	g := start(t)
	room := g.Room("a night at the piano")
	id := strconv.FormatInt(room, 10)
	watched, interrupt := watch(t, g, id)
	if _, err := g.Client.StartRoom(t.Context(), room); err != nil {
		t.Fatal(err)
	}
	if _, err := g.Client.StopRoom(t.Context(), room); err != nil {
		t.Fatal(err)
	}
	for version, event := range []string{"RoomCreated", "WentLive", "LiveEnded"} {
		mustSay(t, <-watched, `room `+id+` +v`+strconv.Itoa(version+1)+` +`+event+` .*by ops$`)
	}
	interrupt()

	const ms = `\+[0-9.]+(µs|ms|s)` // after the command was accepted
	until(t, g, harness.Deadline, "both couriers", func(ctx context.Context) error {
		trace, err := g.Client.TraceRoom(ctx, room, 1)
		if err != nil {
			return err
		}
		if last := trace.GetChanges()[0]; last.GetVersion() != 3 || last.GetReceivedQueueAt() == nil || last.GetVisibleAt() == nil {
			return fmt.Errorf("the newest change is %v", last)
		}
		return nil
	})
	trace := greenroomSays(t, g, "trace", "room", id)
	mustSay(t, trace, `(?m)^room +`+id+`$`)
	mustSay(t, trace, `(?m)^committed +version 3$`)
	mustSay(t, trace, `(?m)^view +version 3$`)
	mustSay(t, trace, `(?m)^VERSION +TYPE +ACCEPTED +COMMITTED +SEQUENCED +PUBLISHED +DIRECT +QUEUE +APPLIED +FROM +VISIBLE$`)
	mustSay(t, trace, `(?m)^3 +LiveEnded +\S+ \S+ +`+ms+` .*(direct|queue) +`+ms)

	sessions := greenroomSays(t, g, "session", "list", id)
	mustSay(t, sessions, `ANCHOR_STOPPED`)
	mustSay(t, sessions, `manual`)
	mustSay(t, greenroomSays(t, g, "parked", "list"), `^Nothing is parked\.\n$`)
}

// watch runs `greenroom room watch` and hands out its lines; interrupt is Ctrl-C, which is a good end.
func watch(t *testing.T, g *harness.Greenroom, id string) (lines <-chan string, interrupt func()) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), harness.Deadline)
	t.Cleanup(cancel)
	cmd := commandLine(ctx, g, "room", "watch", id, "--after", "0")
	out, err := cmd.StdoutPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		t.Fatal(err)
	}
	said := make(chan string, 16)
	go func() {
		defer close(said)
		for s := bufio.NewScanner(out); s.Scan(); {
			said <- s.Text()
		}
	}()
	return said, func() {
		t.Helper()
		if err := cmd.Process.Signal(syscall.SIGINT); err != nil {
			t.Fatal(err)
		}
		for line := range said {
			t.Errorf("unexpected: %s", line)
		}
		if err := cmd.Wait(); err != nil {
			t.Errorf("interrupted: %v", err)
		}
	}
}

func mustSay(t *testing.T, text, pattern string) {
	t.Helper()
	if !regexp.MustCompile(pattern).MatchString(text) {
		t.Errorf("it says\n%s\nwant %s", strings.TrimRight(text, "\n"), pattern)
	}
}
