package commandapi

import (
	"context"
	"net/http"

	"connectrpc.com/connect"

	schedulev1 "github.com/greenroomlive/greenroom/api/gen/greenroom/schedule/v1"
	"github.com/greenroomlive/greenroom/internal/core/ident"
	"github.com/greenroomlive/greenroom/internal/core/view"
	"github.com/greenroomlive/greenroom/internal/flow/command"
	"github.com/greenroomlive/greenroom/internal/wire"
)

// scheduleHandler serves greenroom.schedule.v1.ScheduleService.
type scheduleHandler struct{ commands *command.Planning }

type scheduleAnswer = connect.Response[schedulev1.ScheduleResponse]

// GetSchedule reads what is planned in a room.
func (h *scheduleHandler) GetSchedule(ctx context.Context, req *connect.Request[schedulev1.GetScheduleRequest]) (*scheduleAnswer, error) {
	return h.planned(ctx, req.Header(), func(m command.Meta) (command.Planned, error) {
		return h.commands.Get(ctx, m, ident.RoomID(req.Msg.GetRoomId()))
	})
}

// PlanBroadcast adds a plan.
func (h *scheduleHandler) PlanBroadcast(ctx context.Context, req *connect.Request[schedulev1.PlanBroadcastRequest]) (*scheduleAnswer, error) {
	return h.planned(ctx, req.Header(), func(m command.Meta) (command.Planned, error) {
		return h.commands.Plan(ctx, m, ident.RoomID(req.Msg.GetRoomId()), draftOf(req.Msg.GetPlan()))
	})
}

// EditPlan replaces what was said of a plan.
func (h *scheduleHandler) EditPlan(ctx context.Context, req *connect.Request[schedulev1.EditPlanRequest]) (*scheduleAnswer, error) {
	return h.planned(ctx, req.Header(), func(m command.Meta) (command.Planned, error) {
		edited := draftOf(req.Msg.GetPlan())
		edited.ID = ident.PlanID(req.Msg.GetPlanId())
		return h.commands.Replan(ctx, m, ident.RoomID(req.Msg.GetRoomId()), edited)
	})
}

// CancelPlan takes a plan back.
func (h *scheduleHandler) CancelPlan(ctx context.Context, req *connect.Request[schedulev1.CancelPlanRequest]) (*scheduleAnswer, error) {
	return h.planned(ctx, req.Header(), func(m command.Meta) (command.Planned, error) {
		return h.commands.Unplan(ctx, m, ident.RoomID(req.Msg.GetRoomId()), ident.PlanID(req.Msg.GetPlanId()))
	})
}

// CancelBroadcast takes one broadcast out of a plan.
func (h *scheduleHandler) CancelBroadcast(ctx context.Context, req *connect.Request[schedulev1.CancelBroadcastRequest]) (*scheduleAnswer, error) {
	return h.except(ctx, req.Header(), req.Msg.GetRoomId(), req.Msg.GetPlanId(), view.Exception{Original: req.Msg.GetOriginal()})
}

// MoveBroadcast has one broadcast of a plan begin at another time.
func (h *scheduleHandler) MoveBroadcast(ctx context.Context, req *connect.Request[schedulev1.MoveBroadcastRequest]) (*scheduleAnswer, error) {
	return h.except(ctx, req.Header(), req.Msg.GetRoomId(), req.Msg.GetPlanId(), view.Exception{Original: req.Msg.GetOriginal(), Moved: req.Msg.GetTo()})
}

func (h *scheduleHandler) except(ctx context.Context, header http.Header, id, plan int64, x view.Exception) (*scheduleAnswer, error) {
	return h.planned(ctx, header, func(m command.Meta) (command.Planned, error) {
		return h.commands.Except(ctx, m, ident.RoomID(id), ident.PlanID(plan), x)
	})
}

// defaultOccurrences is how many a list holds that says no limit.
const defaultOccurrences = 50

// ListOccurrences lists the broadcasts of a time.
func (h *scheduleHandler) ListOccurrences(ctx context.Context, req *connect.Request[schedulev1.ListOccurrencesRequest]) (*connect.Response[schedulev1.ListOccurrencesResponse], error) {
	m, err := metaOf(ctx, req.Header())
	if err != nil {
		return nil, err
	}
	limit := int(req.Msg.GetLimit())
	if limit == 0 {
		limit = defaultOccurrences
	}
	id := ident.RoomID(req.Msg.GetRoomId())
	list, err := h.commands.Occurrences(ctx, m, id, wire.GoTime(req.Msg.GetFrom()), wire.GoTime(req.Msg.GetTo()), limit)
	if err != nil {
		return nil, err
	}
	out := &schedulev1.ListOccurrencesResponse{}
	for i := range list {
		out.Occurrences = append(out.Occurrences, wire.Occurrence(id, &list[i]))
	}
	return connect.NewResponse(out), nil
}

// planned is the frame of these calls.
func (h *scheduleHandler) planned(ctx context.Context, header http.Header, do func(command.Meta) (command.Planned, error)) (*scheduleAnswer, error) {
	m, err := metaOf(ctx, header)
	if err != nil {
		return nil, err
	}
	p, err := do(m)
	if err != nil {
		return nil, err
	}
	return versioned(&schedulev1.ScheduleResponse{Room: roomOf(p.Room), Schedule: wire.Schedule(&p.Schedule), PlanId: int64(p.Plan)}, p.Room), nil
}

func draftOf(m *schedulev1.PlanDraft) view.Plan {
	return view.Plan{
		Title: m.GetTitle(), Start: m.GetStart(), Zone: m.GetZone(), Length: minutes(m.GetLengthMinutes()), Rule: m.GetRule(), Remind: minutes(m.GetRemindMinutes()),
	}
}
