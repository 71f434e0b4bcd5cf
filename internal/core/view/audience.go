package view

import (
	"bytes"
	"time"

	"github.com/greenroomlive/greenroom/internal/core/ident"
)

// Count is what a session's audience is counted as at one moment, over all nodes of all zones.
type Count struct {
	Room    ident.RoomID
	Session ident.SessionID
	// Online is the viewers heard of lately, Peak the most of the session so far.
	Online, Peak int64
	// Likes, Unique (viewers, an estimate) and WatchSeconds are of the whole session so far.
	Likes, Unique, WatchSeconds int64
	// AsOf is the moment of the counting.
	AsOf time.Time
}

// Card is the part of the count that the room card shows.
func (c *Count) Card() Audience { return Audience{Online: c.Online, Peak: c.Peak, Likes: c.Likes} }

// AppendJSON appends the audience as it stands in a card.
func (a Audience) AppendJSON(b []byte) []byte {
	b = appendID(append(b, `{"online":`...), a.Online)
	b = appendID(append(b, `,"peak":`...), a.Peak)
	return append(appendID(append(b, `,"likes":`...), a.Likes), '}')
}

// AppendRecounted appends a card's JSON with another audience in it. The card is one that AppendJSON made.
func AppendRecounted(b, card []byte, a Audience) []byte {
	// From the end: behind the audience come two members of known form, before it texts of any.
	from := bytes.LastIndex(card, []byte(audienceName)) + len(audienceName)
	to := from + bytes.IndexByte(card[from:], '}') + 1
	return append(a.AppendJSON(append(b, card[:from]...)), card[to:]...)
}

const audienceName = `,"audience":`

// UniqueError is the standard error of Count.Unique, as a part of it: the sketch has 2^16 registers, and
// 1.04/√(2^16) is what the theory of HyperLogLog says of that many.
const UniqueError = 1.04 / 256
