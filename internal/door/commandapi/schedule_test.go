package commandapi_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/greenroomlive/greenroom/internal/core/fault"
	"github.com/greenroomlive/greenroom/internal/core/view"
)

const friday = `{"title":"Night radio","start":"2099-10-16T20:00:00","zone":"Europe/Berlin","length_minutes":60}`

func TestWhatIsPlannedOverREST(t *testing.T) {
	h := open(t, nil)
	id := h.room()
	path := "/v1/rooms/" + id + "/schedule"
	for _, bad := range []struct{ body, field string }{
		{`{"title":"","start":"2099-10-16T20:00:00","zone":"UTC","length_minutes":60}`, "title"},
		{`{"title":"a","start":"2099-10-16","zone":"UTC","length_minutes":60}`, "start"},
		{`{"title":"a","start":"2099-10-16T20:00:00","zone":"Moon","length_minutes":60}`, "zone"},
		{`{"title":"a","start":"2099-10-16T20:00:00","zone":"UTC","length_minutes":60,"rule":"FREQ=HOURLY"}`, "rule"},
		{friday, "start"}, // more than ten years ahead
		{`{"titel":"typo"}`, "titel"},
	} {
		h.wantFault(h.do("POST", path, bad.body), fault.InvalidArgument, bad.field)
	}
	h.wantFault(h.do("DELETE", path+"/7", ""), fault.PlanNotFound, "")
	h.wantFault(h.do("GET", path+":occurrences?until=2026-01-01T00:00:00Z", ""), fault.InvalidArgument, "until")
	a := h.want(h.do("GET", path+":occurrences?from=2026-10-01T00:00:00Z&to=2026-11-01T00:00:00Z&limit=5", ""), 200)
	if got := a.at("occurrences"); got == nil {
		t.Errorf("no list: %v", a)
	}
	if a := h.want(h.do("GET", path, ""), 200); a.at("plan_id") != "0" || a.header.Get("X-Room-Version") != "1" {
		t.Errorf("read: %v", a.at("schedule"))
	}
}

func TestAPlanAndItsExceptionsOverREST(t *testing.T) {
	h := open(t, nil)
	path := "/v1/rooms/" + h.room() + "/schedule"
	first := time.Now().UTC().Add(48 * time.Hour).Truncate(time.Hour)
	body := `{"title":"Night radio","start":"` + first.Format(view.WallClock) + `","zone":"UTC","length_minutes":60,"rule":"FREQ=DAILY;COUNT=3"}`
	a := h.want(h.do("POST", path, body, header{"If-Match": `"1"`}), 200)
	plan := path + "/" + a.at("plan_id").(string)
	h.wantFault(h.do("POST", path, body, header{"If-Match": `"1"`}), fault.VersionConflict, "")
	day := func(n int) string { return first.AddDate(0, 0, n).Format(view.WallClock) }
	h.want(h.do("POST", plan+":cancel", `{"original":"`+day(1)+`"}`), 200)
	h.want(h.do("POST", plan+":move", `{"original":"`+day(2)+`","to":"`+day(5)+`"}`), 200)
	h.wantFault(h.do("POST", plan+":cancel", `{"original":"`+day(3)+`"}`), fault.PlanNotFound, "original")
	h.want(h.do("PUT", plan, strings.Replace(body, "Night", "Day", 1)), 200)
	a = h.want(h.do("GET", path+":occurrences", ""), 200)
	var got []string
	for _, o := range a.at("occurrences").([]any) {
		o := o.(map[string]any)
		got = append(got, o["starts_at"].(string)+" "+o["title"].(string))
	}
	want := []string{first.Format(time.RFC3339) + " Day radio", first.AddDate(0, 0, 5).Format(time.RFC3339) + " Day radio"}
	if !slices.Equal(got, want) {
		t.Errorf("occurrences %q, want %q", got, want)
	}
	if ics := h.want(h.do("GET", "/v1/anchors/"+h.want(h.do("GET", strings.TrimSuffix(path, "/schedule"), ""), 200).at("room", "anchor_id").(string)+"/schedule.ics", ""), 200); strings.Count(ics.text, "SUMMARY:Day radio\r\n") != 2 {
		t.Errorf("exported: %s", ics.text)
	}
	h.want(h.do("DELETE", plan, ""), 200)
	if a := h.want(h.do("GET", path, ""), 200); a.header.Get("X-Room-Version") != "6" {
		t.Errorf("afterwards: %v at %s", a.at("schedule"), a.header.Get("X-Room-Version"))
	}
}

func TestACalendarIsServedToEverybody(t *testing.T) {
	h := open(t, nil)
	path := "/v1/anchors/7/schedule.ics"
	get := func(headers ...header) answer {
		t.Helper()
		return h.do("GET", path, "", append(headers, header{"Authorization": ""})...)
	}
	a := get()
	etag := a.header.Get("ETag")
	if a.status != 200 || a.header.Get("Content-Type") != "text/calendar; charset=utf-8" || etag == "" || !strings.HasPrefix(a.text, "BEGIN:VCALENDAR\r\n") {
		t.Fatalf("%d %v %q", a.status, a.header, a.text)
	}
	if a := get(header{"If-None-Match": etag}); a.status != 304 || a.text != "" || a.header.Get("ETag") != etag {
		t.Errorf("unchanged: %d %q", a.status, a.text)
	}
	h.wantFault(h.do("GET", "/v1/anchors/me/schedule.ics", ""), fault.InvalidArgument, "uid")
	h.wantFault(h.do("POST", path, ""), fault.MethodNotAllowed, "")
}
