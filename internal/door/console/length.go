package console

import (
	"net/http"
	"strconv"
	"time"

	"github.com/greenroomlive/greenroom/internal/core/fault"
)

// lengths are how long a thing may be in force from the page; 0 is until it is taken back.
var lengths = []time.Duration{0, 10 * time.Minute, time.Hour, 24 * time.Hour, 7 * 24 * time.Hour}

// lengthChoice is the field of a form in which one of them is chosen.
type lengthChoice struct {
	Length time.Duration
	// Forever is what 0 is called.
	Forever string
}

// Lengths are the choices.
func (lengthChoice) Lengths() []time.Duration { return lengths }

// LengthWord is a length as people say it.
func (f lengthChoice) LengthWord(d time.Duration) string {
	switch {
	case d == 0:
		return f.Forever
	case d%(24*time.Hour) == 0:
		return plural(int(d/(24*time.Hour)), "day", "days")
	case d%time.Hour == 0:
		return plural(int(d/time.Hour), "hour", "hours")
	}
	return plural(int(d/time.Minute), "minute", "minutes")
}

// Seconds is a length as the form sends it.
func (lengthChoice) Seconds(d time.Duration) int64 { return int64(d / time.Second) }

// lengthSent reads the field. What is none of the choices was not sent by the form.
func lengthSent(r *http.Request) (time.Duration, error) {
	seconds, err := strconv.Atoi(r.PostFormValue("seconds"))
	if err != nil || seconds < 0 || time.Duration(seconds)*time.Second > lengths[len(lengths)-1] {
		return 0, fault.InvalidArgument.New("the length is none of those offered").With("field", "until")
	}
	return time.Duration(seconds) * time.Second, nil
}
