package faults

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/greenroomlive/greenroom/internal/e2e/harness"
)

// within is how soon the views must be complete again after a loss.
const within = 5 * time.Second

func TestTheBrokersFolderIsDeletedUnderLoad(t *testing.T) {
	g := start(t)
	tr := drive(t, g, 2, nil) // viewers notice nothing
	for round := range 3 {
		if !tr.after(300) {
			t.Fatal("no commands are acknowledged")
		}
		promises := tr.promises()
		from := time.Now()
		remove(t, filepath.Join(g.Dir, "bus"))
		tr.awaitViews(g, promises, promised(within))
		views := time.Since(from)
		tr.awaitQueue(g, promised(within)-views)
		t.Logf("round %d: views complete after %v, the queue brings events again after %v", round, views, time.Since(from))
	}
	tr.audit(g)
}

func TestTheBrokersFolderIsDeletedWhileStopped(t *testing.T) {
	for name, stop := range map[string]func(*harness.Greenroom){
		"after a clean stop": func(g *harness.Greenroom) { g.Stop() },
		"after a kill":       func(g *harness.Greenroom) { g.Kill() },
	} {
		t.Run(name, func(t *testing.T) {
			g := start(t)
			tr := drive(t, g, 3, whileDown)
			if !tr.after(500) {
				t.Fatal("no commands are acknowledged")
			}
			stop(g)
			remove(t, filepath.Join(g.Dir, "bus"))
			promises := tr.promises()
			g.Restart()
			from := time.Now()
			tr.awaitViews(g, promises, promised(within))
			views := time.Since(from)
			tr.awaitQueue(g, promised(within)-views)
			t.Logf("views complete after %v, the queue brings events after %v", views, time.Since(from))
			tr.audit(g)
		})
	}
}

// awaitViews waits until viewers see at least what was promised, proven fresh.
func (tr *traffic) awaitViews(g *harness.Greenroom, promises map[int64]ack, most time.Duration) {
	tr.t.Helper()
	from := time.Now()
	until(tr.t, g, most, "complete views", func(context.Context) error {
		viewed, err := tr.viewed(g)
		if err != nil {
			return err
		}
		for id, promise := range promises {
			if got := viewed[id].room.GetVersion(); got < promise.version {
				return fmt.Errorf("room %d is seen at version %d, %d was acknowledged", id, got, promise.version)
			}
		}
		return nil
	})
	until(tr.t, g, most-time.Since(from), "a proof of freshness", func(context.Context) error {
		if age := metric(tr.t, g, "greenroom_project_proven_age_seconds"); age > time.Since(from).Seconds() {
			return fmt.Errorf("the newest proof is %v s old", age)
		}
		return nil
	})
}

// awaitQueue waits until there is a broker on a new folder, and it brings events.
func (tr *traffic) awaitQueue(g *harness.Greenroom, most time.Duration) {
	tr.t.Helper()
	from := time.Now()
	streams := filepath.Join(g.Dir, "bus", "jetstream", "$G", "streams", "ROOM_EVENTS", "msgs")
	until(tr.t, g, most, "a new broker", func(context.Context) error {
		_, err := os.Stat(streams)
		return err
	})
	before := queued(tr.t, g) // what the broker of the deleted folder still brought does not count
	until(tr.t, g, most-time.Since(from), "events by the queue", func(context.Context) error {
		if n := queued(tr.t, g) - before; n < 100 {
			return fmt.Errorf("it brought %v", n)
		}
		return nil
	})
}

// queued is how many events the queue has brought since the start.
func queued(t *testing.T, g *harness.Greenroom) float64 {
	t.Helper()
	return metric(t, g, `greenroom_station_passed_total{courier="queue",station="received"}`)
}

// metric reads one number of /metrics; 0 while it is not there.
func metric(t *testing.T, g *harness.Greenroom, name string) float64 {
	t.Helper()
	page, err := get(t.Context(), g.CommandURL+"/metrics")
	if err != nil {
		t.Fatal(err)
	}
	for lines := bufio.NewScanner(bytes.NewReader(page)); lines.Scan(); {
		if text, found := strings.CutPrefix(lines.Text(), name+" "); found {
			value, err := strconv.ParseFloat(text, 64)
			if err != nil {
				t.Fatal(err)
			}
			return value
		}
	}
	return 0
}

// remove deletes a folder in which somebody may be making files.
func remove(t *testing.T, dir string) {
	t.Helper()
	for range 100 {
		if err := os.RemoveAll(dir); err == nil {
			return
		}
	}
	t.Fatalf("%s cannot be removed", dir)
}
