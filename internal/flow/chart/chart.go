package chart

import (
	"context"
	"log/slog"
	"time"

	"github.com/greenroomlive/greenroom/internal/core/view"
)

const (
	// Life is how long points are kept.
	Life = 30 * 24 * time.Hour
	// storeWithin bounds the storing of a minute, and the forgetting after it: the next minute is due then.
	storeWithin = 30 * time.Second
)

// What becomes of points, as Config.Count is told.
const (
	Stored = "stored"
	Lost   = "lost"
)

// Outcomes is every word that Config.Count may be told.
func Outcomes() []string { return []string{Stored, Lost} }

// Config is what a Recorder needs. All fields but the last are required.
type Config struct {
	Store Store
	// Counts are the newest counts of the sessions that have viewers, and of those that moved since a moment.
	Counts func(since time.Time) []view.Count
	Now    func() time.Time
	Logger *slog.Logger
	// Count is told what became of so many points; may be nil.
	Count func(what string, n int)
}

// Recorder stores what was counted, minute by minute.
type Recorder struct {
	Config
	failing bool
}

// New makes a recorder; Run brings it to life.
func New(c Config) *Recorder {
	if c.Count == nil {
		c.Count = func(string, int) {}
	}
	return &Recorder{Config: c}
}

// Run stores the points of each minute at its end, until ctx ends, and then returns nil.
func (r *Recorder) Run(ctx context.Context) error {
	for {
		now := r.Now()
		minute := now.Truncate(time.Minute)
		end := time.NewTimer(minute.Add(time.Minute).Sub(now))
		select {
		case <-ctx.Done():
			end.Stop()
			return nil
		case <-end.C:
		}
		r.report(ctx, r.end(ctx, minute))
	}
}

// report logs the first of failures in a row.
func (r *Recorder) report(ctx context.Context, err error) {
	if err != nil && !r.failing && ctx.Err() == nil {
		r.Logger.Warn("chart: points of the audience cannot be stored; their minutes will be missing", "error", err)
	}
	r.failing = err != nil
}

// end stores the points of a minute that is over, and forgets what is too old.
func (r *Recorder) end(ctx context.Context, minute time.Time) error {
	ctx, cancel := context.WithTimeout(ctx, storeWithin)
	defer cancel()
	points := r.Counts(minute)
	for i := range points {
		points[i].AsOf = minute
	}
	for len(points) > 0 {
		some := points[:min(len(points), MaxPoints)]
		if err := r.Store.Record(ctx, some); err != nil {
			r.Count(Lost, len(points))
			return err
		}
		r.Count(Stored, len(some))
		points = points[len(some):]
	}
	for more := true; more; {
		var err error
		if more, err = r.Store.ForgetPoints(ctx, minute.Add(-Life)); err != nil {
			return err
		}
	}
	return nil
}
