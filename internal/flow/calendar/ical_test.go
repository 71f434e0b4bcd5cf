package calendar_test

import (
	"bytes"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	ics "github.com/arran4/golang-ical"

	"github.com/greenroomlive/greenroom/internal/core/view"
	"github.com/greenroomlive/greenroom/internal/flow/calendar"
)

// Another's parser reads what was written.
func TestAnExportedCalendarIsReadByAnother(t *testing.T) {
	changed := time.Date(2026, 10, 1, 12, 0, 0, 0, time.UTC)
	start := time.Date(2026, 10, 23, 18, 0, 0, 0, time.UTC)
	titles := []string{"Night radio", `a, b; c\ d "e"`, strings.Repeat("長い番組の名前", 14), "BEGIN:VEVENT"}
	var entries []calendar.Entry
	for i, title := range titles {
		begin := start.AddDate(0, 0, i)
		entries = append(entries, calendar.Entry{Occurrence: view.Occurrence{Plan: 7, Title: title, Original: begin.Format(view.WallClock), Start: begin, End: begin.Add(time.Hour)},
			ChangedAt: changed, Changes: 3})
	}
	text := calendar.AppendICal(nil, "Anchor 42, planned", entries)
	for line := range bytes.SplitSeq(bytes.TrimSuffix(text, []byte("\r\n")), []byte("\r\n")) {
		if len(line) > 75 || !utf8.Valid(line) || bytes.ContainsAny(line, "\r\n") {
			t.Errorf("no line of RFC 5545: %q", line)
		}
	}
	read, err := ics.ParseCalendar(bytes.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	events := read.Events()
	if len(events) != len(titles) {
		t.Fatalf("%d events", len(events))
	}
	seen := map[string]bool{}
	for i, e := range events {
		begins, err := e.GetStartAt()
		ends, err2 := e.GetEndAt()
		stamped, err3 := e.GetDtStampTime()
		if err != nil || err2 != nil || err3 != nil || !begins.Equal(entries[i].Start) || !ends.Equal(entries[i].End) || !stamped.Equal(changed) {
			t.Errorf("%q: %s to %s, stamped %s; %v %v %v", titles[i], begins, ends, stamped, err, err2, err3)
		}
		if got := ics.FromText(e.GetProperty(ics.ComponentPropertySummary).Value); got != titles[i] {
			t.Errorf("title %q, want %q", got, titles[i])
		}
		seen[e.Id()] = true
	}
	if len(seen) != len(titles) {
		t.Errorf("names of events: %v", seen)
	}
}
