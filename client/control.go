package greenroom

import (
	"context"
	"time"

	"google.golang.org/protobuf/types/known/timestamppb"

	managementv1 "github.com/greenroomlive/greenroom/api/gen/greenroom/management/v1"
	roomv1 "github.com/greenroomlive/greenroom/api/gen/greenroom/room/v1"
)

// The nouns of room control.
type (
	// Level is how staff intervenes in a room.
	Level = roomv1.Control_State
	// Controlled is a room with the interventions in force, notes and actors included.
	Controlled = managementv1.Controlled
	// Intervention is one of them.
	Intervention = managementv1.Intervention
	// Proposal is an intervention that needs two people.
	Proposal = managementv1.Proposal
	// Foresight is what a command of room control would do, and to how many.
	Foresight = managementv1.Foresight
	// ControlResponse is what a command of room control answers; its foresight is that of a dry run.
	ControlResponse = managementv1.ControlResponse
)

// The levels, the weakest first. Each is in force or not, whatever the others are.
const (
	Warned = roomv1.Control_WARNED
	Cut    = roomv1.Control_CUT
	Hidden = roomv1.Control_HIDDEN
	Locked = roomv1.Control_LOCKED
)

// Order is what staff says of an intervention.
type Order struct {
	// Reason is for viewers and encoders, Note for staff only.
	Reason, Note string
	// For is how long it is in force, in whole minutes: of a cut, how long the next publish is held back. 0: until
	// Until, or without that until it is lifted. Until is not for a cut.
	For   time.Duration
	Until time.Time
	// Emergency is why one person alone does at once what needs two. Scope ops. Empty: the answer is
	// CONFIRMATION_NEEDED when many watch, and its details name the proposal that another person is to confirm.
	Emergency string
	// DryRun asks what would happen, and changes nothing.
	DryRun bool
}

// Intervene puts a level in force in a room, or replaces the one there is. Scope staff or ops, as all below.
func (c *Client) Intervene(ctx context.Context, room int64, level Level, o Order, options ...CallOption) (*ControlResponse, error) {
	minutes := int32(o.For / time.Minute)
	if level == Cut {
		return write(ctx, c, c.management.Cut, &managementv1.CutRequest{Id: room, Reason: o.Reason, Note: o.Note, HoldMinutes: minutes, DryRun: o.DryRun, Emergency: o.Emergency}, options)
	}
	req := &managementv1.InterveneRequest{Id: room, Reason: o.Reason, Note: o.Note, Minutes: minutes, DryRun: o.DryRun, Emergency: o.Emergency}
	if !o.Until.IsZero() {
		req.Until = timestamppb.New(o.Until)
	}
	switch level {
	case Warned:
		return write(ctx, c, c.management.Warn, req, options)
	case Hidden:
		return write(ctx, c, c.management.Hide, req, options)
	case Locked:
		return write(ctx, c, c.management.Lock, req, options)
	}
	return nil, notALevel(level)
}

// Lift takes a level back; one that is not in force stays so. A dry run says what viewers would see then.
func (c *Client) Lift(ctx context.Context, room int64, level Level, reason string, dryRun bool, options ...CallOption) (*ControlResponse, error) {
	req := &managementv1.LiftRequest{Id: room, Reason: reason, DryRun: dryRun}
	switch level {
	case Warned:
		return write(ctx, c, c.management.Unwarn, req, options)
	case Cut:
		return write(ctx, c, c.management.Uncut, req, options)
	case Hidden:
		return write(ctx, c, c.management.Unhide, req, options)
	case Locked:
		return write(ctx, c, c.management.Unlock, req, options)
	}
	return nil, notALevel(level)
}

func notALevel(l Level) error {
	return &Error{Code: "INVALID_ARGUMENT", Message: l.String() + " is no intervention"}
}

// RoomControl shows what is in force in a room.
func (c *Client) RoomControl(ctx context.Context, room int64) (*Controlled, error) {
	return call(ctx, c, c.management.GetControl, &managementv1.GetControlRequest{Id: room}, nil)
}

// ListControlled pages by id through the rooms whose strongest intervention is state; 0: that have any.
func (c *Client) ListControlled(ctx context.Context, state Level, pageToken string) (rooms []*Controlled, next string, err error) {
	a, err := call(ctx, c, c.management.ListControlled, &managementv1.ListControlledRequest{State: state, PageToken: pageToken}, nil)
	return a.GetRooms(), a.GetNextPageToken(), err
}

// ConfirmProposal does what another person proposed, once.
func (c *Client) ConfirmProposal(ctx context.Context, id int64, options ...CallOption) (*ControlResponse, error) {
	return write(ctx, c, c.management.ConfirmProposal, &managementv1.DecideRequest{Id: id}, options)
}

// DeclineProposal closes a proposal without doing it.
func (c *Client) DeclineProposal(ctx context.Context, id int64, options ...CallOption) (*Proposal, error) {
	return write(ctx, c, c.management.DeclineProposal, &managementv1.DecideRequest{Id: id}, options)
}

// ListProposals pages through proposals, the newest first; with open, those that can be decided now.
func (c *Client) ListProposals(ctx context.Context, open bool, pageToken string) (proposals []*Proposal, next string, err error) {
	a, err := call(ctx, c, c.management.ListProposals, &managementv1.ListProposalsRequest{Open: open, PageToken: pageToken}, nil)
	return a.GetProposals(), a.GetNextPageToken(), err
}
