package commandapi

import (
	"context"
	"net/http"

	"connectrpc.com/connect"

	extendv1 "github.com/greenroomlive/greenroom/api/gen/greenroom/extend/v1"
	"github.com/greenroomlive/greenroom/internal/core/ident"
	"github.com/greenroomlive/greenroom/internal/core/room"
	"github.com/greenroomlive/greenroom/internal/flow/command"
	"github.com/greenroomlive/greenroom/internal/wire"
)

// extendHandler serves greenroom.extend.v1.ExtendService.
type extendHandler struct{ commands *command.Extend }

type extensionAnswer = connect.Response[extendv1.ExtensionResponse]

// GetExtension reads the committed room with all that hangs in it.
func (h *extendHandler) GetExtension(ctx context.Context, req *connect.Request[extendv1.GetExtensionRequest]) (*extensionAnswer, error) {
	return h.onRoom(ctx, req.Header(), func(m command.Meta) (*room.Room, error) {
		return h.commands.Get(ctx, m, ident.RoomID(req.Msg.GetRoomId()))
	})
}

// SetAnnouncement changes the announcement.
func (h *extendHandler) SetAnnouncement(ctx context.Context, req *connect.Request[extendv1.SetAnnouncementRequest]) (*extensionAnswer, error) {
	return h.onRoom(ctx, req.Header(), func(m command.Meta) (*room.Room, error) {
		return h.commands.Announce(ctx, m, ident.RoomID(req.Msg.GetRoomId()), req.Msg.GetAnnouncement())
	})
}

// SetPinned changes the pinned message.
func (h *extendHandler) SetPinned(ctx context.Context, req *connect.Request[extendv1.SetPinnedRequest]) (*extensionAnswer, error) {
	return h.onRoom(ctx, req.Header(), func(m command.Meta) (*room.Room, error) {
		return h.commands.Pin(ctx, m, ident.RoomID(req.Msg.GetRoomId()), req.Msg.GetPinned())
	})
}

// GrantBadge gives a badge for a time.
func (h *extendHandler) GrantBadge(ctx context.Context, req *connect.Request[extendv1.GrantBadgeRequest]) (*extensionAnswer, error) {
	return h.onRoom(ctx, req.Header(), func(m command.Meta) (*room.Room, error) {
		from, until := wire.GoTime(req.Msg.GetFrom()), wire.GoTime(req.Msg.GetUntil())
		return h.commands.GrantBadge(ctx, m, ident.RoomID(req.Msg.GetRoomId()), req.Msg.GetName(), from, until)
	})
}

// RevokeBadge takes a badge away.
func (h *extendHandler) RevokeBadge(ctx context.Context, req *connect.Request[extendv1.RevokeBadgeRequest]) (*extensionAnswer, error) {
	return h.onRoom(ctx, req.Header(), func(m command.Meta) (*room.Room, error) {
		return h.commands.RevokeBadge(ctx, m, ident.RoomID(req.Msg.GetRoomId()), req.Msg.GetName())
	})
}

// onRoom is the frame of these calls.
func (h *extendHandler) onRoom(ctx context.Context, header http.Header, do func(command.Meta) (*room.Room, error)) (*extensionAnswer, error) {
	m, err := metaOf(ctx, header)
	if err != nil {
		return nil, err
	}
	r, err := do(m)
	if err != nil {
		return nil, err
	}
	card := r.Card()
	out := &extendv1.ExtensionResponse{Room: wire.Room(&card)}
	for _, b := range r.Extension.Badges {
		out.Badges = append(out.Badges, &extendv1.Badge{
			Name: b.Name, From: wire.Time(b.From), Until: wire.Time(b.Until), Shown: b.Shown, GrantedBy: b.Actor,
		})
	}
	return versioned(out, r), nil
}
