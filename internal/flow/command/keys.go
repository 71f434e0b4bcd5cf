package command

import (
	"context"
	"time"

	"github.com/greenroomlive/greenroom/internal/core/fault"
	"github.com/greenroomlive/greenroom/internal/core/ident"
	"github.com/greenroomlive/greenroom/internal/core/room"
)

// NewKey is a key with the text that is shown this once.
type NewKey struct {
	Key   room.Key
	Shown string
}

// CreateKey makes a stream key.
func (a *Anchor) CreateKey(ctx context.Context, m Meta, id ident.RoomID, label string) (NewKey, error) {
	made, err := a.mintKey(id, label)
	if err != nil {
		return NewKey{}, err
	}
	return remembered(ctx, a, m, "CreateKey", []any{id, label}, func(tx Tx) (NewKey, error) {
		if _, err := a.open(tx, m, id); err != nil {
			return NewKey{}, err
		}
		if err := admitKey(tx, made.Key, room.Key{}); err != nil {
			return NewKey{}, err
		}
		return made, tx.SaveKey(role, made.Key)
	})
}

// RotateKey makes a new key and lets the old one live on for the overlap.
func (a *Anchor) RotateKey(ctx context.Context, m Meta, id ident.RoomID, old ident.KeyID, overlap time.Duration) (NewKey, error) {
	made, err := a.mintKey(id, "")
	if err != nil {
		return NewKey{}, err
	}
	return remembered(ctx, a, m, "RotateKey", []any{id, old, overlap}, func(tx Tx) (NewKey, error) {
		before, err := a.openKey(tx, m, id, old)
		if err != nil {
			return NewKey{}, err
		}
		if err := before.Retire(made.Key.CreatedAt, overlap); err != nil {
			return NewKey{}, err
		}
		next := made
		next.Key.Label = before.Label
		if err := admitKey(tx, next.Key, before); err != nil {
			return NewKey{}, err
		}
		if err := tx.SaveKey(role, before); err != nil {
			return NewKey{}, err
		}
		return next, tx.SaveKey(role, next.Key)
	})
}

// RevokeKey ends a key's use at once. A stream that runs on it goes on until it is stopped.
func (a *Anchor) RevokeKey(ctx context.Context, m Meta, id ident.RoomID, key ident.KeyID) (room.Key, error) {
	now := a.now()
	return remembered(ctx, a, m, "RevokeKey", []any{id, key}, func(tx Tx) (room.Key, error) {
		k, err := a.openKey(tx, m, id, key)
		if err != nil {
			return room.Key{}, err
		}
		k.Revoke(now)
		return k, tx.SaveKey(role, k)
	})
}

// ListKeys lists a room's keys, newest first, without secrets.
func (a *Anchor) ListKeys(ctx context.Context, m Meta, id ident.RoomID) ([]room.Key, error) {
	return read(ctx, a, func(rd Reader) ([]room.Key, error) {
		if _, err := a.open(rd, m, id); err != nil {
			return nil, err
		}
		return rd.Keys(id)
	})
}

func (a *Anchor) mintKey(id ident.RoomID, label string) (NewKey, error) {
	var secret [room.SecretBytes]byte
	a.random(secret[:])
	now := a.now()
	key, shown, err := room.NewKey(now, ident.KeyID(a.ids.Mint(now)), id, label, secret)
	return NewKey{key, shown}, err
}

// openKey loads a key of a room that the caller may act on.
func (a *Anchor) openKey(rd Reader, m Meta, id ident.RoomID, key ident.KeyID) (room.Key, error) {
	if _, err := a.open(rd, m, id); err != nil {
		return room.Key{}, err
	}
	k, err := rd.Key(key)
	if err != nil {
		return room.Key{}, err
	}
	if k.Room != id {
		return room.Key{}, fault.KeyNotFound.New("room %s has no key %s", id, key)
	}
	return k, nil
}

// admitKey refuses a key beyond the limit. It counts retired as it will be: what is refused after it wrote makes
// the neighbours in its commit begin anew.
func admitKey(rd Reader, k, retired room.Key) error {
	keys, err := rd.Keys(k.Room)
	if err != nil {
		return err
	}
	for i := range keys {
		if keys[i].ID == retired.ID {
			keys[i] = retired
		}
	}
	return room.AdmitKey(k.CreatedAt, keys)
}
