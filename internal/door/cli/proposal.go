package cli

import (
	"context"

	greenroom "github.com/greenroomlive/greenroom/client"
)

type confirmCmd struct {
	ID int64 `arg:"" name:"proposal" help:"Proposal id."`
}

func (c *confirmCmd) Run(ctx context.Context, s *session) error {
	return s.controlled(s.ConfirmProposal(ctx, c.ID))
}

type declineCmd struct {
	ID int64 `arg:"" name:"proposal" help:"Proposal id."`
}

func (c *declineCmd) Run(ctx context.Context, s *session) error {
	p, err := s.DeclineProposal(ctx, c.ID)
	if err != nil {
		return err
	}
	return s.proposals([]*greenroom.Proposal{p})
}

type proposalsCmd struct {
	Open  bool `help:"Only those that can be decided now."`
	Limit int  `placeholder:"N" help:"At most so many." default:"200"`
}

func (c *proposalsCmd) Run(ctx context.Context, s *session) error {
	all, err := pages(c.Limit, func(token string) ([]*greenroom.Proposal, string, error) {
		return s.ListProposals(ctx, c.Open, token)
	})
	if err != nil {
		return err
	}
	return s.proposals(all)
}

func (s *session) proposals(all []*greenroom.Proposal) error {
	return list(s, all, "There are no such proposals.", "ID ROOM LEVEL STATE UNTIL VIEWERS BY DECIDED REASON EMERGENCY", func(p *greenroom.Proposal) []string {
		return []string{num(p.GetId()), num(p.GetRoomId()), p.GetLevel().String(), p.GetState().String(), at(p.GetUntil()), num(p.GetViewers()),
			p.GetActor(), orDash(p.GetDecider()), p.GetReason(), orDash(p.GetEmergency())}
	})
}
