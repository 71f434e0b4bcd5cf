package bench

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"
)

// spread is a figure over the rounds.
type spread struct{ median, min, max float64 }

// spreadOf takes at least one figure.
func spreadOf(rounds []float64) spread {
	s := slices.Sorted(slices.Values(rounds))
	mid := s[len(s)/2]
	if len(s)%2 == 0 {
		mid = (s[len(s)/2-1] + mid) / 2
	}
	return spread{mid, s[0], s[len(s)-1]}
}

// show prints "median unit (min–max)".
func (s spread) show(unit string) string {
	return fmt.Sprintf("%s %s (%s–%s)", digits(s.median), unit, digits(s.min), digits(s.max))
}

// percentile is the nearest rank: a value that was really measured. 0 for no values; p in (0, 1].
func percentile(sorted []time.Duration, p float64) time.Duration {
	if len(sorted) == 0 {
		return 0
	}
	rank := int(math.Ceil(p * float64(len(sorted))))
	return sorted[min(max(rank, 1), len(sorted))-1]
}

// digits prints three that count, and whole numbers with their thousands apart.
func digits(f float64) string {
	switch size := math.Abs(f); {
	case size >= 1000:
		return thousands(int64(math.Round(f)))
	case size >= 100:
		return strconv.FormatFloat(f, 'f', 0, 64)
	case size >= 10:
		return strconv.FormatFloat(f, 'f', 1, 64)
	default:
		return strconv.FormatFloat(f, 'f', 2, 64)
	}
}

func thousands(n int64) string {
	if n < 0 {
		return "-" + thousands(-n)
	}
	s := strconv.FormatInt(n, 10)
	var parts []string
	for ; len(s) > 3; s = s[:len(s)-3] {
		parts = append([]string{s[len(s)-3:]}, parts...)
	}
	return strings.Join(append([]string{s}, parts...), ",")
}

// micros is d in microseconds, millis in milliseconds, both with what is below.
func micros(d time.Duration) float64 { return float64(d) / float64(time.Microsecond) }
func millis(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }
