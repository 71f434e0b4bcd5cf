package follow_test

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"log/slog"
	"maps"
	"os"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"github.com/greenroomlive/greenroom/internal/adapter/memory"
	"github.com/greenroomlive/greenroom/internal/core/event"
	"github.com/greenroomlive/greenroom/internal/core/ident"
	"github.com/greenroomlive/greenroom/internal/core/view"
	"github.com/greenroomlive/greenroom/internal/flow/follow"
	"github.com/greenroomlive/greenroom/internal/flow/project"
	"github.com/greenroomlive/greenroom/internal/flow/proof"
	"github.com/greenroomlive/greenroom/internal/flow/station"
)

func TestMain(m *testing.M) {
	flag.Parse()
	if f := flag.Lookup("rapid.checks"); f.Value.String() == f.DefValue {
		_ = f.Value.Set("500")
	}
	code := m.Run()
	if err := goleak.Find(); code == 0 && err != nil {
		fmt.Fprintln(os.Stderr, err)
		code = 1
	}
	os.Exit(code)
}

// change is one event of the log.
type change struct {
	seq     ident.FeedSeq
	room    ident.RoomID
	version ident.Version
	at      time.Time
}

// scene is a log, a room_c that its projector writes by the hand of the test, and one node that follows it; in
// virtual time.
type scene struct {
	fatal interface {
		Fatalf(string, ...any)
		Errorf(string, ...any)
	}
	views *memory.Views
	news  memory.News
	f     *follow.Follower

	// act is held by whoever changes or reads the log and room_c: the test, and what happens between two reads of
	// the follower.
	act     sync.Mutex
	between func(call string)

	mu    sync.Mutex
	epoch string
	log   []change // log[i] has feed_seq i+1
	// restored counts how often the log was put back from a backup.
	restored int
	// doubtful: it was, and until room_c is of the new log a node cannot know that claims are not of its own.
	doubtful bool
	// stored are the rows that room_c has, up to at without a gap.
	stored map[ident.FeedSeq]bool
	at     ident.FeedSeq
	full   bool // room_c is complete
	// skipped: the feed has a hole where the log had forgotten what room_c never had.
	skipped bool
	parked  map[ident.RoomID]bool
	areas   ident.Version
	fault   func(call string) error // of room_c, nil for none
	looks   atomic.Int64
	page    int // of room_c

	told    node
	visible []station.Passage
	counts  map[string]int
}

var (
	errDown = errors.New("room_c is down")
	discard = slog.New(slog.DiscardHandler)
)

func newScene() *scene {
	s := &scene{views: memory.NewViews(), epoch: "e1", page: 1 << 20, counts: map[string]int{}}
	s.begin()
	s.told = node{scene: s, shown: map[ident.RoomID]view.RoomCard{}}
	s.f = follow.New(follow.Config{
		Store: store{s}, Audience: &s.told, News: &s.news, Observer: s, Logger: discard,
		Count: func(what string, n int) { s.mu.Lock(); defer s.mu.Unlock(); s.counts[what] += n },
	})
	return s
}

// onScene runs a test with a follower of a room_c that is complete and empty.
func onScene(t *testing.T, test func(*scene)) {
	synctest.Test(t, func(t *testing.T) {
		s := newScene()
		s.fatal = t
		s.reset()
		s.fill()
		defer s.run()()
		s.pass(time.Second)
		test(s)
	})
}

// acts does something to the log and room_c that the follower does not see the half of. It may fail the test.
func (s *scene) acts(do func()) {
	s.act.Lock()
	defer s.act.Unlock()
	do()
}

// run follows until stop.
func (s *scene) run() (stop func()) {
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() { defer close(done); _ = s.f.Run(ctx) }()
	return func() { cancel(); <-done }
}

func (s *scene) pass(d time.Duration) {
	<-time.After(d)
	synctest.Wait()
}

// Passed is station.Observer.
func (s *scene) Passed(p station.Passage) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.visible = append(s.visible, p)
}

// fail puts another server in the place of room_c, as a failover does.
func (s *scene) fail(to *memory.Views) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.views = to
}

func (s *scene) breaks(fault func(call string) error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.fault = fault
}

// store is room_c as the node reaches it.
type store struct{ s *scene }

// ask reaches room_c, or not.
func (v store) ask(call string) (*memory.Views, error) {
	v.s.act.Lock()
	if v.s.between != nil {
		v.s.between(call)
	}
	v.s.act.Unlock()
	v.s.mu.Lock()
	defer v.s.mu.Unlock()
	if call == "standing" {
		v.s.looks.Add(1)
	}
	if v.s.fault != nil {
		return v.s.views, v.s.fault(call)
	}
	return v.s.views, nil
}

func (v store) Standing(ctx context.Context) (follow.Standing, error) {
	views, err := v.ask("standing")
	if err != nil {
		return follow.Standing{}, err
	}
	return views.Standing(ctx)
}

func (v store) Since(ctx context.Context, after follow.Mark, limit int) (follow.Delta, error) {
	views, err := v.ask("since")
	if err != nil {
		return follow.Delta{}, err
	}
	return views.Since(ctx, after, min(limit, v.s.page))
}

func (v store) Held(ctx context.Context) (map[ident.RoomID]time.Time, error) {
	views, err := v.ask("held")
	if err != nil {
		return nil, err
	}
	return views.Held(ctx)
}

// begin forgets what room_c holds.
func (s *scene) begin() {
	s.stored, s.parked, s.at, s.full = map[ident.FeedSeq]bool{}, map[ident.RoomID]bool{}, 0, false
}

// commit adds events to the log.
func (s *scene) commit(rooms ...ident.RoomID) {
	for _, id := range rooms {
		s.log = append(s.log, change{seq: ident.FeedSeq(len(s.log)) + 1, room: id, version: s.truth(id, time.Time{}) + 1, at: time.Now()})
	}
}

// truth is the newest version of a room that was committed before at; zero: until now.
func (s *scene) truth(id ident.RoomID, at time.Time) (v ident.Version) {
	for _, c := range s.log {
		if c.room == id && (at.IsZero() || c.at.Before(at)) {
			v = c.version
		}
	}
	return v
}

func (s *scene) rooms() []ident.RoomID {
	all := map[ident.RoomID]bool{}
	for _, c := range s.log {
		all[c.room] = true
	}
	return slices.Sorted(maps.Keys(all))
}

// restore puts the log back to what it was when it had so many events.
func (s *scene) restore(kept int) {
	s.log = s.log[:kept]
	s.restored++
	s.doubtful = true
}

// history tells a log from what it was before it was put back from a backup.
func (s *scene) history() string { return fmt.Sprint(s.epoch, " restored ", s.restored) }

func (s *scene) card(id ident.RoomID, v ident.Version) view.RoomCard {
	return view.RoomCard{ID: id, Version: v, Title: fmt.Sprintf("%s %d.%d", s.epoch, id, v), Language: s.history(), UpdatedAt: time.UnixMilli(1)}
}

func (s *scene) row(c change) project.FeedRow {
	e := event.RoomEvent{RoomID: c.room, Version: c.version, FeedSeq: c.seq, Epoch: s.epoch, Type: event.RoomRenamed, CommittedAt: c.at,
		Snapshot: s.card(c.room, c.version)}
	return project.FeedRow{Seq: c.seq, Room: c.room, Type: e.Type, JSON: e.AppendJSON(nil)}
}

// write is a transaction of the projector, and the word of it.
func (s *scene) write(b project.Batch) {
	for _, r := range b.Feed {
		s.stored[r.Seq] = true
	}
	for s.stored[s.at+1] {
		s.at++
	}
	b.Position = &project.Position{Epoch: s.epoch, Contiguous: s.at, Complete: s.full}
	if _, err := s.views.Write(context.Background(), b); err != nil {
		s.fatal.Fatalf("write: %v", err)
	}
	s.news.Tell()
}

// apply brings events of the log to room_c, as a courier does.
func (s *scene) apply(list ...change) {
	var b project.Batch
	for _, c := range list {
		if !s.parked[c.room] {
			stored, _ := s.views.Versions(context.Background(), []ident.RoomID{c.room})
			if !s.full || stored[c.room] != c.version-1 { // a fill, or a gap: the projector asks B for the newest
				c.version = s.truth(c.room, time.Time{})
			}
			b.Cards = append(b.Cards, s.card(c.room, c.version))
		}
		b.Feed = append(b.Feed, s.row(s.log[c.seq-1]))
	}
	s.write(b)
}

// park takes an event whose card cannot be stored.
func (s *scene) park(c change) {
	s.parked[c.room] = true
	s.write(project.Batch{Feed: []project.FeedRow{s.row(c)}, Park: []project.Parked{{Room: c.room, Version: c.version, Seq: c.seq, ParkedAt: time.Now()}}})
}

func (s *scene) heal(id ident.RoomID) {
	delete(s.parked, id)
	s.write(project.Batch{Cards: []view.RoomCard{s.card(id, s.truth(id, time.Time{}))}, Heal: []project.Healing{{Room: id, By: "test", At: time.Now()}}})
}

func (s *scene) growAreas() {
	s.areas++
	s.write(project.Batch{Areas: []view.Area{{ID: ident.AreaID(s.areas), Name: "area"}}, AreasVersion: s.areas})
}

// missing is what room_c has not yet of the log.
func (s *scene) missing() (out []change) {
	for _, c := range s.log {
		if !s.stored[c.seq] {
			out = append(out, c)
		}
	}
	return out
}

// rebuild switches to a second copy. alter may spoil what was there before.
func (s *scene) rebuild() {
	s.must(s.views.Shadow(context.Background()))
	var b project.Batch
	for _, id := range s.rooms() {
		b.Cards = append(b.Cards, s.card(id, s.truth(id, time.Time{})))
	}
	for _, c := range s.log {
		if s.stored[c.seq] {
			b.Feed = append(b.Feed, s.row(c))
		}
	}
	s.must(s.views.WriteShadow(context.Background(), b))
	s.must(s.views.Switch(context.Background()))
}

// lose empties room_c as a deleted database does; fill brings everything back.
func (s *scene) lose() {
	s.views.Lose()
	_, err := s.views.Reopen(context.Background())
	s.must(err)
	s.begin()
	s.areas = 0
}

// reset begins room_c for the log.
func (s *scene) reset() {
	s.begin()
	s.areas = 0
	s.must(s.views.Reset(context.Background(), project.Position{Epoch: s.epoch}))
}

func (s *scene) fill() {
	for _, id := range s.rooms() {
		s.write(project.Batch{Cards: []view.RoomCard{s.card(id, s.truth(id, time.Time{}))}})
	}
	s.apply(s.missing()...)
	s.full = true
	s.write(project.Batch{})
}

func (s *scene) must(err error) {
	if err != nil {
		s.fatal.Fatalf("%v", err)
	}
}

func (s *scene) head() ident.FeedSeq { return ident.FeedSeq(len(s.log)) }

// beat is the log's, now.
func (s *scene) beat() { s.f.Beat(event.Beat{Epoch: s.epoch, Seq: s.head(), At: time.Now()}) }

// witness leaves in room_c what its projector can prove now.
func (s *scene) witness() {
	if s.full && s.at == s.head() {
		s.must(s.views.Prove(context.Background(), proof.Claim{Seq: s.at, At: time.Now()}))
	}
}

func (s *scene) age() time.Duration { return time.Since(s.f.ProvenAt()) }

// node is what the audience makes of what it is told.
type node struct {
	scene *scene
	busy  atomic.Bool

	mu     sync.Mutex
	shown  map[ident.RoomID]view.RoomCard // L1
	end    ident.FeedSeq                  // of the feed
	first  ident.FeedSeq                  // where it began at the newest reset
	rows   []ident.FeedSeq                // since then
	leapt  bool
	areas  []view.Area
	resets int
	epoch  string // of the log at the newest reset
	tells  int
}

// Changed is project.Audience, and refuses what must not be told.
func (n *node) Changed(c project.Change) {
	if n.busy.Swap(true) {
		n.scene.fatal.Errorf("told of two changes at the same time")
	}
	defer n.busy.Store(false)
	n.scene.act.Lock()
	defer n.scene.act.Unlock()
	n.mu.Lock()
	defer n.mu.Unlock()
	n.tells++
	if c.Reset {
		clear(n.shown)
		n.end, n.first, n.rows, n.areas, n.epoch = c.Contiguous, c.Contiguous, nil, nil, n.scene.epoch
		n.resets++
		return
	}
	for _, card := range c.Cards {
		if have := n.shown[card.ID]; have.Version > card.Version {
			if have.Language == card.Language { // else what L1 keeps for a while never happened
				n.scene.fatal.Errorf("room %s: version %s is told after %s", card.ID, card.Version, have.Version)
			}
			continue
		}
		n.shown[card.ID] = card
	}
	if c.Areas != nil {
		n.areas = c.Areas
	}
	for _, r := range c.Feed {
		if r.Seq <= n.end || r.Seq > c.Contiguous || len(n.rows) > 0 && r.Seq != n.rows[len(n.rows)-1]+1 && !n.scene.skipped {
			n.scene.fatal.Errorf("row %d is told at %d after %v, to %d", r.Seq, n.end, n.rows, c.Contiguous)
		}
		n.rows = append(n.rows, r.Seq)
		n.found(r)
	}
	if c.Contiguous < n.end {
		n.scene.fatal.Errorf("the feed goes back from %d to %d", n.end, c.Contiguous)
	}
	if len(c.Feed) == 0 && c.Contiguous > n.end {
		if len(n.rows) > 0 || n.end != n.first {
			n.leapt = true
		}
		n.first = c.Contiguous
	}
	n.end = c.Contiguous
}

// found: who hears of an event and asks finds at least what it said.
func (n *node) found(r project.FeedRow) {
	var said struct {
		Version ident.Version `json:"version,string"`
	}
	n.scene.must(json.Unmarshal(r.JSON, &said))
	if _, parked := n.scene.f.Held(r.Room); parked || n.scene.epoch != n.epoch {
		return
	}
	if card, ok := n.see(r.Room); !ok && n.scene.full || ok && card.Version < said.Version {
		n.scene.fatal.Errorf("row %d speaks of room %s at version %s, readers find %s", r.Seq, r.Room, said.Version, card.Version)
	}
}

// see is what a reader gets: from L1, or else from room_c. mu is held.
func (n *node) see(id ident.RoomID) (view.RoomCard, bool) {
	if card, resident := n.shown[id]; resident {
		return card, true
	}
	list, _ := n.scene.views.Cards(context.Background(), []ident.RoomID{id})
	if len(list) == 0 {
		return view.RoomCard{}, false
	}
	return list[0], true
}

// tree is what a reader gets.
func (n *node) tree() []view.Area {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.areas != nil {
		return n.areas
	}
	areas, _ := n.scene.views.Areas(context.Background())
	return areas
}

// version is what a reader gets.
func (n *node) version(id ident.RoomID) ident.Version {
	n.mu.Lock()
	defer n.mu.Unlock()
	card, _ := n.see(id)
	return card.Version
}

// resident is what is in L1.
func (n *node) resident(id ident.RoomID) ident.Version {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.shown[id].Version
}

func (n *node) state() (end ident.FeedSeq, rows, resets, tells int) {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.end, len(n.rows), n.resets, n.tells
}
