package storetest

import (
	"errors"
	"reflect"
	"slices"
	"testing"
	"time"

	"github.com/greenroomlive/greenroom/internal/core/ident"
	"github.com/greenroomlive/greenroom/internal/core/ownership"
	"github.com/greenroomlive/greenroom/internal/core/room"
	"github.com/greenroomlive/greenroom/internal/core/view"
	"github.com/greenroomlive/greenroom/internal/flow/command"
	"github.com/greenroomlive/greenroom/internal/flow/project"
)

const management = ownership.XRoomManagement

// people loads the named users of a room, decides and saves as management.
func (w *roomsWorld) people(id ident.RoomID, users []ident.UserID, decide func(*room.People) error) {
	w.Helper()
	w.must(w.Store.Write(w.ctx(), func(tx command.Tx) error {
		r, err := tx.Room(id)
		if err != nil {
			return err
		}
		loaded, err := tx.Persons(id, users)
		if err != nil {
			return err
		}
		p := room.PeopleIn(r, loaded)
		if err := decide(p); err != nil {
			return err
		}
		if err := tx.SavePeople(management, p); err != nil {
			return err
		}
		return tx.SaveRoom(management, r)
	}))
}

func (w *roomsWorld) sanction(id ident.RoomID, m room.Measure, t room.Term, users ...ident.UserID) {
	w.Helper()
	w.people(id, users, func(p *room.People) error {
		_, err := p.Sanction(w.by(), room.ByOwner, m, users, t)
		return err
	})
}

func (w *roomsWorld) kind(id ident.RoomID, kind room.Kind, after ident.UserID, limit int) (users []ident.UserID) {
	w.Helper()
	for _, x := range look(w, func(rd command.Reader) ([]room.Person, error) { return rd.People(id, kind, after, limit) }) {
		users = append(users, x.User)
	}
	return users
}

func (w *roomsWorld) duePeople(at time.Time, limit int) []command.DuePerson {
	w.Helper()
	return look(w, func(rd command.Reader) ([]command.DuePerson, error) { return rd.PeopleDue(at, limit) })
}

func keepsPeople(t *testing.T, w *roomsWorld) {
	hour := w.now.Add(time.Hour)
	id, other := w.create("crowded"), w.create("other")
	w.sanction(id, room.Mute, room.Term{Reason: "a \"raid\" 人", Note: "seen by two", Until: hour}, 30, 10, 20)
	w.sanction(id, room.Ban, room.Term{Until: hour.Add(time.Hour)}, 20)
	w.sanction(other, room.Ban, room.Term{}, 10)
	w.people(id, []ident.UserID{40, 50}, func(p *room.People) error {
		if _, err := p.Grant(w.by(), view.Moderator, []ident.UserID{40}, time.Time{}); err != nil {
			return err
		}
		_, err := p.Grant(w.by(), view.VIP, []ident.UserID{50}, hour.Add(2*time.Hour))
		return err
	})
	w.Store = w.Reopen()

	got := look(w, func(rd command.Reader) ([]room.Person, error) { return rd.Persons(id, []ident.UserID{99, 20, 10}) })
	mute := view.Sanction{Since: w.now, Until: hour, Reason: "a \"raid\" 人"}
	want := []room.Person{
		{Person: view.Person{User: 10, Mute: &mute}, Muted: room.Hand{Actor: "anchor:7", Note: "seen by two"}, Version: 2},
		{Person: view.Person{User: 20, Mute: &mute, Ban: &view.Sanction{Since: w.now, Until: hour.Add(time.Hour)}},
			Muted: room.Hand{Actor: "anchor:7", Note: "seen by two"}, Banned: room.Hand{Actor: "anchor:7"}, Version: 3},
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("kept: %+v, want %+v", got, want)
	}
	for _, c := range []struct {
		kind  room.Kind
		after ident.UserID
		limit int
		want  []ident.UserID
	}{
		{room.Everybody, 0, 10, []ident.UserID{10, 20, 30, 40, 50}}, {room.Everybody, 20, 2, []ident.UserID{30, 40}},
		{room.Muted, 0, 10, []ident.UserID{10, 20, 30}}, {room.Muted, 10, 1, []ident.UserID{20}},
		{room.Banned, 0, 10, []ident.UserID{20}}, {room.Moderators, 0, 10, []ident.UserID{40}},
		{room.VIPs, 0, 10, []ident.UserID{50}}, {room.VIPs, 50, 10, nil},
	} {
		if got := w.kind(id, c.kind, c.after, c.limit); !slices.Equal(got, c.want) {
			t.Errorf("kind %d after %s, %d of them: %v, want %v", c.kind, c.after, c.limit, got, c.want)
		}
	}
	if before, at, one := w.duePeople(hour.Add(-time.Millisecond), 10), w.duePeople(hour, 10), w.duePeople(hour, 1); len(before) != 0 || len(at) != 3 || len(one) != 1 {
		t.Errorf("due before %v, at %v, one of them %v", before, at, one)
	}
	all := []ident.UserID{10, 20, 30}
	w.now = hour
	w.people(id, all, func(p *room.People) error { return p.Expire(w.by()) })
	if got := w.kind(id, room.Everybody, 0, 10); !slices.Equal(got, []ident.UserID{20, 40, 50}) {
		t.Errorf("after an hour there are %v: who is plain has no row", got)
	}
	if due := w.duePeople(hour.Add(time.Hour), 10); !slices.Equal(due, []command.DuePerson{{Place: id, User: 20}}) {
		t.Errorf("due after two hours: %v", due)
	}
}

func endsWithSession(t *testing.T, w *roomsWorld) {
	id, other := w.create("live"), w.create("other")
	w.goLive(id, publisher("1", 5))
	w.goLive(other, publisher("2", 6))
	w.sanction(id, room.Mute, room.Term{Session: true}, 3, 2)
	w.sanction(other, room.Mute, room.Term{Session: true}, 2)
	if due := w.duePeople(w.now.Add(time.Hour), 10); len(due) != 0 {
		t.Errorf("due while the sessions run: %v", due)
	}
	w.must(w.change(id, func(r *room.Room) error { r.Stop(w.by()); return nil }))
	want := []command.DuePerson{{Place: id, User: 2}, {Place: id, User: 3}}
	if due := w.duePeople(w.now, 10); !slices.Equal(due, want) {
		t.Errorf("due after the session: %v, want %v", due, want)
	}
	w.people(id, []ident.UserID{2, 3}, func(p *room.People) error { return p.Expire(w.by()) })
	if due := w.duePeople(w.now, 10); len(due) != 0 {
		t.Errorf("due after the sweep: %v", due)
	}
}

func keepsPlatformPeople(t *testing.T, w *roomsWorld) {
	var seen ident.Version
	for round := range 2 {
		w.must(w.Store.Write(w.ctx(), func(tx command.Tx) error {
			tree, err := tx.AreaTree()
			if err != nil {
				return err
			}
			p := room.PeopleIn(tree, nil)
			if _, err := p.Sanction(w.by(), room.ByStaff, room.Ban, []ident.UserID{ident.UserID(7 + round)}, room.Term{Reason: "fraud"}); err != nil {
				return err
			}
			seen = tree.Version
			if err := tx.SavePeople(management, p); err != nil {
				return err
			}
			return tx.SaveAreaTree(management, tree)
		}))
	}
	w.Store = w.Reopen()
	tree := look(w, func(rd command.Reader) (*room.AreaTree, error) { return rd.AreaTree() })
	if tree.Version != seen || seen < 2 {
		t.Errorf("the tree is at version %s, the ban at %s", tree.Version, seen)
	}
	if got := w.kind(ident.Platform, room.Banned, 0, 10); !slices.Equal(got, []ident.UserID{7, 8}) {
		t.Errorf("banned from the platform: %v", got)
	}
	w.sequence(10)
	events, err := w.Store.Events(w.ctx(), 0, 10)
	w.must(err)
	if last := events[len(events)-1]; last.RoomID != ident.Platform || last.Detail == nil || len(last.Detail.People) != 1 || last.Intact() != nil {
		t.Errorf("the event is %+v: %v", last, last.Intact())
	}
}

func (w *roomsWorld) rules(id ident.RoomID, next view.Rules) {
	w.Helper()
	w.must(w.Store.Write(w.ctx(), func(tx command.Tx) error {
		r, err := tx.Room(id)
		if err != nil {
			return err
		}
		d, err := tx.Rules(id)
		if err != nil {
			return err
		}
		if err := d.Set(w.by(), r, next); err != nil {
			return err
		}
		if err := tx.SaveRules(management, id, d); err != nil {
			return err
		}
		return tx.SaveRoom(management, r)
	}))
}

func keepsRules(t *testing.T, w *roomsWorld) {
	id := w.create("strict")
	load := func() *room.Rules {
		return look(w, func(rd command.Reader) (*room.Rules, error) { return rd.Rules(id) })
	}
	if d := load(); d.Version != 0 || !reflect.DeepEqual(d.Rules, view.Rules{}) {
		t.Errorf("rules that nobody set: %+v", d)
	}
	next := view.Rules{SlowMode: time.Minute, MembersOnly: true, MinAccountAge: time.Hour, NoLinks: true, EmoteOnly: true,
		BlockedTerms: []string{"buy \"人\"", "spam"}, BlockedExpressions: []string{`(?i)fr[e3]{2}`}}
	w.rules(id, next)
	w.Store = w.Reopen()
	d := load()
	if d.Version != 2 || d.Actor != "anchor:7" || !d.UpdatedAt.Equal(w.now) || d.Changed() || !reflect.DeepEqual(d.Rules, next) {
		t.Errorf("kept: %+v", d)
	}
	w.rules(id, next) // says the same: nothing to save
	if r := w.room(id); r.Version != 2 {
		t.Errorf("the same rules again made version %s", r.Version)
	}
}

func pagesPeople(t *testing.T, w *roomsWorld) {
	a, b := w.create("a"), w.create("b")
	w.sanction(b, room.Mute, room.Term{}, 1, 9)
	w.sanction(a, room.Mute, room.Term{}, 5)
	w.rules(b, view.Rules{NoLinks: true})
	w.sequence(100)
	head := w.head()
	var got []project.PersonKey
	for after := (project.PersonKey{}); ; {
		page, err := w.Store.People(w.ctx(), after, 2)
		w.must(err)
		if page.Head != head {
			t.Errorf("a page's head is %+v, the log's %+v", page.Head, head)
		}
		if len(page.People) == 0 {
			break
		}
		for _, p := range page.People {
			after = project.PersonKey{Room: p.Room, User: p.Person.User}
			got = append(got, after)
			if p.Person.Mute == nil || p.Version != 2 {
				t.Errorf("paged: %+v", p)
			}
		}
	}
	if want := []project.PersonKey{{Room: a, User: 5}, {Room: b, User: 1}, {Room: b, User: 9}}; !slices.Equal(got, want) {
		t.Errorf("paged %v, want %v", got, want)
	}
	for from, want := range map[ident.RoomID]int{0: 1, b: 1, b + 1: 0} {
		page, err := w.Store.Rules(w.ctx(), from, 10)
		w.must(err)
		if len(page.Rules) != want || page.Head != head {
			t.Errorf("rules from %s: %+v", from, page)
		}
		for _, r := range page.Rules {
			if r.Room != b || r.Version != 3 || !r.Rules.NoLinks {
				t.Errorf("rules: %+v", r)
			}
		}
	}
}

// ownedPeople are the writes of people and rules.
func ownedPeople(w *roomsWorld, id ident.RoomID) map[string]ownedWrite {
	out := map[string]ownedWrite{}
	for _, column := range []string{"room_id", "user_id", "role", "muted", "banned", "session_id", "due_at", "version", "content"} {
		out["person."+column] = func(tx command.Tx, by ownership.Role) error {
			r, err := tx.Room(id)
			if err != nil {
				return err
			}
			p := room.PeopleIn(r, nil)
			_, err = p.Sanction(w.by(), room.ByOwner, room.Mute, []ident.UserID{9}, room.Term{})
			return errors.Join(err, tx.SavePeople(by, p))
		}
	}
	for _, column := range []string{"room_id", "version", "content"} {
		out["room_rules."+column] = func(tx command.Tx, by ownership.Role) error {
			r, err := tx.Room(id)
			if err != nil {
				return err
			}
			d := &room.Rules{}
			return errors.Join(d.Set(w.by(), r, view.Rules{EmoteOnly: true}), tx.SaveRules(by, id, d))
		}
	}
	return out
}
