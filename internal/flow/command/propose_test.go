package command_test

import (
	"errors"
	"slices"
	"sync"
	"testing"

	"github.com/greenroomlive/greenroom/internal/core/event"
	"github.com/greenroomlive/greenroom/internal/core/fault"
	"github.com/greenroomlive/greenroom/internal/core/ident"
	"github.com/greenroomlive/greenroom/internal/core/room"
	"github.com/greenroomlive/greenroom/internal/core/view"
	"github.com/greenroomlive/greenroom/internal/flow/command"
)

// staff is one of them, by name.
func staff(name string) command.Meta {
	return command.Meta{Caller: command.Caller{Subject: name, Scopes: []command.Scope{command.ScopeStaff}}}
}

// crowd is a room on air that more watch than one person may decide about.
func crowd(t *testing.T) (w *world, control *command.Control, id ident.RoomID, audience told) {
	w, audience = newWorld(t), told{}
	w.anchor = command.NewAnchor(command.Config{Store: w.store, IDs: ident.NewMinter(1), Clock: w.clock, Audience: audience, TwoPersonAbove: 1000})
	control, id = command.NewControl(w.anchor), w.create(room.Reject)
	r, err := w.anchor.StartRoom(w.ctx(), ops, id)
	audience[must(w, r, err).Session.ID] = 1001
	return w, control, id, audience
}

// proposed is the proposal that a refusal speaks of.
func (w *world) proposed(err error) ident.ProposalID {
	w.Helper()
	w.want(err, fault.ConfirmationNeeded)
	id, _ := ident.ParseRoomID(fault.Of(err).Details["proposal_id"])
	return ident.ProposalID(id)
}

func TestManyViewersNeedTwoPeople(t *testing.T) {
	w, control, id, _ := crowd(t)
	f, err := control.ForeseeIntervene(w.ctx(), staff("ann"), id, view.Locked, raid)
	if must(w, f, err); !f.NeedsTwo {
		t.Error("a dry run does not say so")
	}
	_, err = control.Intervene(w.ctx(), staff("ann"), id, view.Locked, raid)
	p := w.proposed(err)
	if got := w.types(id); len(got) != 2 {
		t.Errorf("only proposed, and yet: %v", got)
	}
	_, err = control.Confirm(w.ctx(), staff("ann"), p)
	w.want(err, fault.SecondPersonNeeded)
	r, err := control.Confirm(w.ctx(), staff("bert"), p)
	if must(w, r, err); r.Session != nil || r.Interventions[0].Actor != "ann and bert" {
		t.Errorf("confirmed: %+v", r.Interventions)
	}
	_, err = control.Confirm(w.ctx(), staff("cleo"), p)
	w.want(err, fault.ProposalClosed)
	want := []event.Type{event.RoomCreated, event.WentLive, event.RoomLocked, event.LiveEnded}
	if got := w.types(id); !slices.Equal(got, want) {
		t.Errorf("events %v, want %v", got, want)
	}
	if actor := w.events(id)[2].Actor; actor != "ann and bert" {
		t.Errorf("the event names %q", actor)
	}
}

func TestOfManyConfirmationsOneActs(t *testing.T) {
	w, control, id, _ := crowd(t)
	_, err := control.Intervene(w.ctx(), staff("ann"), id, view.Hidden, raid)
	p := w.proposed(err)
	var all sync.WaitGroup
	var mu sync.Mutex
	done := 0
	for _, name := range []string{"bert", "cleo", "dora", "emil"} {
		all.Go(func() {
			_, err := control.Confirm(w.ctx(), staff(name), p)
			mu.Lock()
			defer mu.Unlock()
			if err == nil {
				done++
			} else if !errors.Is(err, fault.ProposalClosed) {
				t.Error(err)
			}
		})
	}
	all.Wait()
	if got := w.types(id); done != 1 || len(got) != 3 {
		t.Errorf("%d confirmed, events %v", done, got)
	}
}

func TestAProposalEndsByItself(t *testing.T) {
	w, control, id, _ := crowd(t)
	once := staff("ann")
	once.IdempotencyKey = "k"
	_, err := control.Intervene(w.ctx(), once, id, view.Hidden, raid)
	p := w.proposed(err)
	if _, err = control.Intervene(w.ctx(), once, id, view.Hidden, raid); w.proposed(err) != p {
		t.Error("a repeat is another proposal")
	}
	w.pass(room.ProposalLife)
	_, err = control.Confirm(w.ctx(), staff("bert"), p)
	w.want(err, fault.ProposalClosed)
	open, err := control.Proposals(w.ctx(), ops, true, 0, 10)
	if must(w, open, err); len(open) != 0 {
		t.Errorf("open: %+v", open)
	}
	_, err = control.Intervene(w.ctx(), staff("ann"), id, view.Hidden, raid)
	again := w.proposed(err)
	if d, err := control.Decline(w.ctx(), staff("ann"), again); err != nil || d.Verdict != room.Declined {
		t.Errorf("taken back: %+v, %v", d, err)
	}
	_, err = control.Confirm(w.ctx(), staff("bert"), again)
	w.want(err, fault.ProposalClosed)
	_, err = control.Confirm(w.ctx(), owner, again)
	w.want(err, fault.PermissionDenied)
	if got := w.types(id); len(got) != 2 {
		t.Errorf("nobody confirmed, and yet: %v", got)
	}
}

func TestInAnEmergencyOneActs(t *testing.T) {
	w, control, id, audience := crowd(t)
	order := raid
	order.Emergency = "nobody else is here"
	_, err := control.Intervene(w.ctx(), staff("ann"), id, view.Locked, order)
	w.want(err, fault.PermissionDenied)
	r, err := control.Intervene(w.ctx(), ops, id, view.Locked, order)
	if must(w, r, err); r.Session != nil || r.Interventions[0].Actor != "ops (emergency)" {
		t.Errorf("in force: %+v", r.Interventions)
	}
	list, err := control.Proposals(w.ctx(), ops, false, 0, 10)
	if must(w, list, err); len(list) != 1 || list[0].Verdict != room.Overridden || list[0].Order.Emergency != order.Emergency {
		t.Errorf("on record: %+v", list)
	}

	// With few viewers, or when nobody can say how many, one is enough.
	other := w.create(room.Reject)
	r, err = w.anchor.StartRoom(w.ctx(), ops, other)
	session := must(w, r, err).Session.ID
	_, err = control.Intervene(w.ctx(), staff("ann"), other, view.Warned, raid)
	must(w, 0, err)
	audience[session] = 1000
	_, err = control.Intervene(w.ctx(), staff("ann"), other, view.Hidden, raid)
	must(w, 0, err)
}
