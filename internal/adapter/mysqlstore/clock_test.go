package mysqlstore_test

import (
	"context"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/greenroomlive/greenroom/internal/adapter/mysqlstore"
)

// A process whose own clock is an hour off goes by the database's, and says so.
func TestTheDatabasesClockCounts(t *testing.T) {
	s := openRooms(t, database(t, mysqlstore.SideB))
	c, err := s.OpenClock(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	near := func(what string) {
		t.Helper()
		if off := time.Since(c.Now()).Abs(); off > time.Minute { // one machine: an hour is the error that is looked for
			t.Errorf("%s the time is off by %s", what, off)
		}
	}
	near("with a clock that is right")
	for _, off := range []time.Duration{time.Hour, -time.Hour} {
		if err := c.PutOff(t.Context(), off); err != nil {
			t.Fatal(err)
		}
		near("with a clock that is off by " + off.String())
	}
	if s.StampedAt().Sub(c.Now()).Abs() > time.Minute {
		t.Error("commits are stamped by another clock")
	}
	var log strings.Builder
	ctx, stop := context.WithCancel(t.Context())
	stop()
	if err := c.Run(ctx, slog.New(slog.NewTextHandler(&log, nil))); err != nil || log.Len() > 0 {
		t.Errorf("a run that has ended says %q (%v)", log.String(), err)
	}
}
