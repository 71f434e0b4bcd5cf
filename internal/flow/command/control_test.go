package command_test

import (
	"slices"
	"testing"
	"time"

	"github.com/greenroomlive/greenroom/internal/core/event"
	"github.com/greenroomlive/greenroom/internal/core/fault"
	"github.com/greenroomlive/greenroom/internal/core/ident"
	"github.com/greenroomlive/greenroom/internal/core/room"
	"github.com/greenroomlive/greenroom/internal/core/view"
	"github.com/greenroomlive/greenroom/internal/flow/command"
)

var raid = room.Order{Reason: "a raid", Note: "seen by two"}

func (w *world) types(id ident.RoomID) (out []event.Type) {
	for _, e := range w.events(id) {
		out = append(out, e.Type)
	}
	return out
}

func TestALockEndsTheBroadcastInOneStep(t *testing.T) {
	w := newWorld(t)
	control, id := command.NewControl(w.anchor), w.create(room.Reject)
	key := w.key(id)
	publish := func() error {
		_, err := w.anchor.GoLive(w.ctx(), media, command.Publishing{Stream: id.String(), Key: key.Shown, Publisher: room.FromNginxRTMP("live", "1", "")})
		return err
	}
	if err := publish(); err != nil {
		t.Fatal(err)
	}
	order := raid
	order.Until = w.clock().Add(time.Hour)
	r, err := control.Intervene(w.ctx(), ops, id, view.Locked, order)
	if must(w, r, err); r.Session != nil || r.Card().Control.State != view.Locked {
		t.Errorf("locked: %+v", r.Card())
	}
	if s := w.sessions(id)[0]; s.EndReason != room.EndedByLock {
		t.Errorf("the session ended by %s", s.EndReason)
	}
	w.want(publish(), fault.RoomLocked)
	_, err = w.anchor.StartRoom(w.ctx(), owner, id)
	w.want(err, fault.RoomLocked)

	lifts := command.NewLifts(w.anchor, nil)
	w.pass(time.Hour - time.Millisecond)
	if err := lifts.Sweep(w.ctx()); err != nil || len(w.room(id).Interventions) != 1 {
		t.Errorf("before its time: %v, %+v", err, w.room(id).Interventions)
	}
	w.pass(time.Millisecond)
	if err := lifts.Sweep(w.ctx()); err != nil || len(w.room(id).Interventions) != 0 {
		t.Errorf("after its time: %v, %+v", err, w.room(id).Interventions)
	}
	if err := publish(); err != nil {
		t.Errorf("unlocked: %v", err)
	}
	want := []event.Type{event.RoomCreated, event.WentLive, event.RoomLocked, event.LiveEnded, event.RoomUnlocked, event.WentLive}
	if got := w.types(id); !slices.Equal(got, want) {
		t.Errorf("events %v, want %v", got, want)
	}
}

func TestOnlyStaffIntervenes(t *testing.T) {
	w := newWorld(t)
	control, id := command.NewControl(w.anchor), w.create(room.Reject)
	_, err := control.Intervene(w.ctx(), owner, id, view.Hidden, raid)
	w.want(err, fault.PermissionDenied)
	_, err = control.Lift(w.ctx(), owner, id, view.Hidden, "")
	w.want(err, fault.PermissionDenied)
	_, err = control.InForce(w.ctx(), owner, view.Normal, 0, 10)
	w.want(err, fault.PermissionDenied)
	if got := w.types(id); len(got) != 1 {
		t.Errorf("refused, and yet: %v", got)
	}
}

func TestAnInterventionIsRemembered(t *testing.T) {
	w := newWorld(t)
	control, id := command.NewControl(w.anchor), w.create(room.Reject)
	meta := ops
	meta.IdempotencyKey = "k"
	first, err := control.Intervene(w.ctx(), meta, id, view.Warned, raid)
	must(w, first, err)
	again, err := control.Intervene(w.ctx(), meta, id, view.Warned, raid)
	if must(w, again, err).Version != first.Version || len(w.types(id)) != 2 {
		t.Errorf("a repeat made version %s of %s", again.Version, first.Version)
	}
	_, err = control.Intervene(w.ctx(), meta, id, view.Hidden, raid)
	w.want(err, fault.IdempotencyConflict)
	list, err := control.InForce(w.ctx(), ops, view.Warned, 0, 10)
	if must(w, list, err); len(list) != 1 || list[0].ID != id {
		t.Errorf("in force: %v", list)
	}
	lifted, err := control.Lift(w.ctx(), ops, id, view.Warned, "mistake")
	if must(w, lifted, err); len(lifted.Interventions) != 0 {
		t.Errorf("lifted: %+v", lifted.Interventions)
	}
}

// told is an audience of which the test says how many they are; nil: nobody can say.
type told map[ident.SessionID]int64

func (a told) Online(_ ident.RoomID, s ident.SessionID) (int64, time.Time, bool) {
	n, known := a[s]
	return n, time.Time{}, known
}

func TestADryRunSaysHowManyWatch(t *testing.T) {
	w, audience := newWorld(t), told{}
	w.anchor = command.NewAnchor(command.Config{Store: w.store, IDs: ident.NewMinter(1), Clock: w.clock, Audience: audience})
	control, id := command.NewControl(w.anchor), w.create(room.Reject)
	viewers := func() command.Viewers {
		t.Helper()
		f, err := control.ForeseeIntervene(w.ctx(), ops, id, view.Locked, raid)
		return must(w, f, err).Viewers
	}
	if got := viewers(); got != (command.Viewers{AsOf: w.clock(), Known: true}) {
		t.Errorf("off the air: %+v", got)
	}
	r, err := w.anchor.StartRoom(w.ctx(), ops, id)
	session := must(w, r, err).Session.ID
	if got := viewers(); got.Known {
		t.Errorf("nobody can say, and yet: %+v", got)
	}
	audience[session] = 12_345
	if got := viewers(); !got.Known || got.Online != 12_345 {
		t.Errorf("of 12,345: %+v", got)
	}
}
