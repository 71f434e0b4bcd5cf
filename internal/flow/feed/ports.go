package feed

import (
	"context"

	"github.com/greenroomlive/greenroom/internal/core/event"
	"github.com/greenroomlive/greenroom/internal/core/ident"
)

// Frame is one event, encoded once and shared by all who watch.
type Frame struct {
	Seq  ident.FeedSeq
	Room ident.RoomID
	Type event.Type
	// JSON is the line without its end. Never changed.
	JSON []byte
}

// Store is the feed's part of room_c.
type Store interface {
	// Frames returns up to limit frames after a position, in order, whatever lies behind the gapless end.
	// The slice is the caller's to change, the frames' JSON is not.
	Frames(ctx context.Context, after ident.FeedSeq, limit int) ([]Frame, error)
	// Oldest is the first position that is kept; one past the end when none is.
	Oldest(ctx context.Context) (ident.FeedSeq, error)
}
