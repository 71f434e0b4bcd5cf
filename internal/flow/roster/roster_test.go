package roster_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"
	"pgregory.net/rapid"

	"github.com/greenroomlive/greenroom/internal/adapter/memory"
	"github.com/greenroomlive/greenroom/internal/core/event"
	"github.com/greenroomlive/greenroom/internal/core/ident"
	"github.com/greenroomlive/greenroom/internal/core/view"
	"github.com/greenroomlive/greenroom/internal/flow/project"
	"github.com/greenroomlive/greenroom/internal/flow/roster"
	"github.com/greenroomlive/greenroom/internal/flow/speak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const owner ident.AnchorID = 1 << 40

var errDown = errors.New("down")

// world is B with its log, and a room_c that has what the test brings there.
type world struct {
	t     rapid.TB
	views *memory.Views
	down  bool // B cannot be reached

	epoch    string
	seq      ident.FeedSeq
	brought  ident.FeedSeq
	versions map[ident.RoomID]ident.Version
	people   map[project.PersonKey]project.RoomPerson
	rules    map[ident.RoomID]project.RoomRules
	log      []project.FeedRow
}

func newWorld(t rapid.TB) *world {
	w := &world{t: t, views: memory.NewViews()}
	w.begin("e1")
	return w
}

// begin is a B that was made anew.
func (w *world) begin(epoch string) {
	w.epoch, w.seq, w.brought, w.log = epoch, 0, 0, nil
	w.versions, w.people, w.rules = map[ident.RoomID]ident.Version{}, map[project.PersonKey]project.RoomPerson{}, map[ident.RoomID]project.RoomRules{}
	w.must(w.views.Reset(context.Background(), project.Position{Epoch: epoch, Complete: true}))
}

func (w *world) must(err error) {
	w.t.Helper()
	if err != nil {
		w.t.Fatal(err)
	}
}

// commit is a command of B: an event of the room that carries something, or nothing.
func (w *world) commit(room ident.RoomID, d *view.Detail) {
	w.seq++
	w.versions[room]++
	v := w.versions[room]
	w.log = append(w.log, project.FeedRow{Seq: w.seq, Room: room, Version: v, Type: event.RoomRenamed, JSON: []byte("{}"), Detail: d})
	if d == nil {
		return
	}
	for _, p := range d.People {
		key := project.PersonKey{Room: room, User: p.User}
		if w.people[key] = (project.RoomPerson{Room: room, Version: v, Person: p}); p.Plain() {
			delete(w.people, key)
		}
	}
	if d.Rules != nil {
		w.rules[room] = project.RoomRules{Room: room, Version: v, Rules: *d.Rules}
	}
}

// bring is the corridor: rows of the log come to room_c, up to a position.
func (w *world) bring(to ident.FeedSeq) {
	var rows []project.FeedRow
	for _, r := range w.log {
		if r.Seq > w.brought && r.Seq <= to {
			rows = append(rows, r)
		}
	}
	w.brought = max(w.brought, to)
	_, err := w.views.Write(context.Background(), project.Batch{Feed: rows, Position: &project.Position{Epoch: w.epoch, Contiguous: w.brought, Complete: true}})
	w.must(err)
}

// People is project.PeopleSource.
func (w *world) People(_ context.Context, after project.PersonKey, limit int) (project.PeoplePage, error) {
	if w.down {
		return project.PeoplePage{}, errDown
	}
	page := project.PeoplePage{Head: project.Head{Epoch: w.epoch, Seq: w.seq}}
	before := func(a, b project.PersonKey) bool { return a.Room < b.Room || a.Room == b.Room && a.User < b.User }
	for _, key := range slices.SortedFunc(maps.Keys(w.people), func(a, b project.PersonKey) int {
		if before(a, b) {
			return -1
		}
		return 1
	}) {
		if before(after, key) && len(page.People) < limit {
			page.People = append(page.People, w.people[key])
		}
	}
	return page, nil
}

// Rules is project.PeopleSource.
func (w *world) Rules(_ context.Context, from ident.RoomID, limit int) (project.RulesPage, error) {
	page := project.RulesPage{Head: project.Head{Epoch: w.epoch, Seq: w.seq}}
	for _, id := range slices.Sorted(maps.Keys(w.rules)) {
		if id >= from && len(page.Rules) < limit {
			page.Rules = append(page.Rules, w.rules[id])
		}
	}
	return page, nil
}

func muted(user ident.UserID, reason string) *view.Detail {
	p := view.Person{User: user}
	if reason != "" {
		p.Mute = &view.Sanction{Reason: reason}
	}
	return &view.Detail{People: []view.Person{p}}
}

// agrees compares what a court says with what B decided.
func (w *world) agrees(c *speak.Court) {
	w.t.Helper()
	if c == nil {
		w.t.Fatal("there is no court")
	}
	if n, m := c.Size(); n != len(w.people) || m != len(w.kept()) {
		w.t.Fatalf("the court knows %d people and %d rules, B %d and %d", n, m, len(w.people), len(w.kept()))
	}
	now := time.Date(2026, 11, 24, 12, 0, 0, 0, time.UTC)
	for key, p := range w.people {
		v := c.Check(key.Room, owner, &speak.Question{User: key.User}, now)
		if want := p.Person.Mute.Reason; key.Room != ident.Platform && (v.Rule != speak.Mute || v.Reason != want) {
			w.t.Fatalf("user %d in room %d: %+v, want a mute for %q", key.User, key.Room, v, want)
		}
	}
}

func (w *world) kept() (out []ident.RoomID) {
	for id, r := range w.rules {
		if !r.Rules.Void() {
			out = append(out, id)
		}
	}
	return out
}

// follow runs a keeper and a node for a while, in the bubble of a test.
func (w *world) follow(f *roster.Follower, while time.Duration) {
	ctx, cancel := context.WithCancel(context.Background())
	k := &roster.Keeper{Store: w.views, Source: w, Logger: slog.New(slog.DiscardHandler)}
	done := make(chan error, 2)
	go func() { done <- k.Run(ctx) }()
	go func() { done <- f.Run(ctx) }()
	<-time.After(while)
	cancel()
	w.must(errors.Join(<-done, <-done))
}

func (w *world) node() *roster.Follower {
	return roster.NewFollower(w.views, slog.New(slog.DiscardHandler))
}

func TestWhatIsDecidedIsFollowed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		f := w.node()
		w.follow(f, time.Second)
		w.agrees(f.Court()) // nobody is known, and that is known
		w.commit(1, muted(5, "spam"))
		w.commit(1, nil)
		w.commit(2, &view.Detail{Rules: &view.Rules{EmoteOnly: true}})
		w.bring(3)
		first := f.Court()
		w.follow(f, time.Second)
		w.agrees(f.Court())
		if f.Court() != first {
			t.Error("a detail needs another court")
		}
		w.commit(1, muted(5, ""))
		w.bring(4)
		w.follow(f, time.Second)
		w.agrees(f.Court())
		late := w.node()
		w.follow(late, time.Second)
		w.agrees(late.Court())
	})
}

// A mute that was lifted while nobody followed is gone, though the details that said so are gone as well.
func TestWhatTheFeedHasForgottenComesFromB(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		f := w.node()
		w.commit(1, muted(5, "spam"))
		w.bring(1)
		w.follow(f, time.Second)
		for range 20 {
			w.commit(1, nil)
		}
		w.commit(1, muted(5, ""))
		w.commit(1, muted(6, "spam"))
		for range 20 {
			w.commit(1, nil)
		}
		w.bring(w.seq)
		_, err := w.views.ForgetFeed(t.Context(), w.seq)
		w.must(err)
		w.down = true
		w.follow(f, 10*time.Second)
		if v := f.Court().Check(1, owner, &speak.Question{User: 5}, time.Now()); v.Rule != speak.Mute {
			t.Errorf("what is known does not hold while B is gone: %+v", v)
		}
		w.down = false
		w.follow(f, 10*time.Second)
		w.agrees(f.Court())
	})
}

func TestWhatCouldNotBeReadComesFromB(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		f := w.node()
		w.follow(f, time.Second)
		w.commit(1, muted(5, "spam"))
		w.log[0].Detail, w.log[0].Unread = nil, true
		w.commit(1, muted(6, "spam"))
		w.bring(2)
		w.follow(f, time.Second)
		w.agrees(f.Court())
	})
}

// Whatever happens to B, to room_c and to nodes, in the end everybody knows what B decided.
func TestInTheEndTheCourtKnows(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		synctest.Test(t, func(*testing.T) {
			w := newWorld(rt)
			f := w.node()
			for range rapid.IntRange(1, 25).Draw(rt, "steps") {
				switch rapid.IntRange(0, 9).Draw(rt, "step") {
				case 0:
					w.bring(w.seq)
					w.follow(f, time.Second)
				case 1:
					w.bring(ident.FeedSeq(rapid.Int64Range(int64(w.brought), int64(w.seq)).Draw(rt, "to")))
				case 2:
					if w.brought > 1 {
						_, err := w.views.ForgetFeed(context.Background(), ident.FeedSeq(rapid.Int64Range(1, int64(w.brought)).Draw(rt, "before")))
						w.must(err)
					}
				case 3:
					f = w.node()
				case 4:
					w.views.Lose()
					_, err := w.views.Reopen(context.Background())
					w.must(err)
					w.brought = 0
				case 5:
					w.begin(w.epoch + "x")
				case 6:
					room := ident.RoomID(rapid.IntRange(0, 2).Draw(rt, "room"))
					w.commit(room, &view.Detail{Rules: &view.Rules{NoLinks: rapid.Bool().Draw(rt, "no links")}})
				default:
					room, user := ident.RoomID(rapid.IntRange(0, 2).Draw(rt, "room")), ident.UserID(rapid.IntRange(1, 3).Draw(rt, "user"))
					reason := rapid.SampledFrom([]string{"", "spam", "rude"}).Draw(rt, "reason")
					w.commit(room, muted(user, reason))
				}
			}
			w.commit(1, nil)
			w.bring(w.seq)
			w.follow(f, 10*time.Second)
			w.agrees(f.Court())
			if f.Seq() != w.seq {
				rt.Fatal(fmt.Sprint("the court has heard up to ", f.Seq(), " of ", w.seq))
			}
		})
	})
}
