package memory

import (
	"cmp"
	"slices"
	"time"

	"github.com/greenroomlive/greenroom/internal/core/fault"
	"github.com/greenroomlive/greenroom/internal/core/ident"
	"github.com/greenroomlive/greenroom/internal/core/ownership"
	"github.com/greenroomlive/greenroom/internal/core/room"
)

// SaveProposal is command.Tx.
func (tx *roomsTx) SaveProposal(role ownership.Role, p *room.Proposal) error {
	if err := ownership.Check(role, "room_proposal", "id", "room_id", "verdict", "until_at", "content"); err != nil {
		return err
	}
	if have, known := tx.is.proposed[p.ID]; known && have.Verdict != room.Pending {
		return have.Closed()
	}
	tx.is.proposed[p.ID] = *p
	return nil
}

// Proposal is command.Reader.
func (rd roomsReader) Proposal(id ident.ProposalID) (*room.Proposal, error) {
	p, found := rd.is.proposed[id]
	if !found {
		return nil, fault.ProposalNotFound.New("there is no proposal %s", id)
	}
	return &p, nil
}

// Proposals is command.Reader.
func (rd roomsReader) Proposals(open bool, now time.Time, before ident.ProposalID, limit int) ([]*room.Proposal, error) {
	var out []*room.Proposal
	for _, p := range rd.is.proposed {
		if (before == 0 || p.ID < before) && (!open || p.Open(now)) {
			out = append(out, &p)
		}
	}
	slices.SortFunc(out, func(a, b *room.Proposal) int { return cmp.Compare(b.ID, a.ID) })
	return out[:min(limit, len(out))], nil
}
