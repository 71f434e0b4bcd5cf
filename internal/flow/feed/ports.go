package feed

import (
	"context"

	"github.com/greenroomlive/greenroom/internal/core/ident"
)

// Store is the feed's part of room_c.
type Store interface {
	// Frames returns up to limit frames after a position, in order, whatever lies behind the gapless end.
	// The slice is the caller's to change, the frames' JSON is not.
	Frames(ctx context.Context, after ident.FeedSeq, limit int) ([]Frame, error)
	// RoomFrames returns up to limit frames of one room, after one position and not beyond another, in
	// order, on the same terms. whole is false when the store does not hold every frame between the two,
	// of whichever room: then nothing follows from what is missing.
	RoomFrames(ctx context.Context, id ident.RoomID, after, to ident.FeedSeq, limit int) (frames []Frame, whole bool, err error)
	// Oldest is the first position that is kept; one past the end when none is.
	Oldest(ctx context.Context) (ident.FeedSeq, error)
}
