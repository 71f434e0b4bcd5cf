package query

import (
	"time"

	"google.golang.org/protobuf/proto"

	roomv1 "github.com/greenroomlive/greenroom/api/gen/greenroom/room/v1"
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

// NewEntry encodes a card. Its At is the card's UpdatedAt, not the time of encoding: a card that
// comes out of a store or a queue late was not proven fresh by being read late.
func NewEntry(c *view.RoomCard) *Entry {
	body := append(c.AppendJSON(append(make([]byte, 0, 768), bodyPrefix...)), '}')
	// Marshalling a message that wire made cannot fail: its strings are valid UTF-8.
	pb, _ := proto.Marshal(&roomv1.GetRoomResponse{Room: wire.Room(c)})
	return &Entry{
		ID: c.ID, Version: c.Version, OnAir: c.OnAir(), JSON: body, Proto: pb,
		ETag: []byte(`"` + c.Version.String() + `"`), At: c.UpdatedAt,
	}
}

// Card is the JSON of the card alone, for batches and lists.
func (e *Entry) Card() []byte { return e.JSON[len(bodyPrefix) : len(e.JSON)-1] }

// VersionText is the version in decimal, without allocating.
func (e *Entry) VersionText() []byte { return e.ETag[1 : len(e.ETag)-1] }

// Size is about how many bytes the entry keeps in memory.
func (e *Entry) Size() int {
	const fixed = 160 // the struct, its slots in the cache, the allocator's rounding
	return fixed + cap(e.JSON) + cap(e.Proto) + cap(e.ETag)
}
