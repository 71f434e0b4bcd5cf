package storetest

import (
	"fmt"
	"testing"
	"time"

	"github.com/greenroomlive/greenroom/internal/core/ident"
	"github.com/greenroomlive/greenroom/internal/core/view"
	"github.com/greenroomlive/greenroom/internal/flow/project"
	"github.com/greenroomlive/greenroom/internal/flow/roster"
)

// muted is an entry of a muted user; one without a reason is nothing but a viewer again.
func muted(room ident.RoomID, user ident.UserID, v ident.Version, reason string) project.RoomPerson {
	p := project.RoomPerson{Room: room, Version: v, Person: view.Person{User: user}}
	if reason != "" {
		p.Person.Mute = &view.Sanction{Since: time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC), Reason: reason}
	}
	return p
}

func slow(room ident.RoomID, v ident.Version, wait time.Duration) project.RoomRules {
	return project.RoomRules{Room: room, Version: v, Rules: view.Rules{SlowMode: wait}}
}

// keepsRoster: people and rules stand in pages, newer over older ones, with a mark that moves with them.
func keepsRoster(t *testing.T, w *viewsWorld) {
	w.write(project.Batch{Feed: []project.FeedRow{row(4, 1, "four"), row(5, 1, "five")}, Position: at(5)})
	standing := func() roster.Standing {
		t.Helper()
		s, err := w.Store.RosterStanding(w.ctx())
		w.must(err)
		return s
	}
	people := func(after project.PersonKey, limit int) (out []string) {
		t.Helper()
		list, err := w.Store.Persons(w.ctx(), after, limit)
		w.must(err)
		for _, p := range list {
			out = append(out, fmt.Sprintf("%d in %d at %d: %s", p.Person.User, p.Room, p.Version, p.Person.Mute.Reason))
		}
		return out
	}
	rules := func(from ident.RoomID) (out []string) {
		t.Helper()
		list, err := w.Store.SpeechRules(w.ctx(), from, 10)
		w.must(err)
		for _, r := range list {
			out = append(out, fmt.Sprintf("%d at %d: %s", r.Room, r.Version, r.Rules.SlowMode))
		}
		return out
	}
	same(t, "before a fill", []roster.Standing{standing()}, []roster.Standing{{Views: "e1", Contiguous: 5, Oldest: 4}})

	w.must(w.Store.BeginRoster(w.ctx(), "e1", 77))
	w.must(w.Store.KeepRoster(w.ctx(), roster.Batch{
		People: []project.RoomPerson{muted(0, 9, 3, "everywhere"), muted(1, 5, 4, "spam"), muted(1, 6, 4, "spam"), muted(2, 1, 2, "x")},
		Rules:  []project.RoomRules{slow(0, 1, time.Second), slow(7, 3, 2*time.Second)},
	}))
	same(t, "while it is filled", []roster.Mark{standing().Mark}, []roster.Mark{{Log: "e1", Fill: 77}})
	w.must(w.Store.KeepRoster(w.ctx(), roster.Batch{Seq: 4, Complete: true}))
	same(t, "when it is filled", []roster.Mark{standing().Mark}, []roster.Mark{{Log: "e1", Fill: 77, Complete: true, Seq: 4}})
	same(t, "a page", people(project.PersonKey{}, 2), []string{"9 in 0 at 3: everywhere", "5 in 1 at 4: spam"})
	same(t, "the next", people(project.PersonKey{Room: 1, User: 5}, 10), []string{"6 in 1 at 4: spam", "1 in 2 at 2: x"})
	same(t, "rules", rules(0), []string{"0 at 1: 1s", "7 at 3: 2s"})
	same(t, "rules from a room on", rules(1), []string{"7 at 3: 2s"})

	w.must(w.Store.KeepRoster(w.ctx(), roster.Batch{
		People: []project.RoomPerson{muted(1, 5, 3, "older"), muted(1, 6, 5, ""), muted(2, 1, 2, ""), muted(2, 2, 9, "newer")},
		Rules:  []project.RoomRules{slow(0, 2, 0), slow(7, 3, time.Hour)}, Seq: 5,
	}))
	same(t, "newer over older", people(project.PersonKey{}, 10), []string{"9 in 0 at 3: everywhere", "5 in 1 at 4: spam", "1 in 2 at 2: x", "2 in 2 at 9: newer"})
	same(t, "rules that forbid nothing go", rules(0), []string{"7 at 3: 2s"})
	same(t, "the mark moved", []roster.Mark{standing().Mark}, []roster.Mark{{Log: "e1", Fill: 77, Complete: true, Seq: 5}})

	w.must(w.Store.BeginRoster(w.ctx(), "e1", 78))
	same(t, "another fill", []roster.Mark{standing().Mark}, []roster.Mark{{Log: "e1", Fill: 78}})
	same(t, "begins with nobody", people(project.PersonKey{}, 10), []string(nil))
	same(t, "and no rules", rules(0), []string(nil))

	w.must(w.Store.Reset(w.ctx(), project.Position{Epoch: "e2"}))
	same(t, "of another log there is no fill", []roster.Standing{standing()}, []roster.Standing{{Views: "e2"}})
}
