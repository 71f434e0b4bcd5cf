package view_test

import (
	"encoding/json"
	"reflect"
	"slices"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/greenroomlive/greenroom/internal/core/view"
)

var noon = time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)

func full() view.RoomCard {
	return view.RoomCard{ID: 1, AnchorID: 2, Title: "t", AreaID: 3, CoverURL: "https://x/y", Tags: []string{"a"}, Language: "en",
		Live:    view.LiveState{Status: view.Live, SessionID: 4, Epoch: 5, StartedAt: noon},
		Control: view.Control{State: view.Locked, Reason: "r", Until: noon}, Extension: view.Extension{Announcement: "n", Pinned: "p", Badges: []string{"b"}},
		Audience: view.Audience{Online: 6, Peak: 7, Likes: 8}, Version: 9, UpdatedAt: noon}
}

// changes has one for each thing that can differ, under the name Diff has for it; "" for none.
var changes = []struct {
	name   string
	change func(*view.RoomCard)
}{
	{"id", func(c *view.RoomCard) { c.ID++ }}, {"anchor_id", func(c *view.RoomCard) { c.AnchorID++ }},
	{"title", func(c *view.RoomCard) { c.Title += "x" }}, {"area_id", func(c *view.RoomCard) { c.AreaID++ }},
	{"cover_url", func(c *view.RoomCard) { c.CoverURL += "x" }}, {"tags", func(c *view.RoomCard) { c.Tags = []string{"b"} }},
	{"language", func(c *view.RoomCard) { c.Language = "fr" }},
	{"live.status", func(c *view.RoomCard) { c.Live.Status = view.Interrupted }}, {"live.session_id", func(c *view.RoomCard) { c.Live.SessionID++ }},
	{"live.epoch", func(c *view.RoomCard) { c.Live.Epoch++ }}, {"live.started_at", func(c *view.RoomCard) { c.Live.StartedAt = noon.Add(time.Second) }},
	{"control", func(c *view.RoomCard) { c.Control.State = view.Cut }}, {"control", func(c *view.RoomCard) { c.Control.Reason += "x" }},
	{"control", func(c *view.RoomCard) { c.Control.Until = time.Time{} }},
	{"extension.announcement", func(c *view.RoomCard) { c.Extension.Announcement += "x" }},
	{"extension.pinned", func(c *view.RoomCard) { c.Extension.Pinned += "x" }}, {"extension.badges", func(c *view.RoomCard) { c.Extension.Badges = nil }},
	{"", func(c *view.RoomCard) { c.Version++ }}, {"", func(c *view.RoomCard) { c.UpdatedAt = noon.Add(time.Second) }},
}

// TestDiffAndChecksum: whatever differs is named, and none of it escapes the checksum.
func TestDiffAndChecksum(t *testing.T) {
	a := full()
	if got := view.Diff(&a, &a); len(got) != 0 {
		t.Errorf("a card differs from itself in %v", got)
	}
	for _, c := range changes {
		b := full()
		c.change(&b)
		var want []string
		if c.name != "" {
			want = []string{c.name}
		}
		if got := view.Diff(&a, &b); !slices.Equal(got, want) {
			t.Errorf("changed %q, the difference is %v", c.name, got)
		}
		if a.Checksum() == b.Checksum() {
			t.Errorf("changed %q, the checksum is the same", c.name)
		}
	}
}

func TestOnAir(t *testing.T) {
	for status, want := range map[view.LiveStatus]bool{view.Idle: false, view.Live: true, view.Interrupted: true} {
		c := view.RoomCard{Live: view.LiveState{Status: status}}
		if c.OnAir() != want {
			t.Errorf("%s is on air: %v", status, c.OnAir())
		}
	}
}

func TestTimes(t *testing.T) {
	for _, c := range []struct {
		at   time.Time
		want string
	}{
		{time.Time{}, "null"}, {noon, `"2026-11-22T12:00:00Z"`}, {noon.Add(7 * time.Millisecond), `"2026-11-22T12:00:00.007Z"`},
		{noon.In(time.FixedZone("", 3600)), `"2026-11-22T12:00:00Z"`},
	} {
		if got := string(view.AppendTime(nil, c.at)); got != c.want {
			t.Errorf("%v is written %s, want %s", c.at, got, c.want)
		}
	}
}

func TestAreas(t *testing.T) {
	areas := []view.Area{{ID: 1, Name: "a", Children: []view.Area{{ID: 2, Name: "b"}}}, {ID: 3, Name: "c"}}
	const want = `[{"id":"1","name":"a","children":[{"id":"2","name":"b","children":[]}]},{"id":"3","name":"c","children":[]}]`
	if got := string(view.AppendAreas(nil, areas)); got != want {
		t.Errorf("the tree is written %s", got)
	}
	if got := string(view.AppendAreas(nil, nil)); got != "[]" {
		t.Errorf("no tree is written %s", got)
	}
}

// FuzzString: whatever the bytes, what is written is a JSON string that reads as the text.
func FuzzString(f *testing.F) {
	for _, s := range []string{"", "plain", `"\`, "\x00\x1f\b\f\n\r\t", "\u2028<&>", "\xff\xfe", "a\xc3", "日本語", "\U0001F600"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		var got, want string
		out := view.AppendString(nil, s)
		if err := json.Unmarshal(out, &got); err != nil {
			t.Fatalf("%q is written %s: %v", s, out, err)
		}
		std, err := json.Marshal(s)
		if err != nil {
			t.Fatal(err)
		}
		if err := json.Unmarshal(std, &want); err != nil {
			t.Fatal(err)
		}
		if !utf8.Valid(out) || got != want {
			t.Errorf("%q is written %s and reads as %q", s, out, got)
		}
	})
}

func TestCardIsJSON(t *testing.T) {
	c := full()
	var fields map[string]any
	if err := json.Unmarshal(c.AppendJSON(nil), &fields); err != nil {
		t.Fatal(err)
	}
	live, _ := fields["live"].(map[string]any)
	if fields["id"] != "1" || live["status"] != "LIVE" || !reflect.DeepEqual(fields["tags"], []any{"a"}) {
		t.Errorf("the card is %v", fields)
	}
}
