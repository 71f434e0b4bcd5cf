package console

import (
	"fmt"
	"html/template"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

// clockText is a moment as tables show it, in UTC: operators compare it with logs.
func clockText(t time.Time) string {
	if t.IsZero() {
		return "–"
	}
	return t.UTC().Format("2 Jan 15:04:05")
}

// momentText is clockText with milliseconds, where the order of things matters.
func momentText(t time.Time) string { return t.UTC().Format("2 Jan 15:04:05.000") }

// minuteText is the minute of a chart.
func minuteText(t time.Time) string { return t.UTC().Format("2 Jan 15:04") }

// stamp is a moment for machines, in a datetime attribute.
func stamp(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05.000Z") }

// ago is an age with the precision that matters at its size.
func ago(d time.Duration) string {
	switch {
	case d < time.Second:
		return strconv.FormatInt(max(d, 0).Milliseconds(), 10) + " ms"
	case d < 10*time.Second:
		return strconv.FormatFloat(d.Seconds(), 'f', 1, 64) + " s"
	}
	return lasted(d)
}

// lasted is a length of time: "42 s", "5 min", "2 h 05 min", "3 d 4 h".
func lasted(d time.Duration) string { return lastedSeconds(int64(max(d, 0).Seconds())) }

// lastedSeconds is lasted for what a time.Duration does not hold.
func lastedSeconds(s int64) string {
	switch {
	case s < 60:
		return fmt.Sprintf("%d s", s)
	case s < 3600:
		return fmt.Sprintf("%d min %02d s", s/60, s%60)
	case s < 48*3600:
		return fmt.Sprintf("%d h %02d min", s/3600, s/60%60)
	}
	return fmt.Sprintf("%d d %d h", s/86400, s/3600%24)
}

// millis is the length of a step: finer where it is small.
func millis(d time.Duration) string {
	ms := float64(d) / float64(time.Millisecond)
	digits := 0
	switch {
	case ms > -10 && ms < 10:
		digits = 2
	case ms > -100 && ms < 100:
		digits = 1
	}
	return strconv.FormatFloat(ms, 'f', digits, 64) + " ms"
}

func plural(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return strconv.Itoa(n) + " " + many
}

// initial is the letter on a placeholder cover.
func initial(title string) string {
	for i, r := range title {
		if unicode.IsLetter(r) || unicode.IsNumber(r) {
			return strings.ToUpper(title[i : i+utf8.RuneLen(r)])
		}
	}
	return "·"
}

func escape(s string) string { return template.HTMLEscapeString(s) }
