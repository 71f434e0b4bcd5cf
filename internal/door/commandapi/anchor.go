package commandapi

import (
	"context"
	"net/http"
	"time"

	"connectrpc.com/connect"

	anchorv1 "github.com/greenroomlive/greenroom/api/gen/greenroom/anchor/v1"
	roomv1 "github.com/greenroomlive/greenroom/api/gen/greenroom/room/v1"
	"github.com/greenroomlive/greenroom/internal/core/ident"
	"github.com/greenroomlive/greenroom/internal/core/room"
	"github.com/greenroomlive/greenroom/internal/flow/command"
	"github.com/greenroomlive/greenroom/internal/wire"
)

// defaultOverlap is how long a rotated key lives on when the caller does not say: long enough to
// reconfigure an encoder, short enough for a key that is rotated because it leaked.
const defaultOverlap = 5 * time.Minute

// anchorHandler serves greenroom.anchor.v1.AnchorService.
type anchorHandler struct{ commands *command.Anchor }

type roomAnswer = connect.Response[anchorv1.RoomResponse]

// CreateRoom opens an idle room.
func (h *anchorHandler) CreateRoom(ctx context.Context, req *connect.Request[anchorv1.CreateRoomRequest]) (*roomAnswer, error) {
	m, err := metaOf(ctx, req.Header())
	if err != nil {
		return nil, err
	}
	r, err := h.commands.CreateRoom(ctx, m, ident.AnchorID(req.Msg.GetAnchorId()), room.Description{
		Title: req.Msg.GetTitle(), Area: ident.AreaID(req.Msg.GetAreaId()), CoverURL: req.Msg.GetCoverUrl(),
		Tags: req.Msg.GetTags(), Language: req.Msg.GetLanguage(), Policy: room.PublisherPolicy(req.Msg.GetPublisherPolicy()),
	})
	if err != nil {
		return nil, err
	}
	exchangeOf(ctx).created = true
	out, _ := answer(r, nil)
	out.Header().Set("Location", "/v1/rooms/"+r.ID.String())
	return out, nil
}

// GetRoom reads the committed room.
func (h *anchorHandler) GetRoom(ctx context.Context, req *connect.Request[anchorv1.GetRoomRequest]) (*roomAnswer, error) {
	return h.onRoom(ctx, req.Header(), func(m command.Meta) (*room.Room, error) {
		return h.commands.GetRoom(ctx, m, ident.RoomID(req.Msg.GetId()))
	})
}

// UpdateRoom edits the description.
func (h *anchorHandler) UpdateRoom(ctx context.Context, req *connect.Request[anchorv1.UpdateRoomRequest]) (*roomAnswer, error) {
	patch, err := patchOf(req.Msg)
	if err != nil {
		return nil, err
	}
	return h.onRoom(ctx, req.Header(), func(m command.Meta) (*room.Room, error) {
		return h.commands.UpdateRoom(ctx, m, ident.RoomID(req.Msg.GetId()), patch)
	})
}

// StartRoom starts a broadcast without a media server.
func (h *anchorHandler) StartRoom(ctx context.Context, req *connect.Request[anchorv1.StartRoomRequest]) (*roomAnswer, error) {
	return h.onRoom(ctx, req.Header(), func(m command.Meta) (*room.Room, error) {
		return h.commands.StartRoom(ctx, m, ident.RoomID(req.Msg.GetId()))
	})
}

// StopRoom ends the running session.
func (h *anchorHandler) StopRoom(ctx context.Context, req *connect.Request[anchorv1.StopRoomRequest]) (*roomAnswer, error) {
	return h.onRoom(ctx, req.Header(), func(m command.Meta) (*room.Room, error) {
		return h.commands.StopRoom(ctx, m, ident.RoomID(req.Msg.GetId()))
	})
}

// onRoom is the frame of the calls that answer a room.
func (h *anchorHandler) onRoom(ctx context.Context, header http.Header, do func(command.Meta) (*room.Room, error)) (*roomAnswer, error) {
	m, err := metaOf(ctx, header)
	if err != nil {
		return nil, err
	}
	return answer(do(m))
}

// answer encodes a room.
func answer(r *room.Room, err error) (*roomAnswer, error) {
	if err != nil {
		return nil, err
	}
	card := r.Card()
	return versioned(&anchorv1.RoomResponse{Room: wire.Room(&card), Settings: &anchorv1.Settings{
		PublisherPolicy: anchorv1.Settings_PublisherPolicy(r.Policy), CreatedAt: wire.Time(r.CreatedAt),
	}}, r), nil
}

// versioned is an answer about one room. Its version stands in two headers: to be sent back as If-Match, and to a
// query node as X-Room-Min-Version.
func versioned[T any](m *T, r *room.Room) *connect.Response[T] {
	out := connect.NewResponse(m)
	out.Header().Set("ETag", `"`+r.Version.String()+`"`)
	out.Header().Set("X-Room-Version", r.Version.String())
	return out
}

// ListRooms pages through rooms by id.
func (h *anchorHandler) ListRooms(ctx context.Context, req *connect.Request[anchorv1.ListRoomsRequest]) (*connect.Response[anchorv1.ListRoomsResponse], error) {
	m, err := metaOf(ctx, req.Header())
	if err != nil {
		return nil, err
	}
	limit, after, err := page(req.Msg.GetPageSize(), req.Msg.GetPageToken())
	if err != nil {
		return nil, err
	}
	list, err := h.commands.ListRooms(ctx, m, ident.AnchorID(req.Msg.GetAnchorId()), ident.RoomID(after), limit+1)
	if err != nil {
		return nil, err
	}
	list, next := cut(list, limit, func(r *room.Room) int64 { return int64(r.ID) })
	out := &anchorv1.ListRoomsResponse{NextPageToken: next, Rooms: make([]*roomv1.Room, 0, len(list))}
	for _, r := range list {
		card := r.Card()
		out.Rooms = append(out.Rooms, wire.Room(&card))
	}
	return connect.NewResponse(out), nil
}

// ListSessions pages through a room's sessions, newest first.
func (h *anchorHandler) ListSessions(ctx context.Context, req *connect.Request[anchorv1.ListSessionsRequest]) (*connect.Response[anchorv1.ListSessionsResponse], error) {
	m, err := metaOf(ctx, req.Header())
	if err != nil {
		return nil, err
	}
	m.IfMatch = 0 // a history is not based on a version
	limit, before, err := page(req.Msg.GetPageSize(), req.Msg.GetPageToken())
	if err != nil {
		return nil, err
	}
	list, err := h.commands.ListSessions(ctx, m, ident.RoomID(req.Msg.GetRoomId()), ident.SessionID(before), limit+1)
	if err != nil {
		return nil, err
	}
	list, next := cut(list, limit, func(s room.Session) int64 { return int64(s.ID) })
	out := &anchorv1.ListSessionsResponse{NextPageToken: next, Sessions: make([]*anchorv1.Session, 0, len(list))}
	for i := range list {
		out.Sessions = append(out.Sessions, sessionOf(&list[i]))
	}
	return connect.NewResponse(out), nil
}

func sessionOf(s *room.Session) *anchorv1.Session {
	return &anchorv1.Session{
		Id: int64(s.ID), RoomId: int64(s.Room), Epoch: int64(s.Epoch), Status: anchorv1.Session_Status(s.Status),
		StartedAt: wire.Time(s.StartedAt), EndedAt: wire.Time(s.EndedAt), EndReason: anchorv1.Session_EndReason(s.EndReason),
		MediaServer: s.Publisher.MediaServer, ClientIp: s.Publisher.ClientIP,
		LeaseUntil: wire.Time(s.LeaseUntil), GraceUntil: wire.Time(s.GraceUntil),
	}
}
