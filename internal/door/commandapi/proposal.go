package commandapi

import (
	"context"
	"time"

	"connectrpc.com/connect"

	managementv1 "github.com/greenroomlive/greenroom/api/gen/greenroom/management/v1"
	roomv1 "github.com/greenroomlive/greenroom/api/gen/greenroom/room/v1"
	"github.com/greenroomlive/greenroom/internal/core/ident"
	"github.com/greenroomlive/greenroom/internal/core/room"
	"github.com/greenroomlive/greenroom/internal/wire"
)

type decide = connect.Request[managementv1.DecideRequest]

// ConfirmProposal does what another person proposed.
func (h *controlHandler) ConfirmProposal(ctx context.Context, req *decide) (*controlAnswer, error) {
	m, err := metaOf(ctx, req.Header())
	if err != nil {
		return nil, err
	}
	return controlled(h.commands.Confirm(ctx, m, ident.ProposalID(req.Msg.GetId())))
}

// DeclineProposal closes a proposal.
func (h *controlHandler) DeclineProposal(ctx context.Context, req *decide) (*connect.Response[managementv1.Proposal], error) {
	m, err := metaOf(ctx, req.Header())
	if err != nil {
		return nil, err
	}
	p, err := h.commands.Decline(ctx, m, ident.ProposalID(req.Msg.GetId()))
	if err != nil {
		return nil, err
	}
	return connect.NewResponse(proposalOf(p, time.Now())), nil
}

// ListProposals pages through proposals, the newest first.
func (h *controlHandler) ListProposals(ctx context.Context, req *connect.Request[managementv1.ListProposalsRequest]) (*connect.Response[managementv1.ListProposalsResponse], error) {
	m, err := metaOf(ctx, req.Header())
	if err != nil {
		return nil, err
	}
	limit, before, err := page(req.Msg.GetPageSize(), req.Msg.GetPageToken())
	if err != nil {
		return nil, err
	}
	list, err := h.commands.Proposals(ctx, m, req.Msg.GetOpen(), ident.ProposalID(before), limit+1)
	if err != nil {
		return nil, err
	}
	list, next := cut(list, limit, func(p *room.Proposal) int64 { return int64(p.ID) })
	out := &managementv1.ListProposalsResponse{NextPageToken: next}
	now := time.Now()
	for _, p := range list {
		out.Proposals = append(out.Proposals, proposalOf(p, now))
	}
	return connect.NewResponse(out), nil
}

func proposalOf(p *room.Proposal, now time.Time) *managementv1.Proposal {
	state := managementv1.Proposal_State(p.Verdict)
	if p.Verdict == room.Pending && !p.Open(now) {
		state = managementv1.Proposal_EXPIRED
	}
	return &managementv1.Proposal{
		Id: int64(p.ID), RoomId: int64(p.Room), Level: roomv1.Control_State(p.Level), Reason: p.Order.Reason, Note: p.Order.Note,
		Actor: p.Actor, At: wire.Time(p.At), Until: wire.Time(p.Until), Viewers: p.Viewers, State: state,
		Decider: p.Decider, DecidedAt: wire.Time(p.DecidedAt), Emergency: p.Order.Emergency,
	}
}
