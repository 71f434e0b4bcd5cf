package feed

import (
	"context"
	"math"
	"slices"
	"time"

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

// Watcher follows the feed from its cursor. For one goroutine at a time; it holds nothing that
// must be closed.
type Watcher struct {
	hub    *Hub
	cursor ident.FeedSeq
	resets int // the hub's, when the cursor was last known to be a place in its log
	filter Filter
}

// Watch makes a watcher of what comes after a cursor; 0 is the beginning of what is kept. For a cursor that lies a
// little beyond the end it waits, at most half a second.
// INVALID_ARGUMENT for a cursor beyond the end (details.end) or a filter that is none, CURSOR_EXPIRED
// (details.oldest) when events right after the cursor are no longer kept, NOT_READY while the feed is
// being filled and its end is not known, or lies so far behind the log that the cursor may be right (details.end).
func (h *Hub) Watch(ctx context.Context, after ident.FeedSeq, f Filter) (*Watcher, error) {
	f, err := f.checked()
	if err != nil {
		return nil, err
	}
	complete := h.complete() // asked first: a fill that ends now has moved the end before
	if complete {
		h.reach(ctx, after)
	}
	w := h.Tail()
	end := w.cursor
	w.cursor, w.filter = after, f
	if _, started := h.End(); !started || (after > end && !complete) {
		return nil, fault.NotReady.New("the feed is being filled; its end is not known yet")
	}
	if after > end && h.late() {
		return nil, fault.NotReady.New("the feed here ends at %d, and has not followed the log lately", end).With("end", end.String())
	}
	if after < 0 || after > end {
		return nil, fault.InvalidArgument.New("cursor %d is not between 0 and the feed's end %d", after, end).
			With("field", "after").With("end", end.String()) // where a newcomer begins who wants no history
	}
	if after > 0 && w.Near() {
		return w, nil // a reconnect does not ask the database
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

const (
	// reachWithin is how long Watch waits for the feed to come to a cursor. Whoever was connected to a node that is a
	// little ahead of this one comes with such a one, and must not hear that his log is gone.
	reachWithin = 500 * time.Millisecond
	// reachable is how far ahead it can be of a node that follows: more than a minute of events is nobody's little.
	reachable = 1 << 16
	// lateAfter is the age of its proof from which a node cannot know that a cursor is of no log. Several proofs a second
	// come to a node that can.
	lateAfter = 5 * time.Second
)

// reach waits a little until the feed has come to a cursor.
func (h *Hub) reach(ctx context.Context, cursor ident.FeedSeq) {
	ctx, cancel := context.WithTimeout(ctx, reachWithin)
	defer cancel()
	for {
		moved := h.Moved()
		if end, started := h.End(); !started || cursor <= end || cursor-end > reachable {
			return
		}
		select {
		case <-moved:
		case <-ctx.Done():
			return
		}
	}
}

// late reports whether the log may have gone on for long without this node. A hub to which nobody proves anything, as
// Config says, is never late.
func (h *Hub) late() bool {
	if h.proven == nil {
		return false
	}
	_, at := h.proven()
	return time.Since(at) > lateAfter
}

// Cursor is the position up to which everything was returned or filtered out.
func (w *Watcher) Cursor() ident.FeedSeq { return w.cursor }

// Seek sets the cursor back, to the last event that could be handed on of those that were returned.
func (w *Watcher) Seek(cursor ident.FeedSeq) { w.cursor = cursor }

// Filter is what the watcher chooses, each part sorted and without repeats. Not to be changed.
func (w *Watcher) Filter() Filter { return w.filter }

// Near reports whether all that follows the cursor is in memory: Until will not ask the store.
func (w *Watcher) Near() bool {
	w.hub.mu.RLock()
	defer w.hub.mu.RUnlock()
	return !w.hub.void(w) && (w.cursor == w.hub.end || w.hub.recent.has(w.cursor+1))
}

// Void reports whether the log was replaced by one in which the cursor is no place: all else that is asked of the
// watcher will be answered with CURSOR_EXPIRED.
func (w *Watcher) Void() bool {
	w.hub.mu.RLock()
	defer w.hub.mu.RUnlock()
	return w.hub.void(w)
}

// Next waits for events and returns at least one; the slice is the caller's.
// CURSOR_EXPIRED when the watcher was so slow, or the log replaced, that the next event is gone;
// STORE_UNAVAILABLE when it cannot be read (call again); the context's error when that ends.
func (w *Watcher) Next(ctx context.Context) ([]Frame, error) {
	for {
		moved := w.hub.Moved()
		frames, err := w.Until(ctx, math.MaxInt64)
		if err != nil || len(frames) > 0 {
			return frames, err
		}
		select {
		case <-moved:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

// Until returns events that are there already, up to a position: a part of them, so that it is called
// until it returns none; then the cursor is at that position, or at the end of the feed if that comes
// first. It fails as Next does.
func (w *Watcher) Until(ctx context.Context, to ident.FeedSeq) ([]Frame, error) {
	for {
		if err := ctx.Err(); err != nil {
			return nil, err // a filter may pass over much that is old
		}
		end, frames, void := w.hub.look(w, glance)
		if void {
			return nil, w.lost(ctx)
		}
		to := min(to, end)
		if w.cursor >= to {
			return nil, nil
		}
		var reached ident.FeedSeq
		if len(frames) > 0 {
			frames = frames[:min(ident.FeedSeq(len(frames)), to-w.cursor)]
			reached = frames[len(frames)-1].Seq
		} else {
			var err error
			if frames, reached, err = w.read(ctx, to); err != nil {
				return nil, err
			}
		}
		w.cursor = reached
		if frames = w.filter.choose(frames); len(frames) > 0 {
			return frames, nil
		}
	}
}

// read takes from the store what is no longer in memory, after the cursor and up to a position. It
// returns how far that reaches: a store that finds a room's events by index leaps over the others'.
func (w *Watcher) read(ctx context.Context, to ident.FeedSeq) ([]Frame, ident.FeedSeq, error) {
	frames, reached, err := w.readRoom(ctx, to)
	if err == nil && reached == w.cursor {
		frames, reached, err = w.readRun(ctx, to)
	}
	if err != nil {
		return nil, 0, err
	}
	if w.Void() { // while it was read: these may be events of the other log
		return nil, 0, w.lost(ctx)
	}
	for i := range frames {
		frames[i] = frames[i].framed()
	}
	return frames, reached, nil
}

// readRoom reads for a watcher of one room. It reaches nothing when that cannot be done by index.
func (w *Watcher) readRoom(ctx context.Context, to ident.FeedSeq) ([]Frame, ident.FeedSeq, error) {
	if len(w.filter.Rooms) != 1 {
		return nil, w.cursor, nil
	}
	frames, whole, err := w.hub.store.RoomFrames(ctx, w.filter.Rooms[0], w.cursor, to, glance)
	switch {
	case err != nil:
		return nil, 0, unreadable(err)
	case !whole:
		return nil, w.cursor, nil // the other way finds out why
	case len(frames) == glance:
		return frames, frames[len(frames)-1].Seq, nil
	}
	return frames, to, nil
}

// readRun reads the run right after the cursor.
func (w *Watcher) readRun(ctx context.Context, to ident.FeedSeq) ([]Frame, ident.FeedSeq, error) {
	frames, err := w.hub.store.Frames(ctx, w.cursor, glance)
	if err != nil {
		return nil, 0, unreadable(err)
	}
	n := 0
	for n < len(frames) && frames[n].Seq == w.cursor+1+ident.FeedSeq(n) && frames[n].Seq <= to {
		n++
	}
	if n == 0 {
		return nil, 0, w.lost(ctx)
	}
	return frames[:n], frames[n-1].Seq, nil
}

// lost says why the next event cannot be given: its log was replaced, it is no longer kept, or it should be
// there and is not.
func (w *Watcher) lost(ctx context.Context) error {
	oldest, err := w.hub.oldest(ctx)
	if err != nil {
		return err
	}
	if w.Void() || oldest > w.cursor+1 {
		return expired(w.cursor, oldest)
	}
	return fault.StoreUnavailable.New("the feed's event %d is not readable yet", w.cursor+1)
}

func expired(after, oldest ident.FeedSeq) error {
	return fault.CursorExpired.New("the feed no longer keeps what came after %d", after).With("oldest", oldest.String())
}

// Filter chooses events. Empty parts choose all.
type Filter struct {
	Rooms []ident.RoomID
	Types []event.Type
}

// checked returns a filter that can be searched, or why it is none.
func (f Filter) checked() (Filter, error) {
	if len(f.Rooms) > MaxRooms {
		return f, fault.InvalidArgument.New("%d rooms in a filter, at most %d", len(f.Rooms), MaxRooms).With("field", "rooms")
	}
	for _, t := range f.Types {
		if !event.Known(t) {
			return f, fault.InvalidArgument.New("there is no event type %q", t).With("field", "types")
		}
	}
	return Filter{Rooms: sorted(f.Rooms), Types: sorted(f.Types)}, nil
}

func sorted[T ident.RoomID | event.Type](s []T) []T {
	s = slices.Clone(s)
	slices.Sort(s)
	return slices.Clip(slices.Compact(s))
}

// Takes reports whether an event passes. f came from Watcher.Filter.
func (f *Filter) Takes(e *Frame) bool {
	return passes(f.Rooms, e.Room) && passes(f.Types, e.Type)
}

func passes[T ident.RoomID | event.Type](sorted []T, v T) bool {
	if len(sorted) == 0 {
		return true
	}
	_, found := slices.BinarySearch(sorted, v)
	return found
}

// choose keeps, in place, the frames that pass.
func (f *Filter) choose(frames []Frame) []Frame {
	if len(f.Rooms) == 0 && len(f.Types) == 0 {
		return frames
	}
	return slices.DeleteFunc(frames, func(e Frame) bool { return !f.Takes(&e) })
}
