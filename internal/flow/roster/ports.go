package roster

import (
	"context"

	"github.com/greenroomlive/greenroom/internal/core/ident"
	"github.com/greenroomlive/greenroom/internal/flow/project"
)

// Reader is room_c as a node reads it.
type Reader interface {
	// RosterStanding is one cheap read of one snapshot.
	RosterStanding(ctx context.Context) (Standing, error)
	// Persons pages by room and user, above after, through the entries.
	Persons(ctx context.Context, after project.PersonKey, limit int) ([]project.RoomPerson, error)
	// SpeechRules pages by id, from that room on, through the rules.
	SpeechRules(ctx context.Context, from ident.RoomID, limit int) ([]project.RoomRules, error)
	// Details returns what the feed's rows behind a position carry beside their cards, up to the feed's gapless end, in
	// order, at most limit.
	Details(ctx context.Context, after ident.FeedSeq, limit int) ([]project.DetailRow, error)
}

// Store is room_c as its Keeper uses it.
type Store interface {
	Reader
	// BeginRoster empties both tables for a fill of a log, whose number was never used before.
	BeginRoster(ctx context.Context, log string, fill int64) error
	// KeepRoster stores a batch in one transaction. NOT_LEADER: somebody else keeps it.
	KeepRoster(ctx context.Context, b Batch) error
}

// Standing is how things are in room_c at a moment.
type Standing struct {
	Mark
	// Views is the log that the views belong to; "" before they know it.
	Views string
	// Contiguous is the feed's gapless end, Oldest its oldest row; 0 for none.
	Contiguous, Oldest ident.FeedSeq
}

// Mark is how far the tables have followed the details.
type Mark struct {
	// Log names the log that Seq counts in; "" when there was no fill yet.
	Log string
	// Fill is the random number of the newest fill, Complete that it is done.
	Fill     int64
	Complete bool
	// Seq is the position up to which every detail is in the tables.
	Seq ident.FeedSeq
}

// Batch is one transaction's worth: entries each at most once, stored over older versions only. One who is nothing but a
// viewer is deleted, and so are rules that forbid nothing.
type Batch struct {
	People []project.RoomPerson
	Rules  []project.RoomRules
	// Seq moves the mark, unless it is 0; Complete ends the fill.
	Seq      ident.FeedSeq
	Complete bool
}
