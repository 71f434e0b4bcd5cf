package commandapi

import (
	"context"
	"net/http"
	"time"

	"connectrpc.com/connect"

	managementv1 "github.com/greenroomlive/greenroom/api/gen/greenroom/management/v1"
	roomv1 "github.com/greenroomlive/greenroom/api/gen/greenroom/room/v1"
	"github.com/greenroomlive/greenroom/internal/core/ident"
	"github.com/greenroomlive/greenroom/internal/core/room"
	"github.com/greenroomlive/greenroom/internal/core/view"
	"github.com/greenroomlive/greenroom/internal/flow/command"
	"github.com/greenroomlive/greenroom/internal/wire"
)

// controlHandler serves greenroom.management.v1.ManagementService. That its callers are staff is for the commands
// to check, which know the rule already.
type controlHandler struct{ commands *command.Control }

type (
	intervene     = connect.Request[managementv1.InterveneRequest]
	lift          = connect.Request[managementv1.LiftRequest]
	controlAnswer = connect.Response[managementv1.ControlResponse]
)

// Warn shows a warning.
func (h *controlHandler) Warn(ctx context.Context, req *intervene) (*controlAnswer, error) {
	return h.intervene(ctx, req, view.Warned)
}

// Unwarn takes it back.
func (h *controlHandler) Unwarn(ctx context.Context, req *lift) (*controlAnswer, error) {
	return h.lift(ctx, req, view.Warned)
}

// Cut ends the running session, and may hold the next publish back.
func (h *controlHandler) Cut(ctx context.Context, req *connect.Request[managementv1.CutRequest]) (*controlAnswer, error) {
	return h.put(ctx, req.Header(), req.Msg, view.Cut, room.Order{
		Reason: req.Msg.GetReason(), Note: req.Msg.GetNote(), For: minutes(req.Msg.GetHoldMinutes()), Emergency: req.Msg.GetEmergency(),
	})
}

// Uncut ends the hold.
func (h *controlHandler) Uncut(ctx context.Context, req *lift) (*controlAnswer, error) {
	return h.lift(ctx, req, view.Cut)
}

// Hide takes the room out of every list.
func (h *controlHandler) Hide(ctx context.Context, req *intervene) (*controlAnswer, error) {
	return h.intervene(ctx, req, view.Hidden)
}

// Unhide puts it back.
func (h *controlHandler) Unhide(ctx context.Context, req *lift) (*controlAnswer, error) {
	return h.lift(ctx, req, view.Hidden)
}

// Lock ends the running session and refuses every publish.
func (h *controlHandler) Lock(ctx context.Context, req *intervene) (*controlAnswer, error) {
	return h.intervene(ctx, req, view.Locked)
}

// Unlock lets the room publish again.
func (h *controlHandler) Unlock(ctx context.Context, req *lift) (*controlAnswer, error) {
	return h.lift(ctx, req, view.Locked)
}

func (h *controlHandler) intervene(ctx context.Context, req *intervene, level view.ControlState) (*controlAnswer, error) {
	o := room.Order{Reason: req.Msg.GetReason(), Note: req.Msg.GetNote(), For: minutes(req.Msg.GetMinutes()), Emergency: req.Msg.GetEmergency()}
	if until := req.Msg.GetUntil(); until != nil {
		o.Until = until.AsTime().Truncate(time.Millisecond)
	}
	return h.put(ctx, req.Header(), req.Msg, level, o)
}

// aimed is a request about one room, which may be a dry run.
type aimed interface {
	GetId() int64
	GetDryRun() bool
}

func (h *controlHandler) put(ctx context.Context, header http.Header, req aimed, level view.ControlState, o room.Order) (*controlAnswer, error) {
	m, err := metaOf(ctx, header)
	if err != nil {
		return nil, err
	}
	if req.GetDryRun() {
		return foreseen(h.commands.ForeseeIntervene(ctx, m, ident.RoomID(req.GetId()), level, o))
	}
	return controlled(h.commands.Intervene(ctx, m, ident.RoomID(req.GetId()), level, o))
}

func (h *controlHandler) lift(ctx context.Context, req *lift, level view.ControlState) (*controlAnswer, error) {
	m, err := metaOf(ctx, req.Header())
	if err != nil {
		return nil, err
	}
	if req.Msg.GetDryRun() {
		return foreseen(h.commands.ForeseeLift(ctx, m, ident.RoomID(req.Msg.GetId()), level, req.Msg.GetReason()))
	}
	return controlled(h.commands.Lift(ctx, m, ident.RoomID(req.Msg.GetId()), level, req.Msg.GetReason()))
}

// GetControl shows what is in force in a room.
func (h *controlHandler) GetControl(ctx context.Context, req *connect.Request[managementv1.GetControlRequest]) (*connect.Response[managementv1.Controlled], error) {
	m, err := metaOf(ctx, req.Header())
	if err != nil {
		return nil, err
	}
	r, err := h.commands.Get(ctx, m, ident.RoomID(req.Msg.GetId()))
	if err != nil {
		return nil, err
	}
	return versioned(&managementv1.Controlled{Room: roomOf(r), Interventions: interventionsOf(r)}, r), nil
}

// ListControlled pages by id through the rooms that have interventions in force.
func (h *controlHandler) ListControlled(ctx context.Context, req *connect.Request[managementv1.ListControlledRequest]) (*connect.Response[managementv1.ListControlledResponse], error) {
	m, err := metaOf(ctx, req.Header())
	if err != nil {
		return nil, err
	}
	limit, after, err := page(req.Msg.GetPageSize(), req.Msg.GetPageToken())
	if err != nil {
		return nil, err
	}
	list, err := h.commands.InForce(ctx, m, view.ControlState(req.Msg.GetState()), ident.RoomID(after), limit+1)
	if err != nil {
		return nil, err
	}
	list, next := cut(list, limit, func(r *room.Room) int64 { return int64(r.ID) })
	out := &managementv1.ListControlledResponse{NextPageToken: next}
	for _, r := range list {
		out.Rooms = append(out.Rooms, &managementv1.Controlled{Room: roomOf(r), Interventions: interventionsOf(r)})
	}
	return connect.NewResponse(out), nil
}

func controlled(r *room.Room, err error) (*controlAnswer, error) {
	if err != nil {
		return nil, err
	}
	return versioned(&managementv1.ControlResponse{Room: roomOf(r), Interventions: interventionsOf(r)}, r), nil
}

// foreseen shows the room as it is, beside what would come of it.
func foreseen(f command.Foresight, err error) (*controlAnswer, error) {
	if err != nil {
		return nil, err
	}
	would := &managementv1.Foresight{WouldEndSession: f.Ends() != 0, SessionId: int64(f.Ends()), Control: roomOf(f.Then).GetControl(), NeedsConfirmation: f.NeedsTwo}
	if f.Viewers.Known {
		would.Viewers, would.ViewersAsOf = &f.Viewers.Online, wire.Time(f.Viewers.AsOf)
	}
	return versioned(&managementv1.ControlResponse{Room: roomOf(f.Was), Interventions: interventionsOf(f.Then), Foresight: would}, f.Was), nil
}

func roomOf(r *room.Room) *roomv1.Room {
	card := r.Card()
	return wire.Room(&card)
}

func interventionsOf(r *room.Room) []*managementv1.Intervention {
	out := make([]*managementv1.Intervention, 0, len(r.Interventions))
	for _, i := range r.Interventions {
		out = append(out, &managementv1.Intervention{
			Level: roomv1.Control_State(i.Level), Reason: i.Reason, Note: i.Note, Actor: i.Actor, At: wire.Time(i.At), Until: wire.Time(i.Until),
		})
	}
	return out
}

func minutes(n int32) time.Duration { return time.Duration(n) * time.Minute }
