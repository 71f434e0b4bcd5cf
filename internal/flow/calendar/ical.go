package calendar

import (
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/greenroomlive/greenroom/internal/core/view"
)

// Entry is one broadcast of an exported calendar.
type Entry struct {
	view.Occurrence
	// ChangedAt and Changes are of the plan.
	ChangedAt time.Time
	Changes   int
}

// stamp is RFC 5545's date-time in UTC.
const stamp = "20060102T150405Z"

// AppendICal writes broadcasts as a calendar of RFC 5545. Each stands for itself, in UTC: then every reader shows what
// Greenroom says, whatever it knows of rules and zones. The same entries are the same bytes.
func AppendICal(b []byte, name string, entries []Entry) []byte {
	line := func(text string) { b = appendFolded(b, text) }
	line("BEGIN:VCALENDAR")
	line("VERSION:2.0")
	line("PRODID:-//Greenroom//Schedule//EN")
	line("CALSCALE:GREGORIAN")
	line("NAME:" + escape(name))
	line("X-WR-CALNAME:" + escape(name))
	line("REFRESH-INTERVAL;VALUE=DURATION:PT1H")
	for _, e := range entries {
		line("BEGIN:VEVENT")
		line("UID:" + e.Plan.String() + "-" + strings.NewReplacer("-", "", ":", "").Replace(e.Original) + "@greenroom")
		line("DTSTAMP:" + e.ChangedAt.UTC().Format(stamp))
		line("SEQUENCE:" + strconv.Itoa(e.Changes))
		line("DTSTART:" + e.Start.UTC().Format(stamp))
		line("DTEND:" + e.End.UTC().Format(stamp))
		line("SUMMARY:" + escape(e.Title))
		line("END:VEVENT")
	}
	line("END:VCALENDAR")
	return b
}

// escape is for values of the type TEXT.
func escape(s string) string {
	return strings.NewReplacer(`\`, `\\`, ";", `\;`, ",", `\,`, "\n", `\n`).Replace(s)
}

// maxLine is how many bytes a line may have, without its end.
const maxLine = 75

// appendFolded breaks what is too long before a rune: half a letter on a line is no text for readers that unfold late.
func appendFolded(b []byte, line string) []byte {
	for room := maxLine; len(line) > room; room = maxLine - 1 { // the space that begins what goes on counts
		cut := room
		for !utf8.RuneStart(line[cut]) {
			cut--
		}
		b = append(append(b, line[:cut]...), "\r\n "...)
		line = line[cut:]
	}
	return append(append(b, line...), "\r\n"...)
}
