package console

import (
	"cmp"
	"errors"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/greenroomlive/greenroom/internal/core/fault"
	"github.com/greenroomlive/greenroom/internal/core/ident"
	"github.com/greenroomlive/greenroom/internal/core/room"
	"github.com/greenroomlive/greenroom/internal/core/view"
	"github.com/greenroomlive/greenroom/internal/flow/command"
)

const (
	// fewPeople is how many the room page lists, peopleShown how many their own page does.
	fewPeople   = 6
	peopleShown = 50
)

// peopleView are the people of a room of whom something is to be said.
type peopleView struct {
	Room ident.RoomID
	// May is true for who may see them.
	May    bool
	People []personView
	// Kinds are the filters; Next is the address of the next page, empty on the last.
	Kinds []kindView
	Next  string
}

// personView is one of them; Deeds are what can be taken back.
type personView struct {
	User  ident.UserID
	Deeds []deedView
}

// deedView is something that was done to somebody.
type deedView struct {
	deedKind
	Ends, Reason, Note, Actor string
}

// deedKind is a thing that can be done to people, as the page speaks of it.
type deedKind struct {
	Path                       string // in the address
	State, Verb, Undone, Means string
	// Sanction: it has a reason and a note; else it is a role.
	Sanction bool
	Measure  room.Measure
	Role     view.Role
}

// deeds are all that can be done to people, in the order in which the page offers them.
var deeds = []deedKind{
	{"mute", "muted", "Mute", "Unmute", "They may watch, and not speak.", true, room.Mute, view.Viewer},
	{"ban", "banned", "Ban", "Unban", "They may neither speak nor enter.", true, room.Ban, view.Viewer},
	{"moderator", "moderator", "Make moderator", "Take the role back", "They may mute and ban others, and change the rules of speech.", false, 0, view.Moderator},
	{"vip", "VIP", "Make VIP", "Take the role back", "Slow mode and a members-only room do not concern them.", false, 0, view.VIP},
}

// kindView is a filter of the page.
type kindView struct {
	Word, Path string
	Kind       room.Kind
	Chosen     bool
}

// personForm is what is to be done, and to whom.
type personForm struct {
	Room  ident.RoomID
	Title string
	Deed  deedKind
	lengthChoice
	Users, Reason, Note string
}

// undoForm is what is to be taken back, of whom.
type undoForm struct {
	Room   ident.RoomID
	User   ident.UserID
	Deed   deedKind
	Reason string
}

// people reads a page of them. Whether somebody may see them is asked of the commands.
func (c *Console) people(r *http.Request, id ident.RoomID, kind room.Kind, after ident.UserID, limit int) (peopleView, error) {
	v := peopleView{Room: id}
	caller, signed := c.caller(r)
	if c.People == nil || !signed {
		return v, nil
	}
	list, err := c.People.List(r.Context(), command.Meta{Caller: caller}, id, kind, after, limit+1)
	if errors.Is(err, fault.PermissionDenied) {
		return v, nil
	}
	if err != nil {
		return v, err
	}
	v.May = true
	if len(list) > limit {
		list = list[:limit]
		v.Next = peoplePath(id, kind) + "&after=" + list[limit-1].User.String()
	}
	for i := range list {
		v.People = append(v.People, newPerson(&list[i]))
	}
	return v, nil
}

func peoplePath(id ident.RoomID, kind room.Kind) string {
	return "/rooms/" + id.String() + "/people?kind=" + strconv.Itoa(int(kind))
}

func newPerson(p *room.Person) personView {
	v := personView{User: p.User}
	for _, d := range deeds {
		s, by := p.Mute, p.Muted
		if d.Path == "ban" {
			s, by = p.Ban, p.Banned
		}
		switch {
		case !d.Sanction && p.Role == d.Role:
			v.Deeds = append(v.Deeds, deedView{deedKind: d, Ends: ends(p.RoleUntil, 0), Actor: p.Granted.Actor, Note: p.Granted.Note})
		case d.Sanction && s != nil:
			v.Deeds = append(v.Deeds, deedView{deedKind: d, Ends: ends(s.Until, s.Session), Reason: s.Reason, Actor: by.Actor, Note: by.Note})
		}
	}
	return v
}

func ends(until time.Time, session ident.SessionID) string {
	switch {
	case !until.IsZero():
		return "until " + clockText(until) + " UTC"
	case session != 0:
		return "until this broadcast ends"
	}
	return "for good"
}

// peoplePage lists them all, by kind, or finds one.
func (c *Console) peoplePage(w http.ResponseWriter, r *http.Request) error {
	id, err := roomID(r)
	if err != nil {
		return err
	}
	if _, ok := c.caller(r); !ok {
		return c.showSignIn(w, r, http.StatusOK, signInView{Next: localPath("/rooms/" + id.String() + "/people")})
	}
	q := r.URL.Query()
	kind, err := strconv.ParseUint(cmp.Or(q.Get("kind"), "0"), 10, 8)
	if err != nil || kind > uint64(room.VIPs) {
		return notFound()
	}
	after, err := strconv.ParseInt(cmp.Or(q.Get("after"), "0"), 10, 64)
	if err != nil || after < 0 {
		return notFound()
	}
	v, err := c.people(r, id, room.Kind(kind), ident.UserID(after), peopleShown)
	if err != nil {
		return err
	}
	if c.People == nil || !v.May {
		return fault.PermissionDenied.New("the people of a room are shown to its owner, its moderators and staff")
	}
	for k, word := range []string{"Everybody", "Muted", "Banned", "Moderators", "VIPs"} {
		v.Kinds = append(v.Kinds, kindView{word, peoplePath(id, room.Kind(k)), room.Kind(k), uint64(k) == kind})
	}
	return c.write(w, r, http.StatusOK, "people-page", "People of room "+id.String(), v)
}

func deedOf(path string) (deedKind, error) {
	for _, d := range deeds {
		if d.Path == path {
			return d, nil
		}
	}
	return deedKind{}, notFound()
}

// asked is the deed that ends the address of a form.
func asked(r *http.Request) (deedKind, error) {
	return deedOf(r.URL.Path[strings.LastIndexByte(r.URL.Path, '/')+1:])
}

// draftPerson offers a form, filled in as it was sent if it was.
func (c *Console) draftPerson(r *http.Request, caller command.Caller) (any, error) {
	rm, err := c.openRoom(r, caller)
	if err != nil && !errors.Is(err, fault.PermissionDenied) { // a moderator may not read the room itself
		return nil, err
	}
	id, err := roomID(r)
	if err != nil {
		return nil, err
	}
	deed, err := asked(r)
	if err != nil {
		return nil, err
	}
	f := personForm{Room: id, Title: "Room " + id.String(), Deed: deed, lengthChoice: lengthChoice{Forever: "for good"},
		Users: r.PostFormValue("users"), Reason: r.PostFormValue("reason"), Note: r.PostFormValue("note")}
	if rm != nil {
		f.Title = rm.Title
	}
	if sent, err := lengthSent(r); err == nil {
		f.Length = sent
	}
	return f, nil
}

// usersSent reads whom a form names: numbers, apart by commas, spaces or lines.
func usersSent(r *http.Request) (users []ident.UserID, err error) {
	for word := range strings.FieldsFuncSeq(r.PostFormValue("users"), func(c rune) bool { return c == ',' || c == ';' || c <= ' ' }) {
		n, err := strconv.ParseInt(word, 10, 64)
		if err != nil || n <= 0 {
			return nil, fault.InvalidArgument.New("users: %.20q is not the number of a user", word).With("field", "users")
		}
		users = append(users, ident.UserID(n))
	}
	if len(users) == 0 || len(users) > room.MaxNamed {
		return nil, fault.InvalidArgument.New("users: 1 to %d of them", room.MaxNamed).With("field", "users")
	}
	return users, nil
}

// treat does to people what the address says. Of one who is refused, nothing is done to the others either: the form
// comes back with the reason.
func (c *Console) treat(r *http.Request, caller command.Caller) (outcome, error) {
	id, err := roomID(r)
	if err != nil {
		return outcome{}, err
	}
	deed, err := asked(r)
	if err != nil {
		return outcome{}, err
	}
	users, err := usersSent(r)
	if err != nil {
		return outcome{}, err
	}
	lasts, err := lengthSent(r)
	if err != nil {
		return outcome{}, err
	}
	m, n := c.meta(r, caller), command.Named{Place: id, Users: users, DryRun: true}
	do := func(m command.Meta, n command.Named) (command.Treated, error) {
		if deed.Sanction {
			return c.People.Sanction(r.Context(), m, n, deed.Measure, room.Term{
				Reason: strings.TrimSpace(r.PostFormValue("reason")), Note: strings.TrimSpace(r.PostFormValue("note")), For: lasts,
			})
		}
		return c.People.Grant(r.Context(), m, n, deed.Role, time.Time{}, lasts)
	}
	foreseen, err := do(command.Meta{Caller: caller}, n)
	if err != nil {
		return outcome{}, err
	}
	for _, o := range foreseen.Outcomes {
		if o.Refused != "" {
			return outcome{}, fault.InvalidArgument.New("users: %s cannot be %s: %s", o.User, deed.State, o.Refused).With("field", "users")
		}
	}
	n.DryRun = false
	_, err = do(m, n)
	return c.peopleChanged(r, id, err)
}

// confirmUndo finds what there is to take back.
func (c *Console) confirmUndo(r *http.Request, caller command.Caller) (any, error) {
	id, user, deed, err := undone(r)
	if err != nil {
		return nil, err
	}
	p, err := c.People.Get(r.Context(), command.Meta{Caller: caller}, id, user)
	if err != nil {
		return nil, err
	}
	for _, d := range newPerson(&p).Deeds {
		if d.Path == deed.Path {
			return undoForm{Room: id, User: user, Deed: deed, Reason: r.PostFormValue("reason")}, nil
		}
	}
	return nil, notFound()
}

func undone(r *http.Request) (id ident.RoomID, user ident.UserID, deed deedKind, err error) {
	if id, err = roomID(r); err != nil {
		return
	}
	n, err := strconv.ParseInt(r.PathValue("user"), 10, 64)
	if err != nil || n <= 0 {
		return id, 0, deed, notFound()
	}
	deed, err = deedOf(r.PathValue("deed"))
	return id, ident.UserID(n), deed, err
}

func (c *Console) undo(r *http.Request, caller command.Caller) (outcome, error) {
	id, user, deed, err := undone(r)
	if err != nil {
		return outcome{}, err
	}
	n := command.Named{Place: id, Users: []ident.UserID{user}}
	if deed.Sanction {
		_, err = c.People.Lift(r.Context(), c.meta(r, caller), n, deed.Measure, strings.TrimSpace(r.PostFormValue("reason")))
	} else {
		_, err = c.People.Revoke(r.Context(), c.meta(r, caller), n)
	}
	return c.peopleChanged(r, id, err)
}

// peopleChanged shows the panel as it is now.
func (c *Console) peopleChanged(r *http.Request, id ident.RoomID, err error) (outcome, error) {
	if err != nil {
		return outcome{}, err
	}
	v, err := c.people(r, id, room.Everybody, 0, fewPeople)
	return outcome{template: "people-changed", body: v, to: returnPath(r)}, err
}
