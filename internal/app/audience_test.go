package app

import (
	"testing"
	"time"

	"github.com/greenroomlive/greenroom/internal/adapter/memory"
	"github.com/greenroomlive/greenroom/internal/core/view"
	"github.com/greenroomlive/greenroom/internal/flow/query"
)

// The most viewers of two days are in the chart's second page; a restart in between had the peak begin anew.
func TestThePeakIsInTheChart(t *testing.T) {
	views := memory.NewViews()
	from := time.Unix(1_790_000_000, 0).UTC().Truncate(time.Minute)
	for i := range 2*query.MaxPoints + 5 {
		p := view.Count{Room: 7, Session: 70, Online: 3, Peak: 5, AsOf: from.Add(time.Duration(i) * time.Minute)}
		if i == query.MaxPoints+1 {
			p.Peak = 41
		}
		if err := views.Record(t.Context(), []view.Count{p}); err != nil {
			t.Fatal(err)
		}
	}
	if got, err := (past{views}).Peak(t.Context(), 7, 70); got != 41 || err != nil {
		t.Errorf("%d, %v; want 41", got, err)
	}
	if got, err := (past{views}).Peak(t.Context(), 7, 71); got != 0 || err != nil {
		t.Errorf("of a broadcast that nobody watched: %d, %v", got, err)
	}
}
