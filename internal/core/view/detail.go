package view

import (
	"encoding/json"
	"time"

	"github.com/greenroomlive/greenroom/internal/core/ident"
)

// Detail is what an event carries beside the room's card: things of which a room has too many for a card, or that
// are not for every viewer's eyes. An event holds those that changed, each whole as it is afterwards. It travels between
// the processes of Greenroom and into room_c; the feed that viewers read does not show it.
type Detail struct {
	// People are those of the room to whom something happened, each once, by user.
	People []Person `json:"people,omitempty"`
	// Rules are the room's rules of speech; nil when they did not change.
	Rules *Rules `json:"rules,omitempty"`
	// Schedule is all that is planned in the room; nil when it did not change.
	Schedule *Schedule `json:"schedule,omitempty"`
}

// Role is what a user is in a room, beside its owner.
type Role uint8

// The closed set of roles; the numbers are those of the proto enum.
const (
	Viewer Role = iota
	VIP
	Moderator
)

// Person is a user of a room, or of the whole platform where the event is ident.Platform's. One who is nothing but a
// viewer has no entry: in an event it says that the last one is void.
type Person struct {
	User ident.UserID `json:"user_id"`
	Role Role         `json:"role,omitempty"`
	// RoleUntil is when the role ends by itself; zero for never.
	RoleUntil time.Time `json:"role_until,omitzero"`
	// Mute and Ban are in force; nil for none.
	Mute *Sanction `json:"mute,omitempty"`
	Ban  *Sanction `json:"ban,omitempty"`
}

// Sanction keeps a user from speaking, or out.
type Sanction struct {
	Since time.Time `json:"since"`
	// Until is when it ends by itself; zero for when it is lifted, or its session is over.
	Until time.Time `json:"until,omitzero"`
	// Session is the broadcast with which it ends; 0 for none.
	Session ident.SessionID `json:"session_id,omitempty"`
	// Reason is what the user may read.
	Reason string `json:"reason,omitempty"`
}

// Plain reports whether the user is nothing but a viewer.
func (p *Person) Plain() bool { return p.Role == Viewer && p.Mute == nil && p.Ban == nil }

// Rules say who may speak in a room and what; of ident.Platform, in all rooms.
type Rules struct {
	// SlowMode is the time that lies between two messages of one user, in whole seconds; 0 for none.
	SlowMode time.Duration `json:"slow_mode,omitempty"`
	// MembersOnly keeps everybody silent who is no member of the room.
	MembersOnly bool `json:"members_only,omitempty"`
	// MinAccountAge is how old an account must be, in whole seconds; 0 for any age.
	MinAccountAge time.Duration `json:"min_account_age,omitempty"`
	// NoLinks forbids addresses of the web in a text, EmoteOnly everything but emotes.
	NoLinks   bool `json:"no_links,omitempty"`
	EmoteOnly bool `json:"emote_only,omitempty"`
	// BlockedTerms are words and phrases, BlockedExpressions are RE2; a text that holds one of them is refused.
	BlockedTerms       []string `json:"blocked_terms,omitempty"`
	BlockedExpressions []string `json:"blocked_expressions,omitempty"`
}

// Void reports whether the rules forbid nothing.
func (r *Rules) Void() bool {
	return r.SlowMode == 0 && !r.MembersOnly && r.MinAccountAge == 0 && !r.NoLinks && !r.EmoteOnly && len(r.BlockedTerms) == 0 && len(r.BlockedExpressions) == 0
}

// Checksum is of the detail's content, in eight hex digits; it does not depend on how the detail travelled.
func (d *Detail) Checksum() string {
	b, err := json.Marshal(d) // one encoder, fields in a fixed order
	if err != nil {
		return "" // no type in it can fail; an empty sum equals none
	}
	return ChecksumOf(b)
}
