package query

import (
	"strconv"
	"time"

	"github.com/greenroomlive/greenroom/internal/core/ident"
	"github.com/greenroomlive/greenroom/internal/core/view"
	"github.com/greenroomlive/greenroom/internal/wire"
)

// Entry is a room as L1 holds it: the answer, already encoded. It is never changed after
// NewEntry, so any number of readers may share it and write its bytes to their sockets.
type Entry struct {
	ID      ident.RoomID
	Version ident.Version
	OnAir   bool
	// Hidden rooms are in no list.
	Hidden bool
	// Session is the broadcast on air; 0 when there is none.
	Session ident.SessionID
	// Counted: the audience was laid over it. It moves without the version, so the version does not tell these
	// bytes from those before.
	Counted bool
	// JSON is the whole body {"room":{…}}.
	JSON []byte
	// Proto is the encoded greenroom.room.v1.GetRoomResponse. Field 1 of every message that lists
	// rooms is the same field, so such a message is the Protos of its rooms, one after the other.
	Proto []byte
	// ETag is the version in quotes, as bytes because a response header wants bytes.
	ETag []byte
	// At is the moment this card was the newest beyond doubt: that of its own change.
	At time.Time
}

const bodyPrefix = `{"room":`

// roomBytes is what the answers of almost every room fit into while they are made.
const roomBytes = 2048

// NewEntry encodes a card. Its At is the card's UpdatedAt, not the time of encoding: a card that
// comes out of a store or a queue late was not proven fresh by being read late.
//
// All answers share one allocation of just their size: a million rooms are resident, and what an entry
// has besides its bytes is paid a million times, in memory and in the collector's marking.
func NewEntry(c *view.RoomCard) *Entry {
	b := append(make([]byte, 0, roomBytes), bodyPrefix...) // stays on the stack unless the room is larger
	b = append(c.AppendJSON(b), '}')
	json := len(b)
	b = wire.AppendAnswer(b, c)
	pb := len(b)
	b = append(strconv.AppendInt(append(b, '"'), int64(c.Version), 10), '"')

	all := append(make([]byte, 0, len(b)), b...)
	return &Entry{
		ID: c.ID, Version: c.Version, OnAir: c.OnAir(), Hidden: !c.Listed(), Session: c.Live.SessionID, At: c.UpdatedAt,
		JSON: all[:json:json], Proto: all[json:pb:pb], ETag: all[pb:],
	}
}

// recounted is the entry with another count of its session.
func (e *Entry) recounted(n *view.Count) *Entry {
	b := view.AppendRecounted(make([]byte, 0, roomBytes), e.JSON[:len(e.JSON)-1], n.Card())
	b = append(b, '}')
	json := len(b)
	b = wire.AppendRecounted(b, e.Proto, n.Card())
	pb := len(b)
	all := append(make([]byte, 0, len(b)+len(e.ETag)), b...)
	all = append(all, e.ETag...)
	out := *e
	out.JSON, out.Proto, out.ETag, out.Counted = all[:json:json], all[json:pb:pb], all[pb:], true
	return &out
}

// Card is the JSON of the card alone, for batches and lists.
func (e *Entry) Card() []byte { return e.JSON[len(bodyPrefix) : len(e.JSON)-1] }

// VersionText is the version in decimal, without allocating.
func (e *Entry) VersionText() []byte { return e.ETag[1 : len(e.ETag)-1] }

// Size is about how many bytes the entry keeps in memory: its answers, and what it takes to hold and to
// find them. The second part is measured, by the benchmark of a start.
func (e *Entry) Size() int {
	const held = 250 // the struct, its node and slot in the cache, the allocator's rounding
	return held + len(e.JSON) + len(e.Proto) + len(e.ETag)
}
