package sim

import (
	"context"
	"errors"

	"github.com/greenroomlive/greenroom/internal/adapter/memory"
	"github.com/greenroomlive/greenroom/internal/app"
	"github.com/greenroomlive/greenroom/internal/core/event"
	"github.com/greenroomlive/greenroom/internal/core/fault"
	"github.com/greenroomlive/greenroom/internal/core/ident"
	"github.com/greenroomlive/greenroom/internal/core/view"
	"github.com/greenroomlive/greenroom/internal/flow/command"
	"github.com/greenroomlive/greenroom/internal/flow/feed"
	"github.com/greenroomlive/greenroom/internal/flow/project"
)

var errCrashed = errors.New("sim: this life is over")

// life is one run of the process, from its start to its crash.
type life struct {
	*app.Corridor
	*screen
	w    *world
	dice *dice
	end  context.CancelFunc
	done chan struct{}
}

// step is asked before and after each port call; an error means that the life ended here.
func (l *life) step() error {
	if !l.dead.Load() && l.dice.chance(l.w.faults.crash) {
		l.crash()
	}
	if l.dead.Load() {
		return errCrashed
	}
	return nil
}

func (l *life) crash() {
	if !l.dead.Swap(true) {
		l.w.note("crash")
		l.end()
	}
}

// call runs one port call as a step of the life.
func call[T any](l *life, do func() (T, error)) (T, error) {
	var none T
	if err := l.step(); err != nil {
		return none, err
	}
	out, err := do()
	if err != nil {
		return none, err
	}
	if err := l.step(); err != nil {
		return none, err // it happened, but nobody learns of it
	}
	return out, nil
}

// ask is a call that may go unanswered and leaves nothing behind.
func ask[T any](l *life, do func() (T, error)) (T, error) {
	return call(l, func() (T, error) {
		if l.dice.chance(l.w.faults.unanswered) {
			var none T
			return none, fault.StoreUnavailable.New("sim: no answer")
		}
		return do()
	})
}

func run(l *life, do func() error) error {
	_, err := call(l, func() (struct{}, error) { return struct{}{}, do() })
	return err
}

// rooms is room_b as one life sees it.
type rooms struct {
	*memory.Rooms
	l *life
}

func (r rooms) Write(ctx context.Context, unit func(command.Tx) error) error {
	return run(r.l, func() error { return r.Rooms.Write(ctx, unit) })
}

// Subscribe lets the other zones be called directly, too.
func (r rooms) Subscribe(f func([]event.RoomEvent)) {
	r.Rooms.Subscribe(func(events []event.RoomEvent) {
		f(events)
		for _, z := range r.l.w.zones {
			z.direct.Send(events)
		}
	})
}

func (r rooms) Read(ctx context.Context, look func(command.Reader) error) error {
	_, err := ask(r.l, func() (struct{}, error) { return struct{}{}, r.Rooms.Read(ctx, look) })
	return err
}

func (r rooms) Sequence(ctx context.Context, limit int) ([]event.RoomEvent, error) {
	return call(r.l, func() ([]event.RoomEvent, error) { return r.Rooms.Sequence(ctx, limit) })
}

func (r rooms) After(ctx context.Context, after ident.FeedSeq, limit int) ([]event.RoomEvent, error) {
	return ask(r.l, func() ([]event.RoomEvent, error) { return r.Rooms.After(ctx, after, limit) })
}

func (r rooms) Events(ctx context.Context, after ident.FeedSeq, limit int) ([]event.RoomEvent, error) {
	return r.After(ctx, after, limit)
}

func (r rooms) Frontier(ctx context.Context) (epoch string, seq ident.FeedSeq, err error) {
	_, err = ask(r.l, func() (struct{}, error) {
		epoch, seq, err = r.Rooms.Frontier(ctx)
		return struct{}{}, err
	})
	return epoch, seq, err
}

func (r rooms) Head(ctx context.Context) (project.Head, error) {
	return ask(r.l, func() (project.Head, error) { return r.Rooms.Head(ctx) })
}

func (r rooms) Snapshot(ctx context.Context, id ident.RoomID) (card view.RoomCard, found bool, err error) {
	card, err = ask(r.l, func() (view.RoomCard, error) {
		card, found, err = r.Rooms.Snapshot(ctx, id)
		return card, err
	})
	return card, found, err
}

func (r rooms) Areas(ctx context.Context) (areas []view.Area, version ident.Version, err error) {
	areas, err = ask(r.l, func() ([]view.Area, error) {
		areas, version, err = r.Rooms.Areas(ctx)
		return areas, err
	})
	return areas, version, err
}

func (r rooms) Snapshots(ctx context.Context, after ident.RoomID, limit int) ([]view.RoomCard, error) {
	return ask(r.l, func() ([]view.RoomCard, error) { return r.Rooms.Snapshots(ctx, after, limit) })
}

// views is room_c as one life sees it.
type views struct {
	*memory.Views
	l *life
}

func (v views) Write(ctx context.Context, b project.Batch) ([]ident.RoomID, error) {
	defer v.l.w.news.Tell()
	return call(v.l, func() ([]ident.RoomID, error) { return v.Views.Write(ctx, b) })
}

func (v views) Versions(ctx context.Context, ids []ident.RoomID) (map[ident.RoomID]ident.Version, error) {
	return ask(v.l, func() (map[ident.RoomID]ident.Version, error) { return v.Views.Versions(ctx, ids) })
}

func (v views) Position(ctx context.Context) (project.Position, error) {
	return ask(v.l, func() (project.Position, error) { return v.Views.Position(ctx) })
}

func (v views) AreasVersion(ctx context.Context) (ident.Version, error) {
	return ask(v.l, func() (ident.Version, error) { return v.Views.AreasVersion(ctx) })
}

func (v views) Parked(ctx context.Context, q project.ParkedQuery) ([]project.Parked, error) {
	return ask(v.l, func() ([]project.Parked, error) { return v.Views.Parked(ctx, q) })
}

func (v views) Cards(ctx context.Context, ids []ident.RoomID) ([]view.RoomCard, error) {
	return ask(v.l, func() ([]view.RoomCard, error) { return v.Views.Cards(ctx, ids) })
}

func (v views) ShadowCards(ctx context.Context, after ident.RoomID, limit int) ([]view.RoomCard, error) {
	return ask(v.l, func() ([]view.RoomCard, error) { return v.Views.ShadowCards(ctx, after, limit) })
}

// Reopen tells the viewer that what it saw may be gone.
func (v views) Reopen(ctx context.Context) (bool, error) {
	lost, err := v.Views.Reopen(ctx)
	if lost {
		v.l.w.emptied.Add(1)
	}
	return lost, err
}

func (v views) WriteShadow(ctx context.Context, b project.Batch) error {
	return run(v.l, func() error { return v.Views.WriteShadow(ctx, b) })
}

func (v views) Switch(ctx context.Context) error {
	return run(v.l, func() error { return v.Views.Switch(ctx) })
}

func (v views) Reset(ctx context.Context, p project.Position) error {
	v.l.w.emptied.Add(1)
	return run(v.l, func() error { return v.Views.Reset(ctx, p) })
}

func (v views) Frames(ctx context.Context, after ident.FeedSeq, limit int) ([]feed.Frame, error) {
	return ask(v.l, func() ([]feed.Frame, error) { return v.Views.Frames(ctx, after, limit) })
}

// bus is the broker as one life sees it.
type bus struct {
	*memory.Bus
	l *life
}

func (b bus) Publish(ctx context.Context, events []event.RoomEvent) error {
	return run(b.l, func() error {
		err := b.Bus.Publish(ctx, events)
		for _, z := range b.l.w.zones {
			if err == nil {
				z.published(events)
			}
		}
		return err
	})
}

func (b bus) Beat(ctx context.Context, beat event.Beat) error {
	for _, z := range b.l.w.zones {
		z.beat(ctx, beat)
	}
	return run(b.l, func() error { return b.Bus.Beat(ctx, beat) })
}

func (b bus) Beats(ctx context.Context, hear func(event.Beat)) error {
	return b.Bus.Beats(ctx, func(beat event.Beat) {
		if !b.l.dead.Load() {
			hear(beat)
		}
	})
}

func (b bus) Consume(ctx context.Context, handle func(context.Context, []project.Delivery) error) error {
	return b.Bus.Consume(ctx, func(ctx context.Context, list []project.Delivery) error {
		return run(b.l, func() error { return handle(ctx, list) })
	})
}
