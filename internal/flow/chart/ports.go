package chart

import (
	"context"
	"time"

	"github.com/greenroomlive/greenroom/internal/core/view"
)

// MaxPoints bounds the points of one Record.
const MaxPoints = 500

// Store is where points are kept. Safe for concurrent use.
type Store interface {
	// Record stores the points, at most MaxPoints, all or none. A point's AsOf is its minute, a whole one; where the session has
	// a point of that minute already, it stays as it is. STORE_UNAVAILABLE: they may have been stored.
	Record(ctx context.Context, points []view.Count) error
	// ForgetPoints drops some of the points of minutes before keep, and says whether there are more.
	ForgetPoints(ctx context.Context, keep time.Time) (more bool, err error)
}
