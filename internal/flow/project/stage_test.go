package project_test

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"log/slog"
	"os"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"github.com/greenroomlive/greenroom/internal/adapter/memory"
	"github.com/greenroomlive/greenroom/internal/core/event"
	"github.com/greenroomlive/greenroom/internal/core/ident"
	"github.com/greenroomlive/greenroom/internal/core/ownership"
	"github.com/greenroomlive/greenroom/internal/core/room"
	"github.com/greenroomlive/greenroom/internal/core/view"
	"github.com/greenroomlive/greenroom/internal/flow/command"
	"github.com/greenroomlive/greenroom/internal/flow/project"
	"github.com/greenroomlive/greenroom/internal/flow/station"
)

func TestMain(m *testing.M) {
	flag.Parse()
	if f := flag.Lookup("rapid.checks"); f.Value.String() == f.DefValue {
		_ = f.Value.Set("1000") // the promise is a thousand schedules
	}
	code := m.Run()
	if err := goleak.Find(); code == 0 && err != nil {
		fmt.Fprintln(os.Stderr, err)
		code = 1
	}
	os.Exit(code)
}

// source is B as the projector sees it, with hooks where a test lets it lie or fail.
type source struct {
	*memory.Rooms
	mu        sync.Mutex // of the hooks and of Rooms
	head      func(project.Head) (project.Head, error)
	events    func([]event.RoomEvent) []event.RoomEvent
	snapshot  func()
	snapshots func([]view.RoomCard) ([]view.RoomCard, error)
}

// set changes a hook while the projector runs.
func set[T any](s *source, hook *T, to T) {
	s.mu.Lock()
	defer s.mu.Unlock()
	*hook = to
}

func get[T any](s *source, hook *T) T {
	s.mu.Lock()
	defer s.mu.Unlock()
	return *hook
}

func (s *source) Head(ctx context.Context) (project.Head, error) {
	h, err := get(s, &s.Rooms).Head(ctx)
	if head := get(s, &s.head); head != nil && err == nil {
		return head(h)
	}
	return h, err
}

func (s *source) Events(ctx context.Context, after ident.FeedSeq, limit int) ([]event.RoomEvent, error) {
	list, err := get(s, &s.Rooms).Events(ctx, after, limit)
	if events := get(s, &s.events); events != nil {
		list = events(list)
	}
	return list, err
}

func (s *source) Snapshot(ctx context.Context, id ident.RoomID) (view.RoomCard, bool, error) {
	card, found, err := get(s, &s.Rooms).Snapshot(ctx, id)
	if moveOn := get(s, &s.snapshot); moveOn != nil {
		moveOn() // the world moves on after the answer was read
	}
	return card, found, err
}

func (s *source) Snapshots(ctx context.Context, after ident.RoomID, limit int) ([]view.RoomCard, error) {
	list, err := get(s, &s.Rooms).Snapshots(ctx, after, limit)
	if snapshots := get(s, &s.snapshots); snapshots != nil && err == nil {
		return snapshots(list)
	}
	return list, err
}

// stage is both sides with a projector between them, in virtual time; events go where the test brings them.
type stage struct {
	*testing.T
	rooms  *memory.Rooms
	views  *memory.Views
	store  project.Views // views, or what a test puts in front of them
	source *source
	p      *project.Projector
	stop   func()

	mu      sync.Mutex
	changes []project.Change
	counts  map[string]int
	refusal func(project.Batch) error // of the views, nil for none
}

func newStage(t *testing.T) *stage {
	s := &stage{T: t, rooms: memory.NewRooms("e1"), views: memory.NewViews(), counts: map[string]int{}, stop: func() {}}
	s.source, s.store = &source{Rooms: s.rooms}, s.views
	s.views.Fail = func(b project.Batch) error {
		s.mu.Lock()
		defer s.mu.Unlock()
		if s.refusal == nil {
			return nil
		}
		return s.refusal(b)
	}
	return s
}

// fail makes the views refuse what the function says; nil ends it.
func (s *stage) fail(refusal func(project.Batch) error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.refusal = refusal
}

// onStage runs a test with a projector that follows the log.
func onStage(t *testing.T, test func(*stage)) {
	synctest.Test(t, func(t *testing.T) {
		s := newStage(t)
		defer func() { s.stop() }()
		s.restart()
		s.quiet()
		test(s)
	})
}

// restart ends the projector and begins another on what the engines hold.
func (s *stage) restart() {
	s.stop()
	s.p = project.New(project.Config{Views: s.store, Source: s.source, Audience: s, Logger: slog.New(slog.DiscardHandler),
		Count: func(what string, n int) { s.mu.Lock(); defer s.mu.Unlock(); s.counts[what] += n }})
	ctx, cancel := context.WithCancel(context.Background())
	p, done := s.p, make(chan struct{})
	go func() { defer close(done); _ = p.Run(ctx) }()
	s.stop = func() { cancel(); <-done }
}

// Changed is project.Audience.
func (s *stage) Changed(c project.Change) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.changes = append(s.changes, c)
}

func (s *stage) counted(what string) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.counts[what]
}

// quiet lets everything that is due soon happen; the log is looked at several times.
func (s *stage) quiet() { s.pass(2 * time.Second) }

func (s *stage) pass(d time.Duration) {
	<-time.After(d)
	synctest.Wait()
}

func (s *stage) must(err error) {
	s.Helper()
	if err != nil {
		s.Fatal(err)
	}
}

// edit creates the room or renames it, and returns its events, not yet sequenced.
func (s *stage) edit(id ident.RoomID) (out []event.RoomEvent) {
	s.Helper()
	s.must(s.rooms.Write(context.Background(), func(tx command.Tx) error {
		by := room.By{Now: time.Now().UTC(), Actor: "test"}
		r, err := tx.Room(id)
		if err != nil {
			r, err = room.Create(by, id, 7, room.Description{Title: "new"})
		} else {
			title := fmt.Sprint("title ", r.Version)
			err = r.Edit(by, room.Patch{Title: &title})
		}
		if err != nil {
			return err
		}
		out = slices.Clone(r.Events())
		for i := range out {
			out[i].Epoch = "e1"
		}
		return tx.SaveRoom(ownership.XAnchor, r)
	}))
	return out
}

// sequence gives positions to what was committed.
func (s *stage) sequence() []event.RoomEvent {
	s.Helper()
	list, err := s.rooms.Sequence(context.Background(), 1000)
	s.must(err)
	return list
}

// log edits rooms and returns their sequenced events.
func (s *stage) log(ids ...ident.RoomID) []event.RoomEvent {
	s.Helper()
	for _, id := range ids {
		s.edit(id)
	}
	return s.sequence()
}

func delivery(c station.Courier, e event.RoomEvent) project.Delivery {
	return project.Delivery{Courier: c, Event: e, Room: e.RoomID, ReceivedAt: time.Now()}
}

// sealed is a delivery that nobody has read yet.
func sealed(d project.Delivery) project.Delivery {
	whole := d.Event
	d.Read = func([]byte) (event.RoomEvent, error) { return whole, nil }
	d.Event = event.RoomEvent{
		RoomID: whole.RoomID, Version: whole.Version, Epoch: whole.Epoch, FeedSeq: whole.FeedSeq,
		CommittedAt: whole.CommittedAt, PublishedAt: whole.PublishedAt,
	}
	return d
}

// bring applies events as the queue does: every other one is still to be read.
func (s *stage) bring(events ...event.RoomEvent) error {
	list := make([]project.Delivery, len(events))
	for i, e := range events {
		if list[i] = delivery(station.Queue, e); i%2 == 0 {
			list[i] = sealed(list[i])
		}
	}
	return s.p.Apply(context.Background(), list)
}

// version is what viewers have of a room; 0 for none.
func (s *stage) version(id ident.RoomID) ident.Version {
	s.Helper()
	got, err := s.views.Versions(context.Background(), []ident.RoomID{id})
	s.must(err)
	return got[id]
}

// line is what the checks read of a feed line.
type line struct {
	Seq    ident.FeedSeq `json:"feed_seq,string"`
	ID     string        `json:"id"`
	Type   event.Type    `json:"type"`
	Reason string        `json:"reason"`
}

func (s *stage) feed() (out []line) {
	s.Helper()
	frames, err := s.views.Frames(context.Background(), 0, 100_000)
	s.must(err)
	for _, f := range frames {
		var l line
		s.must(json.Unmarshal(f.JSON, &l))
		if l.Seq != f.Seq {
			s.Errorf("row %d holds the line of %d", f.Seq, l.Seq)
		}
		out = append(out, l)
	}
	return out
}

func (s *stage) letters(open bool) []project.Parked {
	s.Helper()
	list, err := s.views.Parked(context.Background(), project.ParkedQuery{Open: open, Limit: 100})
	s.must(err)
	return list
}

// converged checks that the views equal B, and that the feed is the log.
func (s *stage) converged(t interface{ Errorf(string, ...any) }) {
	s.Helper()
	ctx := context.Background()
	truth, err := s.rooms.Snapshots(ctx, 0, 10_000)
	s.must(err)
	for i := range truth {
		got, err := s.views.Cards(ctx, []ident.RoomID{truth[i].ID})
		if err != nil || len(got) != 1 || got[0].Checksum() != truth[i].Checksum() {
			t.Errorf("room %s: viewers have %+v, B has %+v, %v", truth[i].ID, got, truth[i], err)
		}
	}
	log, err := s.rooms.After(ctx, 0, 100_000)
	s.must(err)
	feed := s.feed()
	if len(feed) != len(log) {
		t.Errorf("the feed has %d lines, the log %d", len(feed), len(log))
	}
	for i := range min(len(feed), len(log)) {
		if feed[i].Seq != log[i].FeedSeq || feed[i].ID != log[i].ID() {
			t.Errorf("line %d of the feed is %s at %d, the log has %s at %d", i, feed[i].ID, feed[i].Seq, log[i].ID(), log[i].FeedSeq)
		}
	}
	head, err := s.rooms.Head(ctx)
	s.must(err)
	at, err := s.views.Position(ctx)
	if err != nil || at != (project.Position{Epoch: "e1", Contiguous: head.Seq, Complete: true}) || !s.p.Complete() {
		t.Errorf("the position is %+v, %v, the head %+v", at, err, head)
	}
	areas, version, err := s.rooms.Areas(ctx)
	s.must(err)
	have, _ := s.views.AreasVersion(ctx)
	list, _ := s.views.Areas(ctx)
	if have != version || string(view.AppendAreas(nil, list)) != string(view.AppendAreas(nil, areas)) {
		t.Errorf("the areas are at %s, B's at %s", have, version)
	}
}
