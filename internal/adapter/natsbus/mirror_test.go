package natsbus

import (
	"errors"
	"testing"
	"time"
)

// A mirror is given up for what cannot pass by itself.
func TestAMirrorIsJudged(t *testing.T) {
	type look struct {
		after time.Duration
		comparison
		want error
	}
	at := func(after time.Duration, last, home uint64, want error) look {
		return look{after, comparison{last: last, home: home}, want}
	}
	differs := look{0, comparison{last: 5, home: 9, differs: true}, errStrayed}
	for name, looks := range map[string][]look{
		"a copy, idle for long":            {at(0, 5, 5, nil), at(time.Hour, 5, 5, nil), at(2*time.Hour, 5, 7, nil)},
		"another message at its end":       {differs},
		"behind, and moving":               {at(0, 5, 9, nil), at(stuckAfter, 6, 99, nil), at(2*stuckAfter, 7, 999, nil)},
		"behind, and not moving":           {at(0, 5, 9, nil), at(stuckAfter-1, 5, 10, nil), at(stuckAfter, 5, 11, errStuck)},
		"empty, and not moving":            {at(0, 0, 9, nil), at(stuckAfter, 0, 9, errStuck)},
		"ahead of a leader that is new":    {at(0, 5, 4, nil), at(compareEvery, 5, 5, nil), at(stuckAfter, 5, 6, nil)},
		"ahead for good":                   {at(0, 5, 4, nil), at(stuckAfter, 5, 4, errStrayed)},
		"nothing was published":            {at(0, 0, 0, nil), at(time.Hour, 0, 0, nil)},
		"behind only since the last look":  {at(0, 5, 5, nil), at(stuckAfter, 5, 6, nil)},
		"caught up once, and behind again": {at(0, 5, 9, nil), at(stuckAfter-1, 9, 9, nil), at(stuckAfter, 9, 12, nil)},
	} {
		t.Run(name, func(t *testing.T) {
			var w watched
			start := time.Unix(1_790_000_000, 0)
			for i, l := range looks {
				if err := w.judge(l.comparison, start.Add(l.after)); !errors.Is(err, l.want) {
					t.Errorf("look %d: %v, want %v", i+1, err, l.want)
				}
			}
		})
	}
}
