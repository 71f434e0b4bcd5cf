package storetest

import (
	"slices"
	"testing"
	"time"

	"github.com/greenroomlive/greenroom/internal/core/ident"
	"github.com/greenroomlive/greenroom/internal/core/view"
	"github.com/greenroomlive/greenroom/internal/flow/chart"
	"github.com/greenroomlive/greenroom/internal/flow/query"
)

// ChartStore is the history of audiences in room_c.
type ChartStore interface {
	chart.Store
	query.History
}

// Chart runs the suite. open makes an empty store that ends with the test; reopen opens it again on what it holds.
func Chart(t *testing.T, open func(t *testing.T) (store ChartStore, reopen func() ChartStore)) {
	for _, c := range []struct {
		promise string
		test    func(*testing.T, *chartWorld)
	}{
		{"points are read by room, session and time", readsPoints},
		{"a minute has the first point that was stored", firstPoint},
		{"points are forgotten by age, in steps", forgetsPoints},
		{"points are there after a restart", keepsPoints},
	} {
		t.Run(c.promise, func(t *testing.T) {
			store, reopen := open(t)
			c.test(t, &chartWorld{t, store, reopen})
		})
	}
}

type chartWorld struct {
	*testing.T
	store  ChartStore
	reopen func() ChartStore
}

// noon is a minute in 2026.
var noon = time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)

// point is what a session was counted as so many minutes after noon.
func point(room ident.RoomID, session ident.SessionID, minute int64) view.Count {
	n := int64(session)*1_000_000 + minute*10
	return view.Count{
		Room: room, Session: session, AsOf: noon.Add(time.Duration(minute) * time.Minute),
		Online: n + 1, Peak: n + 2, Likes: n + 3, Unique: n + 4, WatchSeconds: n<<20 + 5,
	}
}

func (w *chartWorld) record(points ...view.Count) {
	w.Helper()
	if err := w.store.Record(w.Context(), points); err != nil {
		w.Fatal(err)
	}
}

// want checks what is read of room 1.
func (w *chartWorld) want(session ident.SessionID, from, to time.Time, limit int, want ...view.Count) {
	w.Helper()
	got, err := w.store.Points(w.Context(), 1, session, from, to, limit)
	if err != nil {
		w.Fatal(err)
	}
	if !slices.Equal(got, want) {
		w.Errorf("of session %d from %s to %s:\ngot  %v\nwant %v", session, from, to, got, want)
	}
}

func readsPoints(_ *testing.T, w *chartWorld) {
	w.record()
	w.record(point(1, 7, 2), point(1, 7, 0), point(1, 8, 1), point(2, 9, 0))
	w.record(point(1, 7, 1), point(1, 7, 3))
	begin, end := time.Time{}, noon.Add(time.Hour)
	w.want(7, begin, end, 10, point(1, 7, 0), point(1, 7, 1), point(1, 7, 2), point(1, 7, 3))
	w.want(7, begin, end, 2, point(1, 7, 0), point(1, 7, 1))
	w.want(7, noon.Add(time.Minute), noon.Add(3*time.Minute), 10, point(1, 7, 1), point(1, 7, 2))
	w.want(7, noon.Add(time.Second), noon.Add(2*time.Minute+time.Second), 10, point(1, 7, 1), point(1, 7, 2)) // a minute counts by its beginning
	w.want(8, begin, end, 10, point(1, 8, 1))
	w.want(9, begin, end, 10) // of another room
	w.want(6, begin, end, 10)
}

func firstPoint(_ *testing.T, w *chartWorld) {
	first, other := point(1, 7, 0), point(1, 7, 0)
	other.Online++
	w.record(first)
	w.record(other, point(1, 7, 1))
	w.want(7, noon, noon.Add(time.Hour), 10, first, point(1, 7, 1))
}

func forgetsPoints(t *testing.T, w *chartWorld) {
	const old = 2500
	for from := int64(0); from < old; from += chart.MaxPoints {
		points := make([]view.Count, chart.MaxPoints)
		for i := range points {
			points[i] = point(1, 7, from+int64(i)-old)
		}
		w.record(points...)
	}
	w.record(point(1, 7, 0), point(1, 7, 1))
	steps := 0
	for more := true; more; steps++ {
		var err error
		if more, err = w.store.ForgetPoints(w.Context(), noon); err != nil {
			t.Fatal(err)
		}
		if steps > old {
			t.Fatal("it never ends")
		}
	}
	w.want(7, time.Time{}, noon.Add(time.Hour), 10, point(1, 7, 0), point(1, 7, 1))
}

func keepsPoints(_ *testing.T, w *chartWorld) {
	w.record(point(1, 7, 0))
	w.store = w.reopen()
	w.want(7, noon, noon.Add(time.Hour), 10, point(1, 7, 0))
}
