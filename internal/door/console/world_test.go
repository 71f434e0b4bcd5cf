package console

import (
	"cmp"
	"context"
	"log/slog"
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	opsv1 "github.com/greenroomlive/greenroom/api/gen/greenroom/ops/v1"
	"github.com/greenroomlive/greenroom/internal/core/audit"
	"github.com/greenroomlive/greenroom/internal/core/event"
	"github.com/greenroomlive/greenroom/internal/core/fault"
	"github.com/greenroomlive/greenroom/internal/core/ident"
	"github.com/greenroomlive/greenroom/internal/core/ownership"
	"github.com/greenroomlive/greenroom/internal/core/room"
	"github.com/greenroomlive/greenroom/internal/core/view"
	"github.com/greenroomlive/greenroom/internal/flow/calendar"
	"github.com/greenroomlive/greenroom/internal/flow/command"
	"github.com/greenroomlive/greenroom/internal/wire"
)

// world is everything behind the console, in memory: the real commands over a store of maps,
// whose commits are at once what viewers see.
type world struct {
	*command.Anchor
	clock func() time.Time

	mu       sync.Mutex
	rooms    map[ident.RoomID]*room.Room
	sessions map[ident.SessionID]room.Session
	keyring  map[ident.KeyID]room.Key
	planned  map[ident.RoomID]room.Schedule
	people   map[ident.RoomID]map[ident.UserID]room.Person
	spoken   map[ident.RoomID]room.Rules
	tree     room.AreaTree
	answers  map[command.AnswerID]command.Answer
	events   []event.RoomEvent
	trail    []audit.Page // a page for each command
	pulses   map[chan struct{}]bool
	stale    bool
	broken   error // what the viewers' side answers with, if it is
	lag      ident.Version
	watched  map[ident.SessionID][]view.Count // minutes of each broadcast
	charts   int                              // how often they were read
}

const opsToken = "ops-token-of-the-test"

var ops = command.Caller{Subject: "ops", Scopes: []command.Scope{command.ScopeOps}}

func newWorld(t *testing.T) (*world, *Console) {
	t.Helper()
	w := &world{
		clock: time.Now, rooms: map[ident.RoomID]*room.Room{}, sessions: map[ident.SessionID]room.Session{},
		keyring: map[ident.KeyID]room.Key{}, planned: map[ident.RoomID]room.Schedule{}, people: map[ident.RoomID]map[ident.UserID]room.Person{}, spoken: map[ident.RoomID]room.Rules{}, answers: map[command.AnswerID]command.Answer{}, pulses: map[chan struct{}]bool{},
	}
	w.Anchor = command.NewAnchor(command.Config{Store: w, IDs: ident.NewMinter(1), Clock: w.clock})
	must(t, w.SeedAreas(t.Context(), command.Meta{Caller: ops}, map[string][]string{"Games": {"Chess", "Speedruns"}, "Music": {"Live sets"}}, []string{"Games", "Music"}))
	c, err := New(Deps{
		Commands: w, Audit: command.NewAudit(w.Anchor), Control: command.NewControl(w.Anchor), Planning: command.NewPlanning(w.Anchor, &calendar.Calendar{}), People: command.NewPeople(w.Anchor), Rules: command.NewRules(w.Anchor), Board: w, Audience: w, Desk: w, Auth: w, Reader: ops, IngestURL: "rtmp://127.0.0.1:1935/live",
		Clock: w.clock, Log: slog.New(slog.DiscardHandler), Hosts: []string{"console.example"},
	})
	must(t, err)
	return w, c
}

// serve puts the console on a loopback port; its streams end with the test.
func serve(t *testing.T, c *Console) *httptest.Server {
	t.Helper()
	srv := httptest.NewServer(c)
	t.Cleanup(func() { srv.CloseClientConnections(); srv.Close() })
	return srv
}

func (w *world) newRoom(t *testing.T, title string, area ident.AreaID, tags ...string) ident.RoomID {
	t.Helper()
	r, err := w.CreateRoom(context.WithoutCancel(t.Context()), command.Meta{Caller: ops}, 42, room.Description{Title: title, Area: area, Tags: tags, Language: "en"})
	must(t, err)
	return r.ID
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// Write and Read make world a command.Store.
func (w *world) Write(_ context.Context, unit func(command.Tx) error) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	return unit(tx{w: w})
}

func (w *world) Read(_ context.Context, look func(command.Reader) error) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	return look(tx{w: w})
}

// tx has what the console's pages ask for.
type tx struct {
	command.Tx
	w *world
}

func (x tx) Room(id ident.RoomID) (*room.Room, error) {
	r, ok := x.w.rooms[id]
	if !ok {
		return nil, fault.RoomNotFound.New("there is no room %s", id)
	}
	return r.Stored(), nil
}

func (x tx) Schedule(id ident.RoomID) (*room.Schedule, error) {
	s := x.w.planned[id]
	s.Schedule = s.Schedule.Clone()
	return &s, nil
}

func (x tx) Persons(place ident.RoomID, users []ident.UserID) (out []room.Person, err error) {
	for _, u := range users {
		if p, ok := x.w.people[place][u]; ok {
			out = append(out, p)
		}
	}
	return out, nil
}

func (x tx) People(place ident.RoomID, kind room.Kind, after ident.UserID, limit int) (out []room.Person, err error) {
	for _, u := range slices.Sorted(maps.Keys(x.w.people[place])) {
		if p := x.w.people[place][u]; u > after && kind.Is(&p) && len(out) < limit {
			out = append(out, p)
		}
	}
	return out, nil
}

func (x tx) SavePeople(_ ownership.Role, of *room.People) error {
	in := x.w.people[of.Place()]
	if in == nil {
		in = map[ident.UserID]room.Person{}
		x.w.people[of.Place()] = in
	}
	for _, p := range of.Changed() {
		if in[p.User] = p; p.Plain() {
			delete(in, p.User)
		}
	}
	return nil
}

func (x tx) Rules(place ident.RoomID) (*room.Rules, error) {
	d := x.w.spoken[place]
	return &room.Rules{Rules: d.Rules, Version: d.Version, UpdatedAt: d.UpdatedAt, Actor: d.Actor}, nil
}

func (x tx) SaveRules(_ ownership.Role, place ident.RoomID, d *room.Rules) error {
	x.w.spoken[place] = *d
	return nil
}

func (x tx) SaveSchedule(_ ownership.Role, r *room.Room, s *room.Schedule) error {
	x.w.planned[r.ID] = *s
	return nil
}

func (x tx) Rooms(ident.AnchorID, ident.RoomID, int) ([]*room.Room, error) { return nil, nil }

func (x tx) Sessions(id ident.RoomID, _ ident.SessionID, limit int) ([]room.Session, error) {
	var out []room.Session
	for _, s := range x.w.sessions {
		if s.Room == id {
			out = append(out, s)
		}
	}
	slices.SortFunc(out, func(a, b room.Session) int { return cmp.Compare(b.ID, a.ID) })
	return out[:min(limit, len(out))], nil
}

func (x tx) Key(id ident.KeyID) (room.Key, error) {
	if k, ok := x.w.keyring[id]; ok {
		return k, nil
	}
	return room.Key{}, fault.KeyNotFound.New("there is no key %s", id)
}

func (x tx) Keys(id ident.RoomID) ([]room.Key, error) {
	var out []room.Key
	for _, k := range x.w.keyring {
		if k.Room == id {
			out = append(out, k)
		}
	}
	slices.SortFunc(out, func(a, b room.Key) int { return cmp.Compare(b.ID, a.ID) })
	return out, nil
}

func (x tx) AreaTree() (*room.AreaTree, error) {
	return &room.AreaTree{Version: x.w.tree.Version, Nodes: slices.Clone(x.w.tree.Nodes)}, nil
}

func (x tx) Record(e *audit.Entry) error {
	var p audit.Page
	if n := len(x.w.trail); n > 0 {
		p.Last = x.w.trail[n-1].Last
	}
	p.Append(e.AppendJSON(nil), e.At)
	x.w.trail = append(x.w.trail, p)
	return nil
}

func (x tx) AuditBefore(before int64, _, _ time.Time, limit int) (out []audit.Page, err error) {
	for _, p := range slices.Backward(x.w.trail) {
		if (before == 0 || p.Last.Seq < before) && len(out) < limit {
			out = append(out, p)
		}
	}
	return out, nil
}

func (x tx) Due(time.Time, int) ([]ident.RoomID, error) { return nil, nil }

func (x tx) SaveRoom(_ ownership.Role, r *room.Room) error {
	for _, s := range r.Sessions() {
		x.w.sessions[s.ID] = s
	}
	for _, e := range r.Events() {
		e.FeedSeq, e.CommittedAt = ident.FeedSeq(len(x.w.events)+1), x.w.clock()
		x.w.events = append(x.w.events, e)
	}
	x.w.rooms[r.ID] = r.Stored()
	x.w.pulse()
	return nil
}
func (x tx) SaveKey(_ ownership.Role, k room.Key) error { x.w.keyring[k.ID] = k; return nil }
func (x tx) SaveAreaTree(_ ownership.Role, t *room.AreaTree) error {
	x.w.tree = room.AreaTree{Version: t.Version, Nodes: t.Nodes}
	return nil
}
func (x tx) Answer(id command.AnswerID, _ time.Time) (command.Answer, bool, error) {
	a, ok := x.w.answers[id]
	return a, ok, nil
}
func (x tx) SaveAnswer(id command.AnswerID, a command.Answer) error { x.w.answers[id] = a; return nil }

func (w *world) pulse() {
	for p := range w.pulses {
		select {
		case p <- struct{}{}:
		default:
		}
	}
}

// What follows makes world the Board, the Desk and the Auth.

func (w *world) cards(keep func(*view.RoomCard) bool, limit int) ([]view.RoomCard, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	var out []view.RoomCard
	for _, id := range slices.Backward(slices.Sorted(maps.Keys(w.rooms))) {
		if card := w.rooms[id].Card(); keep(&card) {
			out = append(out, card)
		}
	}
	return out[:min(limit, len(out))], w.broken
}

func (w *world) Live(_ context.Context, limit int) ([]view.RoomCard, error) {
	return w.cards((*view.RoomCard).OnAir, limit)
}

func (w *world) Rooms(_ context.Context, before ident.RoomID, limit int) ([]view.RoomCard, error) {
	return w.cards(func(c *view.RoomCard) bool { return before == 0 || c.ID < before }, limit)
}

// Search takes the words as one text: how words are found is not the console's business.
func (w *world) Search(_ context.Context, words string, limit int) ([]view.RoomCard, bool, error) {
	if len(words) > 120 {
		return nil, false, fault.InvalidArgument.New("q has %d characters, at most 120", len(words)).With("field", "q")
	}
	cards, err := w.cards(func(c *view.RoomCard) bool {
		return strings.Contains(strings.ToLower(c.Title), strings.ToLower(words)) || slices.Contains(c.Tags, strings.TrimPrefix(words, "#"))
	}, limit)
	w.mu.Lock()
	defer w.mu.Unlock()
	return cards, !w.stale, err
}

func (w *world) RoomCount(context.Context) (int64, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return int64(len(w.rooms)), w.broken
}

func (w *world) Fresh() (time.Duration, bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.stale {
		return 4200 * time.Millisecond, true
	}
	return 120 * time.Millisecond, false
}

func (w *world) Updates(ctx context.Context) <-chan struct{} {
	p := make(chan struct{}, 1)
	w.mu.Lock()
	w.pulses[p] = true
	w.mu.Unlock()
	context.AfterFunc(ctx, func() {
		w.mu.Lock()
		delete(w.pulses, p)
		w.mu.Unlock()
	})
	return p
}

func (w *world) Events(_ context.Context, id ident.RoomID, limit int) ([]event.RoomEvent, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	var out []event.RoomEvent
	for _, e := range slices.Backward(w.events) {
		if e.RoomID == id && len(out) < limit {
			out = append(out, e)
		}
	}
	return out, w.broken
}

func (w *world) TraceRoom(_ context.Context, id ident.RoomID, _ int) (*opsv1.TraceRoomResponse, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.broken != nil {
		return nil, w.broken
	}
	out := &opsv1.TraceRoomResponse{RoomId: int64(id)}
	for _, e := range slices.Backward(w.events) {
		if e.RoomID != id {
			continue
		}
		out.CommittedVersion = int64(e.Version)
		out.ViewVersion, out.L1Version = int64(e.Version-w.lag), int64(e.Version-w.lag)
		out.Changes = []*opsv1.Change{w.change(e)}
		break
	}
	return out, nil
}

func (w *world) change(e event.RoomEvent) *opsv1.Change {
	at := func(us int) time.Time { return e.CommittedAt.Add(time.Duration(us) * time.Microsecond) }
	ch := &opsv1.Change{
		Version: int64(e.Version), FeedSeq: int64(e.FeedSeq), Type: string(e.Type), Reason: e.Reason, Actor: e.Actor,
		AcceptedAt: wire.Time(at(-2310)), CommittedAt: wire.Time(at(0)), SequencedAt: wire.Time(at(640)), PublishedAt: wire.Time(at(2150)),
	}
	if w.lag == 0 {
		ch.ReceivedDirectAt, ch.ReceivedQueueAt = wire.Time(at(870)), wire.Time(at(2740))
		ch.AppliedAt, ch.AppliedFrom, ch.VisibleAt = wire.Time(at(1490)), "direct", wire.Time(at(1530))
	}
	return ch
}

// Caller knows one ops token and one anchor's: "anchor".
func (w *world) Caller(_ context.Context, bearer string) (command.Caller, error) {
	switch bearer {
	case opsToken:
		return ops, nil
	case "anchor":
		return command.Caller{Subject: "anchor:7", Anchor: 7, Scopes: []command.Scope{command.ScopeAnchor}}, nil
	}
	return command.Caller{}, fault.Unauthenticated.New("this token is not one of ours")
}

// signedIn is a request's cookie for the ops caller.
func signedIn(c *Console) *http.Cookie {
	return &http.Cookie{Name: cookieName, Value: c.sessions.begin(ops)}
}
