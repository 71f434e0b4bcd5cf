package directcall_test

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"

	"github.com/greenroomlive/greenroom/internal/adapter/adaptertest/storetest"
	"github.com/greenroomlive/greenroom/internal/adapter/directcall"
	"github.com/greenroomlive/greenroom/internal/adapter/memory"
	"github.com/greenroomlive/greenroom/internal/core/event"
	"github.com/greenroomlive/greenroom/internal/core/fault"
	"github.com/greenroomlive/greenroom/internal/core/ident"
	"github.com/greenroomlive/greenroom/internal/core/view"
	"github.com/greenroomlive/greenroom/internal/door/sourceapi"
	"github.com/greenroomlive/greenroom/internal/flow/project"
)

// remote is a room_b whose committed state and log are read over the wire.
type remote struct {
	*memory.Rooms
	source *directcall.Source
}

func (r remote) Head(ctx context.Context) (project.Head, error) { return r.source.Head(ctx) }
func (r remote) Events(ctx context.Context, after ident.FeedSeq, limit int) ([]event.RoomEvent, error) {
	return r.source.Events(ctx, after, limit)
}
func (r remote) Snapshot(ctx context.Context, id ident.RoomID) (view.RoomCard, bool, error) {
	return r.source.Snapshot(ctx, id)
}
func (r remote) Snapshots(ctx context.Context, after ident.RoomID, limit int) ([]view.RoomCard, error) {
	return r.source.Snapshots(ctx, after, limit)
}
func (r remote) Areas(ctx context.Context) ([]view.Area, ident.Version, error) {
	return r.source.Areas(ctx)
}
func (r remote) People(ctx context.Context, after project.PersonKey, limit int) (project.PeoplePage, error) {
	return r.source.People(ctx, after, limit)
}
func (r remote) Rules(ctx context.Context, from ident.RoomID, limit int) (project.RulesPage, error) {
	return r.source.Rules(ctx, from, limit)
}
func (r remote) Count(ctx context.Context) (int64, error) { return r.source.Count(ctx) }

func open(t *testing.T, endpoints ...string) *directcall.Source {
	t.Helper()
	s, err := directcall.NewSource(directcall.Config{Endpoints: endpoints, Secret: secret})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

// Read over the wire, a source keeps every promise that it keeps at home.
func TestTheSourceKeepsTheContractOverTheWire(t *testing.T) {
	storetest.Rooms(t, func(t *testing.T) storetest.RoomsLevers {
		rooms := memory.NewRooms("memory")
		addr, _ := serve(t, secret, sourceapi.New(rooms))
		store := remote{rooms, open(t, addr)}
		return storetest.RoomsLevers{Store: store, Reopen: func() storetest.RoomsStore { return store }}
	})
}

// process is a process of the B side that fails when it is told to.
type process struct {
	sourceapi.Source
	asked atomic.Int64
	fails atomic.Pointer[fault.Code]
	hangs atomic.Bool
}

func (p *process) Head(ctx context.Context) (project.Head, error) {
	p.asked.Add(1)
	if p.hangs.Load() {
		<-ctx.Done()
		return project.Head{}, ctx.Err()
	}
	if code := p.fails.Load(); code != nil {
		return project.Head{}, code.New("told to")
	}
	return project.Head{Epoch: "e", Seq: 7, Floor: 1}, nil
}

func ask(t *testing.T, s *directcall.Source, times int) {
	t.Helper()
	for range times {
		if h, err := s.Head(t.Context()); err != nil || h.Seq != 7 {
			t.Fatalf("got %+v, %v", h, err)
		}
	}
}

func TestReadsStayWithWhoAnswersAndLeaveWhoIsGone(t *testing.T) {
	a, b := &process{}, &process{}
	addrA, stopA := serve(t, secret, sourceapi.New(a))
	addrB, stopB := serve(t, secret, sourceapi.New(b))
	s := open(t, addrA, addrB, deadEndpoint(t))
	ask(t, s, 20)
	first, second, stop := a, b, stopA
	if b.asked.Load() > 0 {
		first, second, stop = b, a, stopB
	}
	if first.asked.Load() != 20 || second.asked.Load() != 0 {
		t.Fatalf("the reads went to both: %d and %d", a.asked.Load(), b.asked.Load())
	}
	stop()
	ask(t, s, 20)
	if second.asked.Load() != 20 {
		t.Errorf("%d of 20 reads went to who is left", second.asked.Load())
	}
}

// A fault that passes by itself is tried at another process: only this one may have lost its database.
func TestAFaultThatPassesIsTriedElsewhere(t *testing.T) {
	a, b := &process{}, &process{}
	addrA, _ := serve(t, secret, sourceapi.New(a))
	addrB, _ := serve(t, secret, sourceapi.New(b))
	s := open(t, addrA, addrB)
	ask(t, s, 1)
	if b.asked.Load() == 1 {
		a, b = b, a
	}
	a.fails.Store(fault.StoreUnavailable)
	ask(t, s, 10)
	if a.asked.Load() != 2 || b.asked.Load() != 10 {
		t.Errorf("asked %d and %d times", a.asked.Load(), b.asked.Load())
	}
	b.fails.Store(fault.StoreUnavailable)
	if _, err := s.Head(t.Context()); !errors.Is(err, fault.StoreUnavailable) {
		t.Errorf("got %v", err)
	}
	a.fails.Store(fault.Internal)
	b.fails.Store(fault.Internal)
	before := a.asked.Load() + b.asked.Load()
	if _, err := s.Head(t.Context()); !errors.Is(err, fault.Internal) || a.asked.Load()+b.asked.Load() != before+1 {
		t.Errorf("a fault that stays was tried elsewhere: %v", err)
	}
}

// Nobody there is never INTERNAL: the projector would take it for a fault of the event at hand, and park its room.
func TestNobodyThereIsAFaultThatPasses(t *testing.T) {
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	s := open(t, deadEndpoint(t))
	for name, ctx := range map[string]context.Context{"dead": t.Context(), "ended": ended} {
		_, _, err := s.Snapshot(ctx, 7)
		if f := fault.Of(err); f == nil || f.Code == fault.Internal || !f.Code.Retryable {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestAProcessThatHangsDoesNotHoldAReader(t *testing.T) {
	a, b := &process{}, &process{}
	a.hangs.Store(true)
	addrA, _ := serve(t, secret, sourceapi.New(a))
	addrB, _ := serve(t, secret, sourceapi.New(b))
	s := open(t, addrA, hungEndpoint(t), addrB)
	ask(t, s, 5)
	if a.asked.Load() > 1 {
		t.Errorf("the one that hangs was asked %d times", a.asked.Load())
	}
}

// A page ends early when its bytes are many: a short page is not the last one.
func TestLargePagesAreCut(t *testing.T) {
	wide := make([]view.RoomCard, 900)
	for i := range wide {
		wide[i] = view.RoomCard{ID: ident.RoomID(i + 1), Title: string(make([]byte, 4000)), Version: 1}
	}
	addr, _ := serve(t, secret, sourceapi.New(shelf{cards: wide}))
	s := open(t, addr)
	var got, pages int
	for after := ident.RoomID(0); ; pages++ {
		cards, err := s.Snapshots(t.Context(), after, 900)
		if err != nil {
			t.Fatal(err)
		}
		if len(cards) == 0 {
			break
		}
		got += len(cards)
		after = cards[len(cards)-1].ID
	}
	if got != len(wide) || pages < 2 {
		t.Errorf("%d rooms came in %d pages", got, pages)
	}
}

// shelf serves cards.
type shelf struct {
	sourceapi.Source
	cards []view.RoomCard
}

func (s shelf) Snapshots(_ context.Context, after ident.RoomID, limit int) ([]view.RoomCard, error) {
	return s.cards[after:min(int(after)+limit, len(s.cards))], nil
}

func TestAnOversizedPageIsRefusedByName(t *testing.T) {
	addr, _ := serve(t, secret, sourceapi.New(shelf{}))
	s := open(t, addr)
	for limit, code := range map[int]*fault.Code{0: fault.InvalidArgument, 1001: fault.TooLarge} {
		_, err := s.Snapshots(t.Context(), 0, limit)
		if f := fault.Of(err); f == nil || f.Code != code || f.Details["field"] != "limit" {
			t.Errorf("limit %d: %v", limit, err)
		}
		if _, err := s.Events(t.Context(), 0, limit); !errors.Is(err, code) {
			t.Errorf("limit %d: %v", limit, err)
		}
	}
}
