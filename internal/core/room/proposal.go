package room

// Story: what one of the staff wants for a room that many watch, another confirms.
//
//	command.Control.Intervene ─▶ proposal stored, CONFIRMATION_NEEDED ─▶ command.Control.Confirm, by another person
//	─▶ this file and control.go decide ─▶ one transaction {proposal, room, outbox}
//
// A proposal is open until it is decided or its time is over; then it stays for a while, as the record of who agreed.

import (
	"time"

	"github.com/greenroomlive/greenroom/internal/core/fault"
	"github.com/greenroomlive/greenroom/internal/core/ident"
	"github.com/greenroomlive/greenroom/internal/core/view"
)

// ProposalLife is how long a proposal may be confirmed: the second person is called now, or it is not urgent.
const ProposalLife = 15 * time.Minute

// Verdict is what became of a proposal.
type Verdict uint8

// The verdicts. The numbers are stored.
const (
	Pending Verdict = iota
	Confirmed
	Declined
	// Overridden was done at once by one person, for the reason in Order.Emergency.
	Overridden
)

// String is the verdict's word in the audit log.
func (v Verdict) String() string {
	return [...]string{"PENDING", "CONFIRMED", "DECLINED", "OVERRIDDEN"}[v]
}

// Proposal is an intervention that needs two people.
type Proposal struct {
	ID    ident.ProposalID  `json:"id"`
	Room  ident.RoomID      `json:"room"`
	Level view.ControlState `json:"level"`
	Order Order             `json:"order"`
	// Viewers is how many watched when it was proposed.
	Viewers int64     `json:"viewers"`
	Actor   string    `json:"actor"`
	At      time.Time `json:"at"`
	// Until is when it can be confirmed no more.
	Until     time.Time `json:"until"`
	Verdict   Verdict   `json:"verdict"`
	Decider   string    `json:"decider"`
	DecidedAt time.Time `json:"decided_at"`
}

// Propose makes a proposal of what Intervene would do, and refuses what it would refuse. The room stays as it is.
func (r *Room) Propose(by By, id ident.ProposalID, level view.ControlState, o Order, viewers int64) (*Proposal, error) {
	if err := r.Stored().Intervene(by, level, o); err != nil {
		return nil, err
	}
	return &Proposal{ID: id, Room: r.ID, Level: level, Order: o, Viewers: viewers, Actor: by.Actor, At: by.Now, Until: by.Now.Add(ProposalLife)}, nil
}

// Open reports whether it can still be decided.
func (p *Proposal) Open(now time.Time) bool { return p.Verdict == Pending && now.Before(p.Until) }

// Needed is what who proposed it is told.
func (p *Proposal) Needed() error {
	return fault.ConfirmationNeeded.New("%d watch this room: proposal %s waits for another person", p.Viewers, p.ID).
		With("proposal_id", p.ID.String()).With("until", p.Until.Format(time.RFC3339))
}

// Confirm is another person's yes; what was proposed is then in force. SECOND_PERSON_NEEDED for who proposed it,
// PROPOSAL_CLOSED once it is decided or its time is over. Its event, and what stays in force, name both people.
func (p *Proposal) Confirm(by By, r *Room) error {
	if by.Actor == p.Actor {
		return fault.SecondPersonNeeded.New("%s proposed this; another person confirms it", p.Actor).With("proposal_id", p.ID.String())
	}
	if err := p.decide(by, Confirmed); err != nil {
		return err
	}
	by.Actor = p.Actor + " and " + by.Actor
	return r.Intervene(by, p.Level, p.Order)
}

// Decline is a no of anybody among the staff: who proposed it takes it back.
func (p *Proposal) Decline(by By) error { return p.decide(by, Declined) }

// Override is one person's act in an emergency. The event says that there was one; why, is for staff to read here.
func (p *Proposal) Override(by By, r *Room) error {
	if err := p.decide(by, Overridden); err != nil {
		return err
	}
	by.Actor += " (emergency)"
	return r.Intervene(by, p.Level, p.Order)
}

func (p *Proposal) decide(by By, v Verdict) error {
	if !p.Open(by.Now) {
		return p.Closed()
	}
	p.Verdict, p.Decider, p.DecidedAt = v, by.Actor, by.Now
	return nil
}

// Closed is that it cannot be decided any more.
func (p *Proposal) Closed() error {
	return fault.ProposalClosed.New("proposal %s is decided, or its time is over", p.ID).With("proposal_id", p.ID.String())
}
