package relay_test

import (
	"context"
	"errors"
	"log/slog"
	"testing"
	"testing/synctest"
	"time"

	"github.com/greenroomlive/greenroom/internal/core/event"
	"github.com/greenroomlive/greenroom/internal/core/ident"
	"github.com/greenroomlive/greenroom/internal/flow/relay"
)

// frontier is a log that takes its time to answer.
type frontier struct {
	seq  ident.FeedSeq
	took time.Duration
	err  error
}

func (f *frontier) Frontier(ctx context.Context) (string, ident.FeedSeq, error) {
	select {
	case <-time.After(f.took):
		return "e", f.seq, f.err
	case <-ctx.Done():
		return "", 0, ctx.Err()
	}
}

// chest hears beats; it may refuse them or hang.
type chest struct {
	beats []event.Beat
	err   error
	hangs bool
}

func (c *chest) Beat(ctx context.Context, b event.Beat) error {
	if c.hangs {
		<-ctx.Done()
		return ctx.Err()
	}
	c.beats = append(c.beats, b)
	return c.err
}

// deaf counts beats that come when their time is over.
type deaf struct{ late int }

func (d *deaf) Beat(ctx context.Context, _ event.Beat) error {
	if ctx.Err() != nil {
		d.late++
	}
	return nil
}

// beating runs a heart for a while.
func beating(t *testing.T, f *frontier, d time.Duration, couriers ...relay.BeatCourier) {
	t.Helper()
	ctx, stop := context.WithTimeout(t.Context(), d)
	defer stop()
	if err := relay.NewHeart(f, time.Now, slog.New(slog.DiscardHandler), couriers...).Run(ctx); err != nil {
		t.Error(err)
	}
}

func TestTheHeartBeatsByAllCouriers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		refuses, hears := &chest{err: errors.New("gone")}, &chest{}
		began := time.Now()
		beating(t, &frontier{seq: 7}, 10*time.Second, refuses, hears)
		if n := len(hears.beats); n < 40 || n > 41 {
			t.Errorf("%d beats in 10 s", n)
		}
		if b := hears.beats[0]; b != (event.Beat{Epoch: "e", Seq: 7, At: began}) {
			t.Errorf("the first beat is %+v", b)
		}
	})
}

// What commits while the log answers may lie beyond the answer.
func TestABeatIsOfTheTimeBeforeTheLogWasAsked(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		hears := &chest{}
		began := time.Now()
		beating(t, &frontier{seq: 7, took: 100 * time.Millisecond}, 150*time.Millisecond, hears)
		if len(hears.beats) != 1 || !hears.beats[0].At.Equal(began) {
			t.Errorf("asked at %s: %+v", began, hears.beats)
		}
	})
}

func TestNothingStopsTheHeart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		hears := &chest{}
		beating(t, &frontier{err: errors.New("no log")}, time.Second, hears)
		if len(hears.beats) != 0 {
			t.Error("a beat of a log that did not answer")
		}
		heeds := &deaf{}
		beating(t, &frontier{seq: 7}, 9900*time.Millisecond, &chest{hangs: true}, heeds, hears)
		if heeds.late > 0 {
			t.Errorf("%d beats came to a courier after another one had used up their time", heeds.late)
		}
		if n := len(hears.beats); n < 20 {
			t.Errorf("%d beats in 10 s beside a courier that hangs", n)
		}
	})
}
