package commandapi

import (
	"context"
	"net/http"

	"connectrpc.com/connect"
	"google.golang.org/protobuf/types/known/timestamppb"

	managementv1 "github.com/greenroomlive/greenroom/api/gen/greenroom/management/v1"
	roomv1 "github.com/greenroomlive/greenroom/api/gen/greenroom/room/v1"
	"github.com/greenroomlive/greenroom/internal/core/ident"
	"github.com/greenroomlive/greenroom/internal/core/room"
	"github.com/greenroomlive/greenroom/internal/core/view"
	"github.com/greenroomlive/greenroom/internal/flow/command"
	"github.com/greenroomlive/greenroom/internal/wire"
)

// peopleHandler serves greenroom.management.v1.PeopleService. Who may do what is for the commands to check.
type peopleHandler struct{ commands *command.People }

type (
	sanctionCall = connect.Request[managementv1.SanctionRequest]
	liftCall     = connect.Request[managementv1.LiftSanctionRequest]
	treated      = connect.Response[managementv1.PeopleResponse]
	peoplePage   = connect.Response[managementv1.ListPeopleResponse]
	member       = connect.Response[managementv1.Member]
)

// Mute keeps users from speaking.
func (h *peopleHandler) Mute(ctx context.Context, req *sanctionCall) (*treated, error) {
	return h.sanction(ctx, req, room.Mute)
}

// Unmute takes it back.
func (h *peopleHandler) Unmute(ctx context.Context, req *liftCall) (*treated, error) {
	return h.lift(ctx, req, room.Mute)
}

// Ban keeps users out.
func (h *peopleHandler) Ban(ctx context.Context, req *sanctionCall) (*treated, error) {
	return h.sanction(ctx, req, room.Ban)
}

// Unban takes it back.
func (h *peopleHandler) Unban(ctx context.Context, req *liftCall) (*treated, error) {
	return h.lift(ctx, req, room.Ban)
}

func (h *peopleHandler) sanction(ctx context.Context, req *sanctionCall, measure room.Measure) (*treated, error) {
	term := termOf(req.Msg)
	term.Session = req.Msg.GetThisSession()
	return h.treat(ctx, req.Header(), ident.RoomID(req.Msg.GetRoomId()), req.Msg, func(m command.Meta, n command.Named) (command.Treated, error) {
		return h.commands.Sanction(ctx, m, n, measure, term)
	})
}

func (h *peopleHandler) lift(ctx context.Context, req *liftCall, measure room.Measure) (*treated, error) {
	return h.treat(ctx, req.Header(), ident.RoomID(req.Msg.GetRoomId()), req.Msg, func(m command.Meta, n command.Named) (command.Treated, error) {
		return h.commands.Lift(ctx, m, n, measure, req.Msg.GetReason())
	})
}

// GrantRole makes users VIPs or moderators.
func (h *peopleHandler) GrantRole(ctx context.Context, req *connect.Request[managementv1.GrantRoleRequest]) (*treated, error) {
	return h.treat(ctx, req.Header(), ident.RoomID(req.Msg.GetRoomId()), req.Msg, func(m command.Meta, n command.Named) (command.Treated, error) {
		return h.commands.Grant(ctx, m, n, view.Role(req.Msg.GetRole()), wire.GoTime(req.Msg.GetUntil()), minutes(req.Msg.GetMinutes()))
	})
}

// RevokeRole makes them viewers again.
func (h *peopleHandler) RevokeRole(ctx context.Context, req *connect.Request[managementv1.RevokeRoleRequest]) (*treated, error) {
	return h.treat(ctx, req.Header(), ident.RoomID(req.Msg.GetRoomId()), req.Msg, func(m command.Meta, n command.Named) (command.Treated, error) {
		return h.commands.Revoke(ctx, m, n)
	})
}

// BanFromPlatform keeps users out of all rooms.
func (h *peopleHandler) BanFromPlatform(ctx context.Context, req *connect.Request[managementv1.BanFromPlatformRequest]) (*treated, error) {
	return h.treat(ctx, req.Header(), ident.Platform, req.Msg, func(m command.Meta, n command.Named) (command.Treated, error) {
		return h.commands.Sanction(ctx, m, n, room.Ban, termOf(req.Msg))
	})
}

// UnbanFromPlatform takes it back.
func (h *peopleHandler) UnbanFromPlatform(ctx context.Context, req *connect.Request[managementv1.UnbanFromPlatformRequest]) (*treated, error) {
	return h.treat(ctx, req.Header(), ident.Platform, req.Msg, func(m command.Meta, n command.Named) (command.Treated, error) {
		return h.commands.Lift(ctx, m, n, room.Ban, req.Msg.GetReason())
	})
}

// termed is a request that says how long, and why.
type termed interface {
	GetReason() string
	GetNote() string
	GetMinutes() int32
	GetUntil() *timestamppb.Timestamp
}

func termOf(req termed) room.Term {
	return room.Term{Reason: req.GetReason(), Note: req.GetNote(), For: minutes(req.GetMinutes()), Until: wire.GoTime(req.GetUntil())}
}

// naming is a request that names users, and may be a dry run.
type naming interface {
	GetUserIds() []int64
	GetDryRun() bool
}

// treat is the frame of the writes.
func (h *peopleHandler) treat(ctx context.Context, header http.Header, place ident.RoomID, req naming, do func(command.Meta, command.Named) (command.Treated, error)) (*treated, error) {
	m, err := metaOf(ctx, header)
	if err != nil {
		return nil, err
	}
	n := command.Named{Place: place, DryRun: req.GetDryRun()}
	for _, u := range req.GetUserIds() {
		n.Users = append(n.Users, ident.UserID(u))
	}
	done, err := do(m, n)
	if err != nil {
		return nil, err
	}
	out := &managementv1.PeopleResponse{Version: int64(done.Version)}
	for _, o := range done.Outcomes {
		each := &managementv1.Outcome{UserId: int64(o.User), Code: o.Code, Message: o.Refused}
		switch {
		case o.Code != "":
			each.Result = managementv1.Outcome_REFUSED
		case o.Already:
			each.Result = managementv1.Outcome_ALREADY
		}
		out.Outcomes = append(out.Outcomes, each)
	}
	answer := connect.NewResponse(out)
	answer.Header().Set("ETag", `"`+done.Version.String()+`"`)
	return answer, nil
}

// ListPeople pages by user through a room's people.
func (h *peopleHandler) ListPeople(ctx context.Context, req *connect.Request[managementv1.ListPeopleRequest]) (*peoplePage, error) {
	return h.list(ctx, req.Header(), ident.RoomID(req.Msg.GetRoomId()), room.Kind(req.Msg.GetKind()), req.Msg)
}

// ListPlatformPeople pages by user through those who are banned from the platform.
func (h *peopleHandler) ListPlatformPeople(ctx context.Context, req *connect.Request[managementv1.ListPlatformPeopleRequest]) (*peoplePage, error) {
	return h.list(ctx, req.Header(), ident.Platform, room.Everybody, req.Msg)
}

// paged is a request for a page.
type paged interface {
	GetPageSize() int32
	GetPageToken() string
}

func (h *peopleHandler) list(ctx context.Context, header http.Header, place ident.RoomID, kind room.Kind, req paged) (*peoplePage, error) {
	m, err := metaOf(ctx, header)
	if err != nil {
		return nil, err
	}
	limit, after, err := page(req.GetPageSize(), req.GetPageToken())
	if err != nil {
		return nil, err
	}
	list, err := h.commands.List(ctx, m, place, kind, ident.UserID(after), limit+1)
	if err != nil {
		return nil, err
	}
	list, next := cut(list, limit, func(x room.Person) int64 { return int64(x.User) })
	out := &managementv1.ListPeopleResponse{NextPageToken: next}
	for i := range list {
		out.People = append(out.People, memberOf(&list[i]))
	}
	return connect.NewResponse(out), nil
}

// GetPerson shows one user of a room.
func (h *peopleHandler) GetPerson(ctx context.Context, req *connect.Request[managementv1.GetPersonRequest]) (*member, error) {
	return h.get(ctx, req.Header(), ident.RoomID(req.Msg.GetRoomId()), req.Msg.GetUserId())
}

// GetPlatformPerson shows one user of the platform.
func (h *peopleHandler) GetPlatformPerson(ctx context.Context, req *connect.Request[managementv1.GetPlatformPersonRequest]) (*member, error) {
	return h.get(ctx, req.Header(), ident.Platform, req.Msg.GetUserId())
}

func (h *peopleHandler) get(ctx context.Context, header http.Header, place ident.RoomID, user int64) (*member, error) {
	m, err := metaOf(ctx, header)
	if err != nil {
		return nil, err
	}
	x, err := h.commands.Get(ctx, m, place, ident.UserID(user))
	if err != nil {
		return nil, err
	}
	return connect.NewResponse(memberOf(&x)), nil
}

func memberOf(x *room.Person) *managementv1.Member {
	return &managementv1.Member{
		UserId: int64(x.User), Role: roomv1.Person_Role(x.Role), RoleUntil: wire.Time(x.RoleUntil), RoleGrantedBy: x.Granted.Actor,
		Mute: measureOf(x.Mute, x.Muted), Ban: measureOf(x.Ban, x.Banned),
	}
}

func measureOf(s *view.Sanction, by room.Hand) *managementv1.Measure {
	if s == nil {
		return nil
	}
	return &managementv1.Measure{
		Since: wire.Time(s.Since), Until: wire.Time(s.Until), SessionId: int64(s.Session), Reason: s.Reason, Actor: by.Actor, Note: by.Note,
	}
}
