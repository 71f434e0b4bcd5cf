package speak

import (
	"time"

	"github.com/greenroomlive/greenroom/internal/core/ident"
	"github.com/greenroomlive/greenroom/internal/core/view"
)

// Rule names what keeps a user from speaking. The same word stands in answers, metrics and docs.
type Rule string

// The closed set of rules, in the order in which they are asked: the first that forbids is told.
const (
	Nothing      Rule = "" // the user may speak
	PlatformBan  Rule = "PLATFORM_BAN"
	Ban          Rule = "BAN"
	Mute         Rule = "MUTE"
	MembersOnly  Rule = "MEMBERS_ONLY"
	AccountAge   Rule = "ACCOUNT_AGE"
	SlowMode     Rule = "SLOW_MODE"
	EmoteOnly    Rule = "EMOTE_ONLY"
	Links        Rule = "LINKS"
	BlockedTerms Rule = "BLOCKED_TERMS"
)

// Question asks whether a user may speak, now or with a text. What only the chat system knows comes with it, and what it
// does not say counts against the user where a rule asks for it.
type Question struct {
	User ident.UserID
	// Text is what the user wants to say; an empty one asks for the right to speak at all.
	Text string
	// Last is when the user spoke last in the room; zero for never.
	Last time.Time
	// Member says that the user is a member of the room.
	Member bool
	// AccountCreated is when the user's account came into being; zero for unknown.
	AccountCreated time.Time
	// OnlyEmotes says that the text consists of the platform's own emotes. One that consists of emoji needs no word for it.
	OnlyEmotes bool
}

// Verdict is the answer to a question.
type Verdict struct {
	// Rule is what forbids it; Nothing when the user may speak.
	Rule Rule
	// Until is when the rule does not forbid it any more by itself; zero for never, and for what is wrong with the text.
	Until time.Time
	// Reason is what the user may read of a mute or a ban.
	Reason string
}

// Allowed reports whether the user may speak.
func (v Verdict) Allowed() bool { return v.Rule == Nothing }

// Check answers a question about a room, whose owner is given. A ban of the platform holds for everybody. The owner of
// the room and its moderators are bound by nothing else; a VIP need not wait between messages.
func (c *Court) Check(room ident.RoomID, owner ident.AnchorID, q *Question, now time.Time) Verdict {
	everywhere, here := c.people.find(ident.Platform, q.User), c.people.find(room, q.User)
	if everywhere.bans(now) {
		return Verdict{PlatformBan, everywhere.banUntil.time(), c.people.reason(everywhere)}
	}
	if int64(q.User) == int64(owner) {
		return Verdict{}
	}
	if here.bans(now) {
		return Verdict{Ban, here.banUntil.time(), c.people.reason(here)}
	}
	if here.mutes(now) {
		return Verdict{Mute, here.muteUntil.time(), c.people.reason(here)}
	}
	role := here.role(now)
	if role == view.Moderator {
		return Verdict{}
	}
	for _, b := range [...]*rulebook{c.book(ident.Platform), c.book(room)} {
		if b == nil {
			continue
		}
		if v := b.bounds(q, role, now); !v.Allowed() {
			return v
		}
	}
	return Verdict{}
}
