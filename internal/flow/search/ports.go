package search

import (
	"context"

	"github.com/greenroomlive/greenroom/internal/core/ident"
	"github.com/greenroomlive/greenroom/internal/core/view"
	"github.com/greenroomlive/greenroom/internal/flow/query"
)

// Index finds rooms by words. It is derived from the views and may be lost. Safe for concurrent use.
type Index interface {
	// Put takes in cards; the index keeps no card. An older version than the one held changes nothing, the same
	// version replaces, for audiences move without it. A hidden or locked room is held but never found.
	Put(cards []view.RoomCard)
	// Begin starts a turn: what is put from now on replaces whatever version an earlier turn left. End drops
	// the rooms that were not put in this turn. Between the two, rooms of both are found.
	Begin()
	End()
	// Find returns the rooms that match, the best first, at most limit. Those on air come first, then by how well
	// the words fit, then by audience, then the newest. It fails only with the error of ctx, soon after that ends.
	Find(ctx context.Context, m Match, limit int) ([]ident.RoomID, error)
	// Len is the number of rooms held.
	Len() int
}

// Match says which rooms to find: those that have every term, and pass the filters.
type Match struct {
	// Terms without a letter, digit or symbol in them are no condition; if all are so, nothing matches.
	Terms []Term
	// Live takes only rooms on air.
	Live bool
	// Areas takes only rooms filed under one of these, in ascending order; empty: all.
	Areas []ident.AreaID
	// Language takes only rooms of languages that this BCP 47 tag begins, in any letter case; "": all.
	Language string
}

// Term is one condition on a room's words. Case, accents and the like make no difference.
type Term struct {
	Text  string
	Field Field
	// Prefix: the last word of Text may be the beginning of a longer one.
	Prefix bool
}

// Field is where a term is looked for.
type Field uint8

// The closed set of fields.
const (
	// Anywhere is the title, the tags, and the anchor if the term is just its id.
	Anywhere Field = iota
	InTag
	// OfAnchor is the anchor whose id is exactly the term.
	OfAnchor
)

// Views is room_c as the index is filled from it.
type Views interface {
	// Newest pages through cards by id, newest first, below before (0: from the newest), at most limit; fewer
	// mean that there are no more.
	Newest(ctx context.Context, before ident.RoomID, limit int) ([]view.RoomCard, error)
}

// Rooms shows rooms; it is query.Rooms.
type Rooms interface {
	Batch(ctx context.Context, b *query.Batch) error
	Residents(b *query.Batch) bool
	Branch(ctx context.Context, area ident.AreaID) ([]ident.AreaID, error)
}
