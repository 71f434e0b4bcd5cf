package query

import (
	"context"

	"github.com/greenroomlive/greenroom/internal/core/fault"
	"github.com/greenroomlive/greenroom/internal/core/ident"
)

// Batch is one batch, and the space it needs: a caller that keeps it for the next one does not allocate.
type Batch struct {
	// IDs is what is asked for.
	IDs []ident.RoomID
	// Found are the rooms that exist, in the order asked for.
	Found []*Entry
	// Missing are the ids of those that do not, in the same order.
	Missing []ident.RoomID
}

// Reset empties the batch for the next one, and lets go of the rooms.
func (b *Batch) Reset() {
	clear(b.Found)
	b.IDs, b.Found, b.Missing = b.IDs[:0], b.Found[:0], b.Missing[:0]
}

// Batch finds b.IDs. Rooms that are not resident cost one query together. TOO_LARGE beyond MaxBatch;
// otherwise it fails as Get does, as a whole: half a batch would say "missing" of rooms that nobody
// looked for.
func (r *Rooms) Batch(ctx context.Context, b *Batch) error {
	if len(b.IDs) > MaxBatch {
		return fault.TooLarge.New("%d rooms in a batch, at most %d", len(b.IDs), MaxBatch).With("field", "ids")
	}
	if r.Residents(b) {
		return nil
	}
	loaded, err := r.loadAll(ctx, b.Missing)
	if err != nil {
		return err
	}
	found, missing := b.Found[:0], b.Missing[:0]
	for i, e := range b.Found {
		if e == nil {
			e = loaded[b.IDs[i]]
		}
		if e == nil {
			missing = append(missing, b.IDs[i])
			continue
		}
		found = append(found, e)
	}
	clear(b.Found[len(found):])
	b.Found, b.Missing = found, missing
	return nil
}

// Residents is Batch as far as it goes without waiting: true when all of b.IDs are resident. If not,
// b.Found has a nil for each that is not, and b.Missing its id.
func (r *Rooms) Residents(b *Batch) bool {
	b.Found, b.Missing = b.Found[:0], b.Missing[:0]
	for _, id := range b.IDs {
		e, ok := r.cache.Get(id)
		if !ok {
			b.Missing = append(b.Missing, id)
		}
		b.Found = append(b.Found, e)
	}
	return len(b.Missing) == 0
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

// newest is the resident entry of a room unless it is older than version; then nil.
func (r *Rooms) newest(id ident.RoomID, version ident.Version) *Entry {
	if e, ok := r.cache.Get(id); ok && e.Version >= version {
		return e
	}
	return nil
}
