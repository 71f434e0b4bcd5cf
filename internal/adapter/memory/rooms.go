package memory

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/greenroomlive/greenroom/internal/core/audit"
	"github.com/greenroomlive/greenroom/internal/core/event"
	"github.com/greenroomlive/greenroom/internal/core/fault"
	"github.com/greenroomlive/greenroom/internal/core/ident"
	"github.com/greenroomlive/greenroom/internal/core/ownership"
	"github.com/greenroomlive/greenroom/internal/core/room"
	"github.com/greenroomlive/greenroom/internal/core/view"
	"github.com/greenroomlive/greenroom/internal/flow/command"
	"github.com/greenroomlive/greenroom/internal/flow/project"
)

// Rooms is room_b in memory: command.Store, relay.Log and project.Source. What is committed
// stays for as long as the value lives, so a simulation crashes everything around it and goes on with it.
type Rooms struct {
	// Fail, when set, is asked before and after each commit and each sequencing; an error before
	// leaves no trace, one after means that the caller does not learn of a commit that happened.
	Fail func(step Step) error
	// Clock stamps CommittedAt.
	Clock func() time.Time

	mu         sync.Mutex
	is         tables
	epoch      string
	outbox     []event.RoomEvent
	log        []event.RoomEvent
	pruned     ident.FeedSeq
	subscriber func([]event.RoomEvent)
}

// Step is a moment at which a simulation may make a store fail.
type Step string

// The steps of Rooms.
const (
	BeforeCommit   Step = "before commit"
	AfterCommit    Step = "after commit"
	BeforeSequence Step = "before sequence"
	AfterSequence  Step = "after sequence"
)

type tables struct {
	rooms    map[ident.RoomID]room.Room
	planned  map[ident.RoomID]room.Schedule
	sessions map[ident.SessionID]room.Session
	keys     map[ident.KeyID]room.Key
	answers  map[command.AnswerID]command.Answer
	areas    room.AreaTree
	people   map[project.PersonKey]room.Person
	rules    map[ident.RoomID]room.Rules
	audit    []audit.Page // one for each transaction
	proposed map[ident.ProposalID]room.Proposal
	widgets  map[string]room.WidgetType
}

// NewRooms makes an empty store; epoch names its log.
func NewRooms(epoch string) *Rooms {
	return &Rooms{
		Fail: func(Step) error { return nil }, Clock: time.Now, epoch: epoch, subscriber: func([]event.RoomEvent) {},
		is: tables{map[ident.RoomID]room.Room{}, map[ident.RoomID]room.Schedule{}, map[ident.SessionID]room.Session{}, map[ident.KeyID]room.Key{},
			map[command.AnswerID]command.Answer{}, room.AreaTree{}, map[project.PersonKey]room.Person{}, map[ident.RoomID]room.Rules{}, nil, map[ident.ProposalID]room.Proposal{}, map[string]room.WidgetType{}},
	}
}

// Write is command.Store.
func (s *Rooms) Write(ctx context.Context, unit func(command.Tx) error) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := ctx.Err(); err != nil {
		return fault.DeadlineExceeded.Wrap(err, "the store was not asked in time")
	}
	// A change works on copies of the maps: dropping them is the rollback. Simple beats fast here.
	tx := &roomsTx{roomsReader{tables{maps.Clone(s.is.rooms), maps.Clone(s.is.planned), maps.Clone(s.is.sessions), maps.Clone(s.is.keys),
		maps.Clone(s.is.answers), s.is.areas, maps.Clone(s.is.people), maps.Clone(s.is.rules), s.is.audit, maps.Clone(s.is.proposed), maps.Clone(s.is.widgets)}}, s, nil}
	if err := shielded(unit, tx); err != nil {
		return err
	}
	if err := s.Fail(BeforeCommit); err != nil {
		return err
	}
	s.is = tx.is
	s.outbox = append(s.outbox, tx.events...)
	if len(tx.events) > 0 {
		s.subscriber(tx.events)
	}
	return s.Fail(AfterCommit)
}

// shielded turns a panic of the unit into its own INTERNAL.
func shielded(unit func(command.Tx) error, tx command.Tx) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fault.Internal.Wrap(fmt.Errorf("panic: %v", p), "a command failed inside")
		}
	}()
	return unit(tx)
}

// Read is command.Store.
func (s *Rooms) Read(_ context.Context, look func(command.Reader) error) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return look(roomsReader{s.is})
}

// Sequence is relay.Log.
func (s *Rooms) Sequence(_ context.Context, limit int) ([]event.RoomEvent, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.Fail(BeforeSequence); err != nil {
		return nil, err
	}
	n := min(limit, len(s.outbox))
	out := slices.Clone(s.outbox[:n])
	for i := range out {
		out[i].FeedSeq = s.head() + 1 + ident.FeedSeq(i)
	}
	s.outbox = s.outbox[n:]
	s.log = append(s.log, out...)
	return slices.Clone(out), s.Fail(AfterSequence)
}

func (s *Rooms) head() ident.FeedSeq { return s.pruned + ident.FeedSeq(len(s.log)) }

// After is relay.Log.
func (s *Rooms) After(_ context.Context, after ident.FeedSeq, limit int) ([]event.RoomEvent, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	from := min(max(after-s.pruned, 0), ident.FeedSeq(len(s.log)))
	rest := s.log[from:]
	return slices.Clone(rest[:min(limit, len(rest))]), nil
}

// Subscribe is relay.Log.
func (s *Rooms) Subscribe(f func([]event.RoomEvent)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.subscriber = f
}

// Events is project.Source.
func (s *Rooms) Events(ctx context.Context, after ident.FeedSeq, limit int) ([]event.RoomEvent, error) {
	return s.After(ctx, after, limit)
}

// End is relay.Log.
func (s *Rooms) End(context.Context) (ident.FeedSeq, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.head(), nil
}

// Head is project.Source.
func (s *Rooms) Head(context.Context) (project.Head, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return project.Head{Epoch: s.epoch, Seq: s.head(), Floor: s.pruned + 1, Pending: int64(len(s.outbox))}, nil
}

// Prune forgets log entries committed before keep, but never the newest, and answers that expired at now. It always forgets all.
func (s *Rooms) Prune(_ context.Context, keep, now time.Time) (more bool, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for len(s.log) > 1 && s.log[0].CommittedAt.Before(keep) {
		s.log = s.log[1:]
		s.pruned++
	}
	s.is.answers = maps.Clone(s.is.answers)
	maps.DeleteFunc(s.is.answers, func(_ command.AnswerID, a command.Answer) bool { return !a.ExpiresAt.After(now) })
	return false, nil
}

// Snapshot is project.Source.
func (s *Rooms) Snapshot(_ context.Context, id ident.RoomID) (view.RoomCard, bool, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	r, found := s.is.rooms[id]
	return r.Card(), found, nil
}

// Snapshots is project.Source.
func (s *Rooms) Snapshots(_ context.Context, after ident.RoomID, limit int) ([]view.RoomCard, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	list, err := roomsReader{s.is}.Rooms(0, after, limit)
	out := make([]view.RoomCard, len(list))
	for i, r := range list {
		out[i] = r.Card()
	}
	return out, err
}

// Areas is project.Source.
func (s *Rooms) Areas(context.Context) ([]view.Area, ident.Version, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.is.areas.View(), s.is.areas.Version, nil
}

// Count is project.Source.
func (s *Rooms) Count(context.Context) (int64, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return int64(len(s.is.rooms)), nil
}

type roomsReader struct{ is tables }

func (rd roomsReader) Room(id ident.RoomID) (*room.Room, error) {
	r, found := rd.is.rooms[id]
	if !found {
		return nil, fault.RoomNotFound.New("there is no room %s", id).With("room_id", id.String())
	}
	return r.Stored(), nil
}

func (rd roomsReader) Rooms(anchor ident.AnchorID, after ident.RoomID, limit int) ([]*room.Room, error) {
	ids := slices.Sorted(maps.Keys(rd.is.rooms))
	var out []*room.Room
	for _, id := range ids {
		r := rd.is.rooms[id]
		if id > after && (anchor == 0 || r.Anchor == anchor) && len(out) < limit {
			out = append(out, r.Stored())
		}
	}
	return out, nil
}

func (rd roomsReader) Sessions(id ident.RoomID, before ident.SessionID, limit int) ([]room.Session, error) {
	var out []room.Session
	for _, s := range rd.is.sessions {
		if s.Room == id && (before == 0 || s.ID < before) {
			out = append(out, s)
		}
	}
	slices.SortFunc(out, func(a, b room.Session) int { return cmp.Compare(b.ID, a.ID) })
	return out[:min(limit, len(out))], nil
}

func (rd roomsReader) Key(id ident.KeyID) (room.Key, error) {
	k, found := rd.is.keys[id]
	if !found {
		return k, fault.KeyNotFound.New("there is no key %s", id)
	}
	return k, nil
}

func (rd roomsReader) Keys(id ident.RoomID) ([]room.Key, error) {
	var out []room.Key
	for _, k := range rd.is.keys {
		if k.Room == id {
			out = append(out, k)
		}
	}
	slices.SortFunc(out, func(a, b room.Key) int { return cmp.Compare(b.ID, a.ID) })
	return out, nil
}

func (rd roomsReader) AreaTree() (*room.AreaTree, error) {
	return &room.AreaTree{Version: rd.is.areas.Version, Nodes: slices.Clone(rd.is.areas.Nodes)}, nil
}

func (rd roomsReader) Due(now time.Time, limit int) ([]ident.RoomID, error) {
	var due []room.Session
	for _, s := range rd.is.sessions {
		if at := s.Due(); s.Status != view.Idle && !at.IsZero() && !at.After(now) {
			due = append(due, s)
		}
	}
	slices.SortFunc(due, func(a, b room.Session) int {
		return cmp.Or(a.Due().Compare(b.Due()), cmp.Compare(a.ID, b.ID))
	})
	var out []ident.RoomID
	for _, s := range due[:min(limit, len(due))] {
		out = append(out, s.Room)
	}
	return out, nil
}

func (rd roomsReader) ControlDue(now time.Time, limit int) ([]ident.RoomID, error) {
	return rd.dueBy((*room.Room).LiftsAt, now, limit)
}

func (rd roomsReader) ExtensionDue(now time.Time, limit int) ([]ident.RoomID, error) {
	return rd.dueBy((*room.Room).BadgesTurnAt, now, limit)
}

// dueBy lists rooms whose next moment is now or was before, the longest due first.
func (rd roomsReader) dueBy(next func(*room.Room) time.Time, now time.Time, limit int) ([]ident.RoomID, error) {
	var due []room.Room
	for _, r := range rd.is.rooms {
		if at := next(&r); !at.IsZero() && !at.After(now) {
			due = append(due, r)
		}
	}
	slices.SortFunc(due, func(a, b room.Room) int {
		return cmp.Or(next(&a).Compare(next(&b)), cmp.Compare(a.ID, b.ID))
	})
	var out []ident.RoomID
	for _, r := range due[:min(limit, len(due))] {
		out = append(out, r.ID)
	}
	return out, nil
}

func (rd roomsReader) Controlled(state view.ControlState, after ident.RoomID, limit int) ([]*room.Room, error) {
	var out []*room.Room
	for _, id := range slices.Sorted(maps.Keys(rd.is.rooms)) {
		r := rd.is.rooms[id]
		has := r.Card().Control.State
		if id > after && has != view.Normal && (state == view.Normal || has == state) && len(out) < limit {
			out = append(out, r.Stored())
		}
	}
	return out, nil
}

type roomsTx struct {
	roomsReader
	store  *Rooms
	events []event.RoomEvent
}

func (tx *roomsTx) SaveRoom(role ownership.Role, r *room.Room) error {
	if err := ownership.Check(role, "room", r.Columns()...); err != nil {
		return err
	}
	if len(r.Sessions()) > 0 {
		if err := ownership.Check(role, "session", "status", "media_server", "client_id", "client_ip", "key_id",
			"lease_until", "grace_until", "lost", "ended_at", "end_reason"); err != nil {
			return err
		}
	}
	if r.Controlled() {
		if err := ownership.Check(role, "room_control", "room_id", "state", "interventions", "due_at"); err != nil {
			return err
		}
	}
	if r.Extended() {
		if err := ownership.Check(role, "room_extension", "room_id", "content", "due_at"); err != nil {
			return err
		}
	}
	if have := tx.is.rooms[r.ID].Version; have != r.BaseVersion() {
		return fault.VersionConflict.New("room %s is no longer at version %s", r.ID, r.BaseVersion()).With("version", have.String())
	}
	for _, s := range r.Sessions() {
		tx.is.sessions[s.ID] = s
	}
	tx.append(r.Events())
	tx.is.rooms[r.ID] = *r.Stored()
	return nil
}

func (tx *roomsTx) append(events []event.RoomEvent) {
	now := tx.store.Clock().UTC().Truncate(time.Millisecond)
	for _, e := range events {
		e.Epoch, e.CommittedAt = tx.store.epoch, now
		tx.events = append(tx.events, e)
	}
}

func (tx *roomsTx) SaveKey(role ownership.Role, k room.Key) error {
	if err := ownership.Check(role, "stream_key", "id", "label", "hash", "expires_at", "revoked_at"); err != nil {
		return err
	}
	tx.is.keys[k.ID] = k
	return nil
}

func (tx *roomsTx) SaveAreaTree(role ownership.Role, t *room.AreaTree) error {
	if t.Rearranged() {
		if err := ownership.Check(role, "area", "id", "parent_id", "name"); err != nil {
			return err
		}
	}
	tx.append(t.Events())
	tx.is.areas = room.AreaTree{Version: t.Version, Nodes: slices.Clone(t.Nodes)}
	return nil
}

func (tx *roomsTx) Answer(id command.AnswerID, now time.Time) (command.Answer, bool, error) {
	a, found := tx.is.answers[id]
	return a, found && a.ExpiresAt.After(now), nil
}

func (tx *roomsTx) SaveAnswer(id command.AnswerID, a command.Answer) error {
	tx.is.answers[id] = a
	return nil
}
