// Package view holds what viewers see: the room card and the area tree.
//
// A card is a value. Its JSON, made here and nowhere else, is the one of
// docs "room card": snake_case, 64-bit numbers as strings, zero values present,
// equal to the proto3 JSON mapping of greenroom.room.v1.Room (a test in
// internal/wire compares the two).
package view

import (
	"fmt"
	"slices"
	"time"

	"github.com/greenroomlive/greenroom/internal/core/ident"
)

// LiveStatus says whether a room is on air.
type LiveStatus uint8

// The closed set of live statuses; the numbers are those of the proto enum.
const (
	Idle LiveStatus = iota
	Live
	Interrupted
)

var liveStatusNames = [...]string{"IDLE", "LIVE", "INTERRUPTED"}

func (s LiveStatus) String() string { return liveStatusNames[s] }

// ControlState is what staff laid over a room.
type ControlState uint8

// The closed set of control states; the numbers are those of the proto enum.
const (
	Normal ControlState = iota
	Warned
	Cut
	Locked
	Hidden
)

var controlStateNames = [...]string{"NORMAL", "WARNED", "CUT", "LOCKED", "HIDDEN"}

func (s ControlState) String() string { return controlStateNames[s] }

// MarshalText is the name.
func (s ControlState) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// UnmarshalText reads a name.
func (s *ControlState) UnmarshalText(name []byte) error {
	n := slices.Index(controlStateNames[:], string(name))
	if n < 0 {
		return fmt.Errorf("control state %q is unknown", name)
	}
	*s = ControlState(n)
	return nil
}

// RoomCard is one room as viewers see it. Times are UTC with millisecond precision; zero means unset.
type RoomCard struct {
	ID        ident.RoomID
	AnchorID  ident.AnchorID
	Title     string
	AreaID    ident.AreaID
	CoverURL  string
	Tags      []string
	Language  string
	Live      LiveState
	Control   Control
	Extension Extension
	Audience  Audience
	Version   ident.Version
	UpdatedAt time.Time
}

// LiveState is the broadcast part of a card.
type LiveState struct {
	Status    LiveStatus
	SessionID ident.SessionID
	Epoch     ident.Epoch
	StartedAt time.Time
}

// Control is the staff part of a card.
type Control struct {
	State  ControlState
	Reason string
	Until  time.Time
}

// Extension is the anchor's part of a card.
type Extension struct {
	Announcement string
	Pinned       string
	Badges       []string
	// Widgets are ordered by name, each name once.
	Widgets []Widget
}

// Audience is the counted part of a card, C-owned.
type Audience struct {
	Online int64
	Peak   int64
	Likes  int64
}

// Area is a node of the tree, with what is below it.
type Area struct {
	ID       ident.AreaID
	Name     string
	Children []Area
}

// OnAir is true while the room has a session: live, or interrupted and still in its grace.
func (c *RoomCard) OnAir() bool { return c.Live.Status != Idle }

// Listed is false for what staff hid: it is in no list, and shown to who asks for it by its id.
func (c *RoomCard) Listed() bool { return c.Control.State != Hidden }

// Findable is true for what a search may show. A locked room is still its anchor's, but nothing to send a viewer to.
func (c *RoomCard) Findable() bool { return c.Listed() && c.Control.State != Locked }
