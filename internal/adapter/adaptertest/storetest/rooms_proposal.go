package storetest

import (
	"errors"
	"reflect"
	"slices"
	"testing"
	"time"

	"github.com/greenroomlive/greenroom/internal/core/fault"
	"github.com/greenroomlive/greenroom/internal/core/ident"
	"github.com/greenroomlive/greenroom/internal/core/ownership"
	"github.com/greenroomlive/greenroom/internal/core/room"
	"github.com/greenroomlive/greenroom/internal/core/view"
	"github.com/greenroomlive/greenroom/internal/flow/command"
)

func (w *roomsWorld) propose(id ident.RoomID) (p *room.Proposal) {
	w.Helper()
	r := w.room(id)
	p, err := r.Propose(w.by(), ident.ProposalID(w.id()), view.Locked, room.Order{Reason: "a \"raid\"", Note: "人", For: time.Hour}, 12_345)
	w.must(err)
	w.must(w.Store.Write(w.ctx(), func(tx command.Tx) error { return tx.SaveProposal(ownership.XRoomManagement, p) }))
	return p
}

func keepsProposals(t *testing.T, w *roomsWorld) {
	id := w.create("watched by many")
	first, second, third := w.propose(id), w.propose(id), w.propose(id)
	w.Store = w.Reopen()
	get := func(id ident.ProposalID) *room.Proposal {
		return look(w, func(rd command.Reader) (*room.Proposal, error) { return rd.Proposal(id) })
	}
	if got := get(second.ID); !reflect.DeepEqual(got, second) {
		t.Errorf("kept %+v, want %+v", got, second)
	}
	list := func(open bool, now time.Time, before ident.ProposalID, limit int) (ids []ident.ProposalID) {
		for _, p := range look(w, func(rd command.Reader) ([]*room.Proposal, error) { return rd.Proposals(open, now, before, limit) }) {
			ids = append(ids, p.ID)
		}
		return ids
	}
	no := *second
	w.must(no.Decline(w.by()))
	decide := func(p room.Proposal) error {
		return w.Store.Write(w.ctx(), func(tx command.Tx) error { return tx.SaveProposal(ownership.XRoomManagement, &p) })
	}
	w.must(decide(no))
	yes := *second // as somebody saw it before it was declined
	yes.Verdict, yes.Decider = room.Confirmed, "bert"
	if err := decide(yes); !errors.Is(err, fault.ProposalClosed) {
		t.Errorf("a second verdict: %v", err)
	}
	if got := get(second.ID); got.Verdict != room.Declined {
		t.Errorf("it is %v", got.Verdict)
	}
	for name, c := range map[string]struct{ got, want []ident.ProposalID }{
		"all":             {list(false, w.now, 0, 10), []ident.ProposalID{third.ID, second.ID, first.ID}},
		"open":            {list(true, w.now, 0, 10), []ident.ProposalID{third.ID, first.ID}},
		"open, the next":  {list(true, w.now, third.ID, 10), []ident.ProposalID{first.ID}},
		"at most one":     {list(false, w.now, 0, 1), []ident.ProposalID{third.ID}},
		"their time over": {list(true, first.Until, 0, 10), nil},
	} {
		if !slices.Equal(c.got, c.want) {
			t.Errorf("%s: %v, want %v", name, c.got, c.want)
		}
	}
	err := w.Store.Read(w.ctx(), func(rd command.Reader) error { _, err := rd.Proposal(1); return err })
	if !errors.Is(err, fault.ProposalNotFound) {
		t.Errorf("one that never was: %v", err)
	}
}
