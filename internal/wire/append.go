package wire

import (
	"slices"
	"time"
	"unicode/utf8"

	"google.golang.org/protobuf/encoding/protowire"

	"github.com/greenroomlive/greenroom/internal/core/view"
)

// The fields of greenroom.room.v1.Room, Live, Control, Extension, Audience, and of Timestamp are written
// out by number below: a card is encoded for every change, every stored row and every room of a start, and
// making a message of eight objects first costs three times the encoding. A test holds the bytes equal to
// what proto.Marshal makes of the message.

// AppendCard appends the encoded greenroom.room.v1.Room of a card. It does not allocate beyond b.
func AppendCard(b []byte, c *view.RoomCard) []byte {
	b = appendInt(b, 1, int64(c.ID))
	b = appendInt(b, 2, int64(c.AnchorID))
	b = appendText(b, 3, c.Title)
	b = appendInt(b, 4, int64(c.AreaID))
	b = appendText(b, 5, c.CoverURL)
	b = appendTexts(b, 6, c.Tags)
	b = appendText(b, 7, c.Language)

	b, at := opened(b, 8)
	b = appendInt(b, 1, int64(c.Live.Status))
	b = appendInt(b, 2, int64(c.Live.SessionID))
	b = appendInt(b, 3, int64(c.Live.Epoch))
	b = closed(appendTime(b, 4, c.Live.StartedAt), at)

	b, at = opened(b, 9)
	b = appendInt(b, 1, int64(c.Control.State))
	b = appendText(b, 2, c.Control.Reason)
	b = closed(appendTime(b, 3, c.Control.Until), at)

	b, at = opened(b, 10)
	b = appendText(b, 1, c.Extension.Announcement)
	b = appendText(b, 2, c.Extension.Pinned)
	b = appendTexts(b, 3, c.Extension.Badges)
	b = closed(appendWidgets(b, c.Extension.Widgets), at)

	b = appendAudience(b, c.Audience)
	b = appendInt(b, 12, int64(c.Version))
	return appendTime(b, 13, c.UpdatedAt)
}

// AppendAnswer appends the encoded greenroom.room.v1.GetRoomResponse of a card.
func AppendAnswer(b []byte, c *view.RoomCard) []byte {
	b, at := opened(b, fieldRoom)
	return closed(AppendCard(b, c), at)
}

const (
	fieldRoom     = 1  // of GetRoomResponse
	fieldOwner    = 2  // of Room
	fieldAudience = 11 // of Room
)

func appendAudience(b []byte, a view.Audience) []byte {
	b, at := opened(b, fieldAudience)
	b = appendInt(b, 1, a.Online)
	b = appendInt(b, 2, a.Peak)
	return closed(appendInt(b, 3, a.Likes), at)
}

// AppendRecounted appends an answer with another audience in its card. The answer is one that AppendAnswer made: all
// it holds is well-formed, and in the order of the fields.
func AppendRecounted(b, answer []byte, a view.Audience) []byte {
	_, _, tag := protowire.ConsumeTag(answer)
	card, _ := protowire.ConsumeBytes(answer[tag:])
	before, behind := 0, len(card)
	for rest := card; len(rest) > 0; {
		field, _, n := protowire.ConsumeField(rest)
		if field < fieldAudience {
			before += n
		} else if field > fieldAudience {
			behind = len(card) - len(rest)
			break
		}
		rest = rest[n:]
	}
	b, at := opened(b, fieldRoom)
	b = appendAudience(append(b, card[:before]...), a)
	return closed(append(b, card[behind:]...), at)
}

// opened begins the message of a field; at is where its bytes begin. One byte is kept for its length.
func opened(b []byte, field protowire.Number) (_ []byte, at int) {
	b = append(protowire.AppendTag(b, field, protowire.BytesType), 0)
	return b, len(b)
}

// closed writes the length of the message that begins at at. One of 128 bytes or more needs a longer
// length, and moves to make room for it.
func closed(b []byte, at int) []byte {
	n := len(b) - at
	if n < 1<<7 {
		b[at-1] = byte(n)
		return b
	}
	var length [10]byte
	return slices.Replace(b, at-1, at, protowire.AppendVarint(length[:0], uint64(n))...)
}

// appendInt leaves zero out, as proto3 does.
func appendInt(b []byte, field protowire.Number, v int64) []byte {
	if v == 0 {
		return b
	}
	return protowire.AppendVarint(protowire.AppendTag(b, field, protowire.VarintType), uint64(v))
}

func appendText(b []byte, field protowire.Number, s string) []byte {
	if s == "" {
		return b
	}
	return protowire.AppendString(protowire.AppendTag(b, field, protowire.BytesType), s)
}

func appendTexts(b []byte, field protowire.Number, list []string) []byte {
	for _, s := range list {
		b = protowire.AppendString(protowire.AppendTag(b, field, protowire.BytesType), s)
	}
	return b
}

// appendTime appends a Timestamp; nothing for the zero time.
func appendTime(b []byte, field protowire.Number, t time.Time) []byte {
	if t.IsZero() {
		return b
	}
	b, at := opened(b, field)
	b = appendInt(b, 1, t.Unix())
	return closed(appendInt(b, 2, int64(t.Nanosecond())), at)
}

// speakable reports whether every text of the card is UTF-8, which protobuf's strings must be.
func speakable(c *view.RoomCard) bool {
	invalid := func(s string) bool { return !utf8.ValidString(s) }
	return utf8.ValidString(c.Title) && utf8.ValidString(c.CoverURL) && utf8.ValidString(c.Language) &&
		utf8.ValidString(c.Control.Reason) && utf8.ValidString(c.Extension.Announcement) && utf8.ValidString(c.Extension.Pinned) &&
		!slices.ContainsFunc(c.Tags, invalid) && !slices.ContainsFunc(c.Extension.Badges, invalid) &&
		!slices.ContainsFunc(c.Extension.Widgets, func(w view.Widget) bool { return invalid(w.Name) || invalid(w.Type) || invalid(w.Value) })
}
