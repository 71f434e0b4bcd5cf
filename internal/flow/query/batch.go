package query

import (
	"context"

	"github.com/greenroomlive/greenroom/internal/core/fault"
	"github.com/greenroomlive/greenroom/internal/core/ident"
)

// Batch finds many rooms: those that exist in the order asked for, and the ids that do not. Rooms
// that are not resident cost one query together. TOO_LARGE beyond MaxBatch; otherwise it fails as
// Get does, as a whole: half a batch would say "missing" of rooms that nobody looked for.
func (r *Rooms) Batch(ctx context.Context, ids []ident.RoomID) (found []*Entry, missing []ident.RoomID, err error) {
	if len(ids) > MaxBatch {
		return nil, nil, fault.TooLarge.New("%d rooms in a batch, at most %d", len(ids), MaxBatch).With("field", "ids")
	}
	found = make([]*Entry, 0, len(ids))
	entries := make([]*Entry, len(ids))
	var absent []ident.RoomID
	for i, id := range ids {
		if e, ok := r.cache.Get(id); ok {
			entries[i] = e
		} else {
			absent = append(absent, id)
		}
	}
	loaded, err := r.loadAll(ctx, absent)
	if err != nil {
		return nil, nil, err
	}
	for i, id := range ids {
		e := entries[i]
		if e == nil {
			e = loaded[id]
		}
		if e == nil {
			missing = append(missing, id)
			continue
		}
		found = append(found, e)
	}
	return found, missing, nil
}

// loadAll loads rooms that are not resident; those it leaves out do not exist.
func (r *Rooms) loadAll(ctx context.Context, ids []ident.RoomID) (map[ident.RoomID]*Entry, error) {
	if len(ids) == 0 {
		return nil, nil
	}
	loads, err := r.load(ids...)
	if err != nil {
		return nil, err
	}
	out := make(map[ident.RoomID]*Entry, len(loads))
	for _, l := range loads {
		if err := l.wait(ctx); err != nil {
			return nil, err
		}
		switch {
		case l.overtaken:
			e, err := r.find(ctx, l.id)
			if err != nil && !isNotFound(err) {
				return nil, err
			}
			if e != nil {
				out[l.id] = e
			}
		case l.entry != nil:
			out[l.id] = l.entry
		}
	}
	return out, nil
}

// ByAnchor lists an anchor's rooms by id, at most 200. It always asks the views, which know who owns
// what, but shows the resident card where that is newer.
func (r *Rooms) ByAnchor(ctx context.Context, anchor ident.AnchorID) ([]*Entry, error) {
	complete := r.freshness.Complete()
	cards, err := r.views.ByAnchor(ctx, anchor, maxAnchorRooms)
	if err != nil {
		return nil, fault.StoreUnavailable.Wrap(err, "the views cannot be read now")
	}
	if !complete {
		return nil, notReady()
	}
	out := make([]*Entry, len(cards))
	for i := range cards {
		out[i] = r.newest(cards[i].ID, cards[i].Version)
		if out[i] == nil {
			out[i] = NewEntry(&cards[i])
		}
	}
	return out, nil
}

// newest is the resident entry of a room unless it is older than version; then nil.
func (r *Rooms) newest(id ident.RoomID, version ident.Version) *Entry {
	if e, ok := r.cache.Get(id); ok && e.Version >= version {
		return e
	}
	return nil
}
