package commandapi

import (
	"context"
	"time"

	"connectrpc.com/connect"

	anchorv1 "github.com/greenroomlive/greenroom/api/gen/greenroom/anchor/v1"
	"github.com/greenroomlive/greenroom/internal/core/ident"
	"github.com/greenroomlive/greenroom/internal/core/room"
	"github.com/greenroomlive/greenroom/internal/flow/command"
	"github.com/greenroomlive/greenroom/internal/wire"
)

// CreateKey makes a stream key and shows its secret this once.
func (h *anchorHandler) CreateKey(ctx context.Context, req *connect.Request[anchorv1.CreateKeyRequest]) (*connect.Response[anchorv1.CreateKeyResponse], error) {
	m, err := metaOf(ctx, req.Header())
	if err != nil {
		return nil, err
	}
	return newKey(h.commands.CreateKey(ctx, m, ident.RoomID(req.Msg.GetRoomId()), req.Msg.GetLabel()))
}

// RotateKey makes a new key beside an old one that soon ends.
func (h *anchorHandler) RotateKey(ctx context.Context, req *connect.Request[anchorv1.RotateKeyRequest]) (*connect.Response[anchorv1.CreateKeyResponse], error) {
	m, err := metaOf(ctx, req.Header())
	if err != nil {
		return nil, err
	}
	overlap := defaultOverlap
	if req.Msg.OverlapSeconds != nil {
		overlap = time.Duration(req.Msg.GetOverlapSeconds()) * time.Second
	}
	return newKey(h.commands.RotateKey(ctx, m, ident.RoomID(req.Msg.GetRoomId()), ident.KeyID(req.Msg.GetKeyId()), overlap))
}

// newKey encodes the one answer that holds a secret: no cache on the way may keep it.
func newKey(made command.NewKey, err error) (*connect.Response[anchorv1.CreateKeyResponse], error) {
	if err != nil {
		return nil, err
	}
	out := connect.NewResponse(&anchorv1.CreateKeyResponse{KeyId: int64(made.Key.ID), StreamKey: made.Shown, Key: keyOf(&made.Key)})
	out.Header().Set("Cache-Control", "no-store")
	return out, nil
}

// ListKeys lists a room's keys without secrets.
func (h *anchorHandler) ListKeys(ctx context.Context, req *connect.Request[anchorv1.ListKeysRequest]) (*connect.Response[anchorv1.ListKeysResponse], error) {
	m, err := metaOf(ctx, req.Header())
	if err != nil {
		return nil, err
	}
	list, err := h.commands.ListKeys(ctx, m, ident.RoomID(req.Msg.GetRoomId()))
	if err != nil {
		return nil, err
	}
	out := &anchorv1.ListKeysResponse{Keys: make([]*anchorv1.Key, 0, len(list))}
	for i := range list {
		out.Keys = append(out.Keys, keyOf(&list[i]))
	}
	return connect.NewResponse(out), nil
}

// RevokeKey ends a key's use at once.
func (h *anchorHandler) RevokeKey(ctx context.Context, req *connect.Request[anchorv1.RevokeKeyRequest]) (*connect.Response[anchorv1.RevokeKeyResponse], error) {
	m, err := metaOf(ctx, req.Header())
	if err != nil {
		return nil, err
	}
	k, err := h.commands.RevokeKey(ctx, m, ident.RoomID(req.Msg.GetRoomId()), ident.KeyID(req.Msg.GetKeyId()))
	if err != nil {
		return nil, err
	}
	return connect.NewResponse(&anchorv1.RevokeKeyResponse{Key: keyOf(&k)}), nil
}

func keyOf(k *room.Key) *anchorv1.Key {
	return &anchorv1.Key{
		KeyId: int64(k.ID), Label: k.Label,
		CreatedAt: wire.Time(k.CreatedAt), ExpiresAt: wire.Time(k.ExpiresAt), RevokedAt: wire.Time(k.RevokedAt),
	}
}
