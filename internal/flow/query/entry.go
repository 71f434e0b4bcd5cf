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
	// JSON is the whole body {"room":{…}}; JSON[CardFrom:len-1] is the card alone.
	JSON []byte
	// Proto is the encoded greenroom.room.v1.GetRoomResponse.
	Proto []byte
	// ETag is the version in quotes, Version as text without them.
	ETag string
	// At is when the entry was made from a view known to be current.
	At time.Time
}

const bodyPrefix = `{"room":`

// NewEntry encodes a card.
func NewEntry(c *view.RoomCard, at time.Time) *Entry {
	body := append(c.AppendJSON(append(make([]byte, 0, 768), bodyPrefix...)), '}')
	// Marshalling a message that wire made cannot fail: its strings are valid UTF-8.
	pb, _ := proto.Marshal(&roomv1.GetRoomResponse{Room: wire.Room(c)})
	return &Entry{
		ID: c.ID, Version: c.Version, OnAir: c.OnAir(), JSON: body, Proto: pb,
		ETag: `"` + c.Version.String() + `"`, At: at,
	}
}

// Card is the JSON of the card alone, for batches and lists.
func (e *Entry) Card() []byte { return e.JSON[len(bodyPrefix) : len(e.JSON)-1] }
