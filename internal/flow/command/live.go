package command

// Story: go live and stop. The order of things; core/room/live.go decides.

import (
	"context"
	"errors"

	"github.com/greenroomlive/greenroom/internal/core/fault"
	"github.com/greenroomlive/greenroom/internal/core/ident"
	"github.com/greenroomlive/greenroom/internal/core/room"
)

// Publishing is a media server's question or report about one stream.
type Publishing struct {
	// Stream is the stream's name: a room id, or a stream key for encoders with one field only.
	Stream string
	// Key is the stream key; empty when Stream is the key.
	Key       string
	Publisher room.Publisher
}

// GoLive answers a media server that asks whether the publisher may. KEY_REFUSED for a wrong,
// revoked or expired key and for an unknown room alike: an encoder learns no more than that.
func (a *Anchor) GoLive(ctx context.Context, m Meta, p Publishing) (*room.Room, error) {
	by := a.by(&m)
	var done *room.Room
	err := a.write(ctx, m, "GoLive", func(tx Tx) error {
		key, r, err := admit(tx, p, by)
		if err != nil {
			return err
		}
		p.Publisher.Key = key.ID
		if err := r.GoLive(by, p.Publisher, ident.SessionID(a.ids.Mint(by.Now)), a.terms); err != nil {
			return err
		}
		done = r
		return tx.SaveRoom(role, r)
	})
	return outcome(&done, err)
}

// admit finds the room and checks the key.
func admit(rd Reader, p Publishing, by room.By) (room.Key, *room.Room, error) {
	shown := p.Key
	if shown == "" {
		shown = p.Stream
	}
	refused := fault.KeyRefused.New("the stream key does not open this room")
	id, ok := room.ParseKeyID(shown)
	if !ok {
		return room.Key{}, nil, refused
	}
	key, err := rd.Key(id)
	if errors.Is(err, fault.KeyNotFound) {
		return room.Key{}, nil, refused
	}
	if err != nil {
		return room.Key{}, nil, err
	}
	if !key.Opens(shown, by.Now) || (p.Key != "" && p.Stream != key.Room.String()) {
		return room.Key{}, nil, refused
	}
	r, err := rd.Room(key.Room)
	return key, r, err
}

// roomOf finds the room a stream name speaks of, without proving anything.
func roomOf(rd Reader, stream string) (ident.RoomID, error) {
	if id, ok := ident.ParseRoomID(stream); ok {
		return id, nil
	}
	id, ok := room.ParseKeyID(stream)
	if !ok {
		return 0, fault.RoomNotFound.New("the stream name is neither a room id nor a stream key")
	}
	key, err := rd.Key(id)
	if errors.Is(err, fault.KeyNotFound) {
		return 0, fault.RoomNotFound.New("no room has this stream name")
	}
	return key.Room, err // a store that is away is no proof: who asked would drop the stream
}

// Renew proves that the publisher still publishes. STALE_SESSION: its stream should be cut.
func (a *Anchor) Renew(ctx context.Context, m Meta, p Publishing) (*room.Room, error) {
	return a.report(ctx, m, "Renew", p, func(r *room.Room, by room.By) error { return r.Renew(by, p.Publisher, a.terms) })
}

// Unpublish is the media server's word that the stream is gone. STALE_SESSION, and nothing
// changed, for a late callback of an older session.
func (a *Anchor) Unpublish(ctx context.Context, m Meta, p Publishing) (*room.Room, error) {
	return a.report(ctx, m, "Unpublish", p, func(r *room.Room, by room.By) error { return r.Interrupt(by, p.Publisher, a.terms) })
}

func (a *Anchor) report(ctx context.Context, m Meta, name string, p Publishing, decide func(*room.Room, room.By) error) (*room.Room, error) {
	by := a.by(&m)
	var done *room.Room
	err := a.write(ctx, m, name, func(tx Tx) error {
		id, err := roomOf(tx, p.Stream)
		if err != nil {
			return err
		}
		r, err := tx.Room(id)
		if err != nil {
			return err
		}
		if err := decide(r, by); err != nil {
			return err
		}
		done = r
		return tx.SaveRoom(role, r)
	})
	return outcome(&done, err)
}

// StartRoom starts a broadcast without a media server; ALREADY_LIVE when another publisher holds
// the room, and a plain yes when it runs already.
func (a *Anchor) StartRoom(ctx context.Context, m Meta, id ident.RoomID) (*room.Room, error) {
	p := room.Publisher{MediaServer: room.Manual}
	return a.changeRemembered(ctx, m, "StartRoom", id, nil, func(_ Tx, r *room.Room, by room.By) error {
		return r.GoLive(by, p, ident.SessionID(a.ids.Mint(by.Now)), a.terms)
	})
}

// StopRoom ends whatever session runs; an idle room stays idle.
func (a *Anchor) StopRoom(ctx context.Context, m Meta, id ident.RoomID) (*room.Room, error) {
	return a.changeRemembered(ctx, m, "StopRoom", id, nil, func(_ Tx, r *room.Room, by room.By) error {
		r.Stop(by)
		return nil
	})
}
