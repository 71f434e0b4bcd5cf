package hotkey

import (
	"cmp"
	"math/rand/v2"
	"slices"
	"time"
)

// Detector tells which keys are hot.
type Detector struct {
	sketch sketch
	from   float64
	top    int

	// Of Turn's caller only.
	turned time.Time
	hot    map[int64]Hot
}

// Hot is a key that is asked often.
type Hot struct {
	Key       int64
	PerSecond float64   // an estimate
	Since     time.Time // the end of the window that found it
}

// New makes a detector whose first window begins now. A key is hot from so many counts a second on; of
// more than top hot keys only the hottest are.
func New(now time.Time, from float64, top int) *Detector {
	d := &Detector{from: from, top: top, turned: now, hot: map[int64]Hot{}}
	d.sketch.init(rand.Uint64())
	return d
}

// From is the rate from which a key is hot, in counts a second.
func (d *Detector) From() float64 { return d.from }

// Turn ends a window and begins the next. It returns the keys that are hot now, the hottest first; the
// slice is the caller's. A window without a length ends nothing: the clock stood still, or went back.
//
// One window at the rate makes a key hot. It stays so until its rate, in which each window counts
// for half of all before it, has fallen below half: a room on the edge does not come and go.
func (d *Detector) Turn(now time.Time) []Hot {
	if elapsed := now.Sub(d.turned).Seconds(); elapsed > 0 {
		d.turned = now
		d.judge(d.sketch.drain(), sample/elapsed, now)
	}
	out := make([]Hot, 0, len(d.hot))
	for _, h := range d.hot {
		out = append(out, h)
	}
	slices.SortFunc(out, func(a, b Hot) int {
		return cmp.Or(cmp.Compare(b.PerSecond, a.PerSecond), cmp.Compare(a.Key, b.Key))
	})
	if len(out) > d.top {
		for _, h := range out[d.top:] {
			delete(d.hot, h.Key)
		}
		out = out[:d.top]
	}
	return out
}

// judge takes in the samples of a window; each stands for scale counts a second.
func (d *Detector) judge(samples map[int64]uint32, scale float64, now time.Time) {
	for key, h := range d.hot {
		h.PerSecond = (h.PerSecond + float64(samples[key])*scale) / 2
		d.hot[key] = h
		delete(samples, key)
		if h.PerSecond < d.from/2 {
			delete(d.hot, key)
		}
	}
	for key, n := range samples {
		if rate := float64(n) * scale; rate >= d.from {
			d.hot[key] = Hot{Key: key, PerSecond: rate, Since: now}
		}
	}
}
