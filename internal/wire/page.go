package wire

import (
	"errors"
	"fmt"

	"google.golang.org/protobuf/encoding/protowire"

	"github.com/greenroomlive/greenroom/internal/core/event"
	"github.com/greenroomlive/greenroom/internal/core/ident"
)

// The form of a page, in the words of a proto file:
//
//	message Page  { repeated Entry entries = 1; }
//	message Entry { int64 room_id = 1; bytes event = 2; }  // the event as MarshalEvent makes it
//
// The room stands outside the event, so that one that cannot be read still says whose it is.
const (
	pageEntries protowire.Number = 1
	entryRoom   protowire.Number = 1
	entryEvent  protowire.Number = 2
)

// AppendEntry appends an event to an encoded page; an empty page is no bytes.
func AppendEntry(page []byte, e *event.RoomEvent) ([]byte, error) {
	body, err := MarshalEvent(e)
	if err != nil {
		return page, fmt.Errorf("event %s: %w", e.ID(), err)
	}
	return AppendRawEntry(page, e.RoomID, body), nil
}

// A page that goes by a call holds at most PageEvents events, and none more once it has PageBytes. A card is a few
// KiB and the area tree is bounded, so it is below MaxPage whatever the last event is.
const (
	PageEvents = 256
	PageBytes  = 512 << 10
	MaxPage    = 1 << 20
)

// FillPage makes a page of the first events, and says how many they are.
func FillPage(events []event.RoomEvent) (page []byte, n int, err error) {
	for n < len(events) && n < PageEvents && len(page) < PageBytes {
		if page, err = AppendEntry(page, &events[n]); err != nil {
			return nil, n, err
		}
		n++
	}
	return page, n, nil
}

// AppendRawEntry appends an encoded event under the address of a room.
func AppendRawEntry(page []byte, room ident.RoomID, body []byte) []byte {
	size := protowire.SizeTag(entryRoom) + protowire.SizeVarint(uint64(room)) + protowire.SizeTag(entryEvent) + protowire.SizeBytes(len(body))
	page = protowire.AppendTag(page, pageEntries, protowire.BytesType)
	page = protowire.AppendVarint(page, uint64(size))
	page = protowire.AppendTag(page, entryRoom, protowire.VarintType)
	page = protowire.AppendVarint(page, uint64(room))
	page = protowire.AppendTag(page, entryEvent, protowire.BytesType)
	return protowire.AppendBytes(page, body)
}

// errPage is all there is to say of bytes that are no page.
var errPage = errors.New("wire: not a page of events")

// EachEntry calls f with each entry of a page in order, body unread. An error says that what follows the
// last entry is no page.
func EachEntry(page []byte, f func(room ident.RoomID, body []byte)) error {
	for len(page) > 0 {
		num, kind, n := protowire.ConsumeTag(page)
		if n > 0 && num > pageEntries { // of a newer version, during an upgrade
			skipped := protowire.ConsumeFieldValue(num, kind, page[n:])
			if skipped < 0 {
				return errPage
			}
			page = page[n+skipped:]
			continue
		}
		if n < 0 || num != pageEntries || kind != protowire.BytesType {
			return errPage
		}
		entry, m := protowire.ConsumeBytes(page[n:])
		if m < 0 {
			return errPage
		}
		room, body, ok := readEntry(entry)
		if !ok {
			return errPage
		}
		f(room, body)
		page = page[n+m:]
	}
	return nil
}

func readEntry(entry []byte) (room ident.RoomID, body []byte, ok bool) {
	num, kind, n := protowire.ConsumeTag(entry)
	if n < 0 || num != entryRoom || kind != protowire.VarintType {
		return 0, nil, false
	}
	id, m := protowire.ConsumeVarint(entry[n:])
	if m < 0 || int64(id) < 0 {
		return 0, nil, false
	}
	entry = entry[n+m:]
	num, kind, n = protowire.ConsumeTag(entry)
	if n < 0 || num != entryEvent || kind != protowire.BytesType {
		return 0, nil, false
	}
	if body, m = protowire.ConsumeBytes(entry[n:]); m < 0 {
		return 0, nil, false
	}
	for rest := entry[n+m:]; len(rest) > 0; { // of a newer version, during an upgrade
		num, _, n := protowire.ConsumeField(rest)
		if n < 0 || num <= entryEvent {
			return 0, nil, false
		}
		rest = rest[n:]
	}
	return ident.RoomID(id), body, true
}
