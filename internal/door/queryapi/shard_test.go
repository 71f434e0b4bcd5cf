package queryapi

import (
	"fmt"
	"io"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/greenroomlive/greenroom/internal/core/event"
	"github.com/greenroomlive/greenroom/internal/core/ident"
	"github.com/greenroomlive/greenroom/internal/flow/feed"
)

// still is a shard whose passes the test makes.
func still(t *testing.T) (*shard, *book, *feed.Hub) {
	t.Helper()
	b := &book{}
	hub := feed.New(feed.Config{Store: b, MaxFrames: 300})
	hub.Advance(nil, 0)
	patience := time.Second
	p := newPush(Config{Feed: hub, Log: slog.New(slog.DiscardHandler)}, &patience)
	s := p.shards[0]
	t.Cleanup(s.close)
	return s, b, hub
}

// arrives lets a follower come; what it is sent is read from what it returns.
func arrives(t *testing.T, s *shard, after ident.FeedSeq, filter feed.Filter) (*follower, io.Reader) {
	t.Helper()
	w, err := s.push.hub.Watch(t.Context(), after, filter)
	if err != nil {
		t.Fatal(err)
	}
	ours, client := pair(t)
	f := &follower{Watcher: *w}
	if err := f.take(ours); err != nil {
		t.Fatal(err)
	}
	if err := client.SetReadDeadline(time.Now().Add(10 * time.Second)); err != nil {
		t.Fatal(err)
	}
	s.push.feeds.Add(1)
	s.join(f)
	return f, client
}

// seqs reads lines of events until the connection ends.
func seqs(t *testing.T, r io.Reader) (out []int) {
	t.Helper()
	all, err := io.ReadAll(r)
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(all)) {
		var n int
		if _, err := fmt.Sscanf(line, `{"feed_seq":"%d"`, &n); err != nil {
			t.Fatalf("%.80q: %v", line, err)
		}
		out = append(out, n)
	}
	return out
}

// TestANewcomerMayKnowMoreThanItsShard: it comes from the feed's end, which the shard has not seen yet.
func TestANewcomerMayKnowMoreThanItsShard(t *testing.T) {
	s, b, hub := still(t)
	_, first := arrives(t, s, 0, feed.Filter{})
	s.pass(t.Context(), time.Now())
	b.write(hub, 3)
	_, second := arrives(t, s, 3, feed.Filter{})
	_, third := arrives(t, s, 1, feed.Filter{})
	s.pass(t.Context(), time.Now())
	b.write(hub, 1)
	s.pass(t.Context(), time.Now())
	s.close()
	for i, r := range []io.Reader{first, second, third} {
		if got, want := fmt.Sprint(seqs(t, r)), []string{"[1 2 3 4]", "[4]", "[2 3 4]"}[i]; got != want {
			t.Errorf("follower %d got %s, want %s", i, got, want)
		}
	}
}

// TestAnEventTouchesOnlyThoseItIsFor, however many others there are, and whichever way they are found.
func TestAnEventTouchesOnlyThoseItIsFor(t *testing.T) {
	s, b, hub := still(t)
	manyRooms := make([]ident.RoomID, fewRooms+1)
	for i := range manyRooms {
		manyRooms[i] = ident.RoomID(i + 5)
	}
	filters := []feed.Filter{
		{},
		{Rooms: []ident.RoomID{2}},
		{Rooms: []ident.RoomID{4, 3}},
		{Rooms: []ident.RoomID{99}},
		{Rooms: manyRooms},
		{Types: []event.Type{event.LiveEnded}},
		{Rooms: []ident.RoomID{2}, Types: []event.Type{event.WentLive}},
	}
	want := []string{"[1 2 3 4]", "[1]", "[2 3]", "[]", "[4]", "[]", "[1]"}
	readers := make([]io.Reader, len(filters))
	for i, filter := range filters {
		_, readers[i] = arrives(t, s, 0, filter)
	}
	_, again := arrives(t, s, 0, filters[1])
	s.pass(t.Context(), time.Now())
	if got := len(s.groups.byKey); got != len(filters) {
		t.Errorf("%d groups, want %d: who wants the same is one", got, len(filters))
	}
	before := s.writes
	b.write(hub, 4) // of the rooms 2 to 5
	s.pass(t.Context(), time.Now())
	if got := s.writes - before; got != 6 {
		t.Errorf("%d writes, want 6", got)
	}
	s.close()
	for i, r := range readers {
		if got := fmt.Sprint(seqs(t, r)); got != want[i] {
			t.Errorf("%+v got %s, want %s", filters[i], got, want[i])
		}
	}
	if got := seqs(t, again); len(got) != 1 {
		t.Errorf("the second of a group got %v", got)
	}
}

// TestGroupsAreForgottenWithTheirLastMember: the rooms that were followed once are not a leak.
func TestGroupsAreForgottenWithTheirLastMember(t *testing.T) {
	s, _, _ := still(t)
	now := time.Now()
	s.began = now
	for i := range 3 {
		f, _ := arrives(t, s, 0, feed.Filter{Rooms: []ident.RoomID{ident.RoomID(i + 1), 9}})
		s.pass(t.Context(), now)
		_ = f.conn.Close()
	}
	for i := range 2 { // one to hear that they left, one to forget
		s.pass(t.Context(), now.Add(time.Duration(i+1)*hearEvery*time.Second))
	}
	if len(s.groups.byKey)+len(s.groups.byRoom)+len(s.groups.wide) != 0 || s.lead != nil || s.push.feeds.Load() != 0 {
		t.Errorf("left over: %d groups, %d rooms, %d feeds", len(s.groups.byKey), len(s.groups.byRoom), s.push.feeds.Load())
	}
}

// TestWhoIsBehindMoreThanMemoryIsCut with its cursor: its shard does not read the database for one.
func TestWhoIsBehindMoreThanMemoryIsCut(t *testing.T) {
	s, b, hub := still(t)
	_, client := arrives(t, s, 0, feed.Filter{})
	b.write(hub, 500) // of which 300 are in memory
	s.pass(t.Context(), time.Now())
	all, err := io.ReadAll(client)
	if err != nil || !strings.Contains(string(all), `"code":"DEADLINE_EXCEEDED"`) || !strings.Contains(string(all), `"cursor":"0"`) {
		t.Errorf("it was told %q, %v", all, err)
	}
	if s.push.hub.Audience().Cut.Load() != 1 || s.push.feeds.Load() != 0 {
		t.Errorf("%d cut, %d feeds", s.push.hub.Audience().Cut.Load(), s.push.feeds.Load())
	}
}

// TestAMessageIsMadeOnceForAll who watch over gRPC, and never for an event that only has the same number.
func TestAMessageIsMadeOnceForAll(t *testing.T) {
	var m messages
	line := func(title string) *feed.Frame {
		return &feed.Frame{Seq: 7, JSON: fmt.Appendf(nil, `{"feed_seq":"7","actor":%q}`, title)}
	}
	one, other := line("one"), line("another log")
	first, err := m.of(one)
	if err != nil {
		t.Fatal(err)
	}
	again, _ := m.of(one)
	if &first[0] != &again[0] {
		t.Error("it was made twice")
	}
	if got, _ := m.of(other); !strings.Contains(string(got), "another log") {
		t.Errorf("it is %q", got)
	}
	if _, err := m.of(&feed.Frame{Seq: 8, JSON: []byte(`{"feed_seq":`)}); err == nil {
		t.Error("half a line made a message")
	}
}
