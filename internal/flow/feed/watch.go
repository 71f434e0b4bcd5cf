package feed

import (
	"context"

	"github.com/greenroomlive/greenroom/internal/core/event"
	"github.com/greenroomlive/greenroom/internal/core/fault"
	"github.com/greenroomlive/greenroom/internal/core/ident"
)

const (
	// MaxRooms bounds a filter.
	MaxRooms = 1000
	// glance is how many frames a watcher looks at in one go: enough to amortize a query, few enough
	// that one who catches up from far behind does not hold megabytes.
	glance = 256
)

// Filter chooses events. Empty parts choose all.
type Filter struct {
	Rooms []ident.RoomID
	Types []event.Type
}

// Watcher follows the feed from its cursor. For one goroutine at a time; it holds nothing that
// must be closed.
type Watcher struct {
	hub    *Hub
	cursor ident.FeedSeq
	rooms  map[ident.RoomID]struct{}
	types  map[event.Type]struct{}
}

// Watch makes a watcher of what comes after a cursor; 0 is the beginning of what is kept.
// INVALID_ARGUMENT for a cursor beyond the end (details.end) or a filter that is none, CURSOR_EXPIRED
// (details.oldest) when events right after the cursor are no longer kept, NOT_READY while the feed is
// being filled and its end is not known.
func (h *Hub) Watch(ctx context.Context, after ident.FeedSeq, f Filter) (*Watcher, error) {
	w := &Watcher{hub: h, cursor: after}
	if err := w.filter(f); err != nil {
		return nil, err
	}
	complete := h.complete() // asked first: a fill that ends now has moved the end before
	end, started := h.End()
	if !started || (after > end && !complete) {
		return nil, fault.NotReady.New("the feed is being filled; its end is not known yet")
	}
	if after < 0 || after > end {
		return nil, fault.InvalidArgument.New("cursor %d is not between 0 and the feed's end %d", after, end).
			With("field", "after").With("end", end.String()) // where a newcomer begins who wants no history
	}
	if after > 0 && (after == end || len(h.look(after, 1).frames) > 0) {
		return w, nil // what comes next is in memory: a reconnect does not ask the database
	}
	oldest, err := h.oldest(ctx)
	if err != nil {
		return nil, err
	}
	switch {
	case after == 0:
		w.cursor = min(oldest-1, end)
	case after < oldest-1:
		return nil, expired(after, oldest)
	}
	return w, nil
}

func (w *Watcher) filter(f Filter) error {
	if len(f.Rooms) > MaxRooms {
		return fault.InvalidArgument.New("%d rooms in a filter, at most %d", len(f.Rooms), MaxRooms).With("field", "rooms")
	}
	if len(f.Rooms) > 0 {
		w.rooms = make(map[ident.RoomID]struct{}, len(f.Rooms))
	}
	for _, id := range f.Rooms {
		w.rooms[id] = struct{}{}
	}
	if len(f.Types) > 0 {
		w.types = make(map[event.Type]struct{}, len(f.Types))
	}
	for _, t := range f.Types {
		if !event.Known(t) {
			return fault.InvalidArgument.New("there is no event type %q", t).With("field", "types")
		}
		w.types[t] = struct{}{}
	}
	return nil
}

// Cursor is the position up to which everything was returned or filtered out.
func (w *Watcher) Cursor() ident.FeedSeq { return w.cursor }

// Next waits for events and returns at least one; the slice is the caller's.
// CURSOR_EXPIRED when the watcher was so slow, or the log replaced, that the next event is gone;
// STORE_UNAVAILABLE when it cannot be read (call again); the context's error when that ends.
func (w *Watcher) Next(ctx context.Context) ([]Frame, error) {
	for {
		if err := ctx.Err(); err != nil {
			return nil, err // a filter may pass over much that is old without ever waiting
		}
		l := w.hub.look(w.cursor, glance)
		switch {
		case w.cursor > l.end:
			// The log went back behind what this watcher has seen: its numbers mean other events now.
			return nil, w.lost(ctx)
		case w.cursor == l.end:
			select {
			case <-l.moved:
			case <-ctx.Done():
			}
			continue
		}
		frames := l.frames
		if len(frames) == 0 {
			var err error
			if frames, err = w.read(ctx, l.end); err != nil {
				return nil, err
			}
		}
		w.cursor = frames[len(frames)-1].Seq
		if frames = w.choose(frames); len(frames) > 0 {
			return frames, nil
		}
	}
}

// read takes from the store what is no longer in memory: the run right after the cursor, up to end.
func (w *Watcher) read(ctx context.Context, end ident.FeedSeq) ([]Frame, error) {
	frames, err := w.hub.store.Frames(ctx, w.cursor, glance)
	if err != nil {
		return nil, unreadable(err)
	}
	n := 0
	for n < len(frames) && frames[n].Seq == w.cursor+1+ident.FeedSeq(n) && frames[n].Seq <= end {
		n++
	}
	if n == 0 {
		return nil, w.lost(ctx)
	}
	return frames[:n], nil
}

// lost says why the next event cannot be given: it is no longer kept, or it should be there and is not.
func (w *Watcher) lost(ctx context.Context) error {
	oldest, err := w.hub.oldest(ctx)
	if err != nil {
		return err
	}
	if end, _ := w.hub.End(); w.cursor > end || oldest > w.cursor+1 {
		return expired(w.cursor, oldest)
	}
	return fault.StoreUnavailable.New("the feed's event %d is not readable yet", w.cursor+1)
}

func expired(after, oldest ident.FeedSeq) error {
	return fault.CursorExpired.New("the feed no longer keeps what came after %d", after).With("oldest", oldest.String())
}

// choose keeps, in place, the frames that pass the filter.
func (w *Watcher) choose(frames []Frame) []Frame {
	if w.rooms == nil && w.types == nil {
		return frames
	}
	out := frames[:0]
	for _, f := range frames {
		if w.takes(&f) {
			out = append(out, f)
		}
	}
	return out
}

func (w *Watcher) takes(f *Frame) bool {
	if w.rooms != nil {
		if _, ok := w.rooms[f.Room]; !ok {
			return false
		}
	}
	if w.types != nil {
		if _, ok := w.types[f.Type]; !ok {
			return false
		}
	}
	return true
}
