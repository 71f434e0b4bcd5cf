package command_test

import (
	"context"
	"errors"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/greenroomlive/greenroom/internal/adapter/memory"
	"github.com/greenroomlive/greenroom/internal/core/fault"
	"github.com/greenroomlive/greenroom/internal/core/ident"
	"github.com/greenroomlive/greenroom/internal/core/ownership"
	"github.com/greenroomlive/greenroom/internal/core/room"
	"github.com/greenroomlive/greenroom/internal/flow/command"
)

// spy is a store in memory that keeps what is remembered of answers, and can fail for one room. It runs each
// unit twice, as a store may: what the first run did is void, and must not show. It counts units that failed
// after they wrote: a store that shares commits pays for those with everybody's time.
type spy struct {
	*memory.Rooms
	failing map[ident.RoomID]error
	// keyless, if there is one, is what looking for a key says.
	keyless error
	// absent, if there is one, answers in the place of the store when something is read; nil: it is back.
	absent atomic.Pointer[func(context.Context) error]

	mu      sync.Mutex
	answers []savedAnswer
	tooLate []error
}

type savedAnswer struct {
	id     command.AnswerID
	answer command.Answer
}

func (s *spy) Read(ctx context.Context, view func(command.Reader) error) error {
	if absent := s.absent.Load(); absent != nil {
		if err := (*absent)(ctx); err != nil {
			return err
		}
	}
	return s.Rooms.Read(ctx, view)
}

var errRehearsal = errors.New("this run is void")

func (s *spy) Write(ctx context.Context, unit func(command.Tx) error) error {
	_ = s.Rooms.Write(ctx, func(tx command.Tx) error {
		rehearsal := &rehearsalTx{Tx: tx}
		if err := unit(rehearsal); err != nil && rehearsal.wrote {
			s.mu.Lock()
			defer s.mu.Unlock()
			s.tooLate = append(s.tooLate, err)
		}
		return errRehearsal
	})
	return s.Rooms.Write(ctx, func(tx command.Tx) error { return unit(spyTx{tx, s}) })
}

func (s *spy) saved() []savedAnswer {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.answers)
}

type spyTx struct {
	command.Tx
	s *spy
}

func (tx spyTx) Key(id ident.KeyID) (room.Key, error) {
	if tx.s.keyless != nil {
		return room.Key{}, tx.s.keyless
	}
	return tx.Tx.Key(id)
}

func (tx spyTx) SaveRoom(role ownership.Role, r *room.Room) error {
	if err := tx.s.failing[r.ID]; err != nil {
		return err
	}
	return tx.Tx.SaveRoom(role, r)
}

func (tx spyTx) SaveAnswer(id command.AnswerID, a command.Answer) error {
	tx.s.mu.Lock()
	defer tx.s.mu.Unlock()
	tx.s.answers = append(tx.s.answers, savedAnswer{id, a})
	return tx.Tx.SaveAnswer(id, a)
}

// rehearsalTx notes whether anything was written.
type rehearsalTx struct {
	command.Tx
	wrote bool
}

func (tx *rehearsalTx) SaveRoom(role ownership.Role, r *room.Room) error {
	tx.wrote = true
	return tx.Tx.SaveRoom(role, r)
}

func (tx *rehearsalTx) SaveKey(role ownership.Role, k room.Key) error {
	tx.wrote = true
	return tx.Tx.SaveKey(role, k)
}

func (tx *rehearsalTx) SaveAreaTree(role ownership.Role, t *room.AreaTree) error {
	tx.wrote = true
	return tx.Tx.SaveAreaTree(role, t)
}

func (tx *rehearsalTx) SavePeople(role ownership.Role, p *room.People) error {
	tx.wrote = true
	return tx.Tx.SavePeople(role, p)
}

func (tx *rehearsalTx) SaveRules(role ownership.Role, place ident.RoomID, d *room.Rules) error {
	tx.wrote = true
	return tx.Tx.SaveRules(role, place, d)
}

func (tx *rehearsalTx) SaveSchedule(role ownership.Role, r *room.Room, d *room.Schedule) error {
	tx.wrote = true
	return tx.Tx.SaveSchedule(role, r, d)
}

func (tx *rehearsalTx) SaveProposal(role ownership.Role, p *room.Proposal) error {
	tx.wrote = true
	return tx.Tx.SaveProposal(role, p)
}

func (tx *rehearsalTx) SaveWidgetType(role ownership.Role, t *room.WidgetType) error {
	tx.wrote = true
	return tx.Tx.SaveWidgetType(role, t)
}

// late is a store whose answer comes too late: the caller is told so while the unit still runs.
type late struct {
	*memory.Rooms
	running sync.WaitGroup
}

func (l *late) Write(ctx context.Context, unit func(command.Tx) error) error {
	l.running.Go(func() { _ = l.Rooms.Write(context.WithoutCancel(ctx), unit) })
	return fault.DeadlineExceeded.New("too late")
}
