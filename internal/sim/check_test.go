package sim

import (
	"context"
	"encoding/json"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"github.com/greenroomlive/greenroom/internal/adapter/memory"
	"github.com/greenroomlive/greenroom/internal/core/event"
	"github.com/greenroomlive/greenroom/internal/core/ident"
	"github.com/greenroomlive/greenroom/internal/core/room"
	"github.com/greenroomlive/greenroom/internal/core/view"
	"github.com/greenroomlive/greenroom/internal/flow/command"
	"github.com/greenroomlive/greenroom/internal/flow/feed"
	"github.com/greenroomlive/greenroom/internal/flow/project"
)

// line is what the checks read of a feed line.
type line struct {
	FeedSeq ident.FeedSeq `json:"feed_seq,string"`
	Room    ident.RoomID  `json:"room_id,string"`
	Version ident.Version `json:"version,string"`
	Prev    ident.Version `json:"prev_version,string"`
	Type    event.Type    `json:"type"`
	Cause   string        `json:"cause"`
	Actor   string        `json:"actor"`
	At      time.Time     `json:"occurred_at"`
}

// calm ends the weather, stops the broadcasts that have no media server (no lease would end
// them), and lets enough time pass for everything that time alone must mend.
func (w *world) calm() {
	w.faults = faults{}
	if w.alive() == nil {
		<-w.now.done
		w.start()
	}
	list, _ := w.rooms.Snapshots(context.Background(), 0, 1000)
	for _, r := range list {
		if r.OnAir() && w.byHand(r.ID) {
			w.do(context.Background(), newDice(w.seed, "calm"), func(l *life, m command.Meta) (*room.Room, error) {
				return l.Anchor.StopRoom(context.Background(), m, r.ID)
			})
		}
	}
	time.Sleep(terms.Lease + terms.Lease + terms.Grace + 40*time.Second)
}

// byHand reports whether the room's session has no media server.
func (w *world) byHand(id ident.RoomID) bool {
	manual := false
	_ = w.rooms.Read(context.Background(), func(rd command.Reader) error {
		r, err := rd.Room(id)
		manual = err == nil && r.Session != nil && r.Session.Publisher.MediaServer == room.Manual
		return err
	})
	return manual
}

// follower watches the feed across crashes, going on from its cursor.
type follower struct {
	w      *world
	look   func() *screen // nil between two lives
	cursor ident.FeedSeq
	lines  []line
	// at is when the newest event that it has was made, in Unix nanoseconds.
	at atomic.Int64
}

func newFollower(w *world, look func() *screen) *follower { return &follower{w: w, look: look} }

func (f *follower) follow(ctx context.Context) {
	for ctx.Err() == nil {
		if s := f.look(); s != nil {
			f.until(ctx, s)
		}
		pause(ctx, 100*time.Millisecond)
	}
}

// until reads one life's feed until the life ends or ctx does.
func (f *follower) until(ctx context.Context, s *screen) {
	ctx, stop := context.WithTimeout(ctx, 5*time.Second)
	defer stop()
	watcher, err := s.feed.Watch(ctx, f.cursor, feed.Filter{})
	if err != nil {
		return
	}
	for !s.dead.Load() {
		frames, err := watcher.Next(ctx)
		if err != nil {
			return
		}
		for _, frame := range frames {
			var n line
			if err := json.Unmarshal(frame.JSON, &n); err != nil {
				f.w.violated("feed line %d is not JSON: %v", frame.Seq, err)
			}
			if n.FeedSeq != f.cursor+1 {
				f.w.violated("the follower at %d was given %d", f.cursor, n.FeedSeq)
			}
			f.cursor = n.FeedSeq
			f.lines = append(f.lines, n)
			f.at.Store(n.At.UnixNano())
		}
	}
}

// check is what must hold once the weather is over.
func (w *world) check(t *testing.T) {
	for _, s := range w.wrong {
		t.Error(s)
	}
	ctx := context.Background()
	head, err := w.rooms.Head(ctx)
	if err != nil || head.Pending != 0 {
		t.Fatalf("the log is not settled: %+v, %v", head, err)
	}
	for _, f := range w.followers {
		f.catchUp(ctx, t, head.Seq)
		w.checkLog(t, f.lines)
		w.checkAcks(t, f.lines)
	}
	w.checkViews(ctx, t, w.views)
	for _, f := range w.followers {
		w.checkScreen(ctx, t, f.look(), w.views)
	}
}

// catchUp follows to the log's end.
func (f *follower) catchUp(ctx context.Context, t *testing.T, head ident.FeedSeq) {
	ctx, stop := context.WithTimeout(ctx, 10*time.Second)
	defer stop()
	for f.cursor < head && ctx.Err() == nil {
		f.until(ctx, f.look())
		pause(ctx, 100*time.Millisecond) // virtual time stands still for who does not wait
	}
	if f.cursor != head {
		t.Errorf("the follower ends at %d, the log at %d", f.cursor, head)
	}
}

// checkLog: each room's versions follow one another in the feed.
func (w *world) checkLog(t *testing.T, lines []line) {
	at := map[ident.RoomID]ident.Version{}
	for _, n := range lines {
		if n.Type == event.EventUnreadable || n.Version != at[n.Room]+1 || n.Prev != at[n.Room] {
			t.Errorf("feed %d: room %s goes from version %s to %s (prev %s, %s)", n.FeedSeq, n.Room, at[n.Room], n.Version, n.Prev, n.Type)
		}
		at[n.Room] = n.Version
		w.checkAmnesty(t, n)
	}
}

// checkAmnesty: while the process was away no publisher could renew, so no lease ends before they could.
func (w *world) checkAmnesty(t *testing.T, n line) {
	if n.Actor != "lease" {
		return
	}
	for _, start := range w.starts {
		if !n.At.Before(start) && n.At.Before(start.Add(terms.Lease)) {
			t.Errorf("feed %d: %s of room %s by its lease, %s after a start", n.FeedSeq, n.Type, n.Room, n.At.Sub(start))
		}
	}
}

// checkAcks: what was acknowledged is there, and was done once.
func (w *world) checkAcks(t *testing.T, lines []line) {
	byCause := map[string][]line{}
	for _, n := range lines {
		byCause[n.Cause] = append(byCause[n.Cause], n)
	}
	for _, a := range w.acks {
		list := byCause[a.command]
		// A command that changed nothing (a title as it was, an idle room stopped) records nothing.
		if len(list) > 0 && list[len(list)-1].Version != a.version {
			t.Errorf("command %s was acknowledged at version %s of room %s, the log says %+v", a.command, a.version, a.room, list)
		}
		if !slices.ContainsFunc(lines, func(n line) bool { return n.Room == a.room && n.Version == a.version }) {
			t.Errorf("acknowledged version %s of room %s is not in the log", a.version, a.room)
		}
	}
}

// checkViews: room_c equals B, no room is on air, none is parked.
func (w *world) checkViews(ctx context.Context, t *testing.T, views *memory.Views) {
	truth, err := w.rooms.Snapshots(ctx, 0, 1000)
	if err != nil {
		t.Fatal(err)
	}
	for i := range truth {
		b := &truth[i]
		if b.OnAir() {
			t.Errorf("room %s is %s long after its last publisher went", b.ID, b.Live.Status)
		}
		got, err := views.Cards(ctx, []ident.RoomID{b.ID})
		if err != nil || len(got) != 1 || got[0].Checksum() != b.Checksum() {
			t.Errorf("room %s: view %+v, B %+v, %v", b.ID, got, *b, err)
		}
	}
	open, err := views.Parked(ctx, openLetters)
	if err != nil || len(open) > 0 {
		t.Errorf("rooms are still parked: %+v, %v", open, err)
	}
}

// checkScreen: what viewers get equals B, the live list is empty.
func (w *world) checkScreen(ctx context.Context, t *testing.T, s *screen, views *memory.Views) {
	truth, err := w.rooms.Snapshots(ctx, 0, 1000)
	if err != nil {
		t.Fatal(err)
	}
	for i := range truth {
		checkAnswer(ctx, t, s, &truth[i])
	}
	w.checkAreas(ctx, t, s, views)
	if !s.fresh.Complete() {
		t.Error("the views never became complete")
	}
	if age := clock().Sub(s.fresh.ProvenAt()); age > time.Second {
		t.Errorf("freshness is not proven any more: age %s", age)
	}
	live, err := s.reads.LiveIDs()
	if err != nil {
		t.Fatal(err)
	}
	for ids, err := range live {
		if err != nil || len(ids) > 0 {
			t.Errorf("the live list still holds rooms %v, %v", ids, err)
		}
	}
}

func (w *world) checkAreas(ctx context.Context, t *testing.T, s *screen, views *memory.Views) {
	truth, version, _ := w.rooms.Areas(ctx)
	stored, _ := views.Areas(ctx)
	shown, err := s.reads.Areas(ctx)
	want := string(view.AppendAreas(nil, truth))
	if err != nil || string(view.AppendAreas(nil, stored)) != want || string(view.AppendAreas(nil, shown.Areas)) != want {
		t.Errorf("areas at version %s: B has %s, room_c %v, viewers get %v, %v", version, want, stored, shown, err)
	}
}

func checkAnswer(ctx context.Context, t *testing.T, s *screen, b *view.RoomCard) {
	e, err := s.reads.Get(ctx, b.ID, b.Version)
	if err != nil {
		t.Errorf("room %s cannot be read: %v", b.ID, err)
		return
	}
	if want := string(b.AppendJSON(nil)); string(e.Card()) != want {
		t.Errorf("room %s: viewers get %s, B has %s", b.ID, e.Card(), want)
	}
}

var openLetters = project.ParkedQuery{Open: true, Limit: 10}
