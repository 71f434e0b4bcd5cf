package wire

import (
	"fmt"
	"time"
	"unicode/utf8"

	"google.golang.org/protobuf/encoding/protowire"

	roomv1 "github.com/greenroomlive/greenroom/api/gen/greenroom/room/v1"
	"github.com/greenroomlive/greenroom/internal/core/ident"
	"github.com/greenroomlive/greenroom/internal/core/view"
)

// UnmarshalCard is the reverse of MarshalCard. Like AppendCard it knows the fields by number: a start reads
// a million cards, and the messages between bytes and card would be most of the work. Fields it does not
// know are skipped, as proto.Unmarshal does.
func UnmarshalCard(b []byte) (view.RoomCard, error) {
	var c view.RoomCard
	err := fields(b, func(n protowire.Number, v int64) {
		switch n {
		case 1:
			c.ID = ident.RoomID(v)
		case 2:
			c.AnchorID = ident.AnchorID(v)
		case 4:
			c.AreaID = ident.AreaID(v)
		case 12:
			c.Version = ident.Version(v)
		}
	}, func(n protowire.Number, v []byte) error {
		switch n {
		case 3:
			return readText(&c.Title, v)
		case 5:
			return readText(&c.CoverURL, v)
		case 6:
			return readTexts(&c.Tags, v)
		case 7:
			return readText(&c.Language, v)
		case 8:
			return readLive(&c.Live, v)
		case 9:
			return readControl(&c.Control, v)
		case 10:
			return readExtension(&c.Extension, v)
		case 11:
			return readAudience(&c.Audience, v)
		case 13:
			return readTime(&c.UpdatedAt, v)
		}
		return nil
	})
	if err != nil {
		return view.RoomCard{}, fmt.Errorf("wire: card: %w", err)
	}
	return c, nil
}

func readLive(l *view.LiveState, b []byte) error {
	status := roomv1.Live_Status(l.Status)
	err := fields(b, func(n protowire.Number, v int64) {
		switch n {
		case 1:
			status = roomv1.Live_Status(v)
		case 2:
			l.SessionID = ident.SessionID(v)
		case 3:
			l.Epoch = ident.Epoch(v)
		}
	}, func(n protowire.Number, v []byte) error {
		if n == 4 {
			return readTime(&l.StartedAt, v)
		}
		return nil
	})
	if err == nil {
		l.Status, err = liveStatus(status)
	}
	return err
}

func readControl(c *view.Control, b []byte) error {
	state := roomv1.Control_State(c.State)
	err := fields(b, func(n protowire.Number, v int64) {
		if n == 1 {
			state = roomv1.Control_State(v)
		}
	}, func(n protowire.Number, v []byte) error {
		switch n {
		case 2:
			return readText(&c.Reason, v)
		case 3:
			return readTime(&c.Until, v)
		}
		return nil
	})
	if err == nil {
		c.State, err = controlState(state)
	}
	return err
}

func readExtension(x *view.Extension, b []byte) error {
	return fields(b, nil, func(n protowire.Number, v []byte) error {
		switch n {
		case 1:
			return readText(&x.Announcement, v)
		case 2:
			return readText(&x.Pinned, v)
		case 3:
			return readTexts(&x.Badges, v)
		case 4:
			return readWidget(x, v)
		}
		return nil
	})
}

func readAudience(a *view.Audience, b []byte) error {
	return fields(b, func(n protowire.Number, v int64) {
		switch n {
		case 1:
			a.Online = v
		case 2:
			a.Peak = v
		case 3:
			a.Likes = v
		}
	}, nil)
}

// OwnerOf is whose room an encoded GetRoomResponse shows, as L1 holds it; 0 when it cannot be read.
func OwnerOf(answer []byte) ident.AnchorID {
	card, n := protowire.ConsumeBytes(seek(answer, fieldRoom))
	if n < 0 {
		return 0
	}
	owner, n := protowire.ConsumeVarint(seek(card, fieldOwner))
	if n < 0 {
		return 0
	}
	return ident.AnchorID(owner)
}

// seek is what is left of a message from the value of a field on; empty when there is none.
func seek(b []byte, field protowire.Number) []byte {
	for len(b) > 0 {
		is, kind, n := protowire.ConsumeTag(b)
		if n < 0 {
			return nil
		}
		if b = b[n:]; is == field {
			return b
		}
		if n = protowire.ConsumeFieldValue(is, kind, b); n < 0 {
			return nil
		}
		b = b[n:]
	}
	return nil
}

// fields calls number for each varint of a message and bytes for each text and message in it. Either may be nil.
func fields(b []byte, number func(protowire.Number, int64), bytes func(protowire.Number, []byte) error) error {
	for len(b) > 0 {
		field, kind, n := protowire.ConsumeTag(b)
		if n < 0 {
			return protowire.ParseError(n)
		}
		b = b[n:]
		switch {
		case kind == protowire.VarintType && number != nil:
			var v uint64
			if v, n = protowire.ConsumeVarint(b); n >= 0 {
				number(field, int64(v))
			}
		case kind == protowire.BytesType && bytes != nil:
			var v []byte
			if v, n = protowire.ConsumeBytes(b); n >= 0 {
				if err := bytes(field, v); err != nil {
					return fmt.Errorf("field %d: %w", field, err)
				}
			}
		default:
			n = protowire.ConsumeFieldValue(field, kind, b)
		}
		if n < 0 {
			return protowire.ParseError(n)
		}
		b = b[n:]
	}
	return nil
}

func readText(s *string, v []byte) error {
	if !utf8.Valid(v) {
		return errNoText
	}
	*s = string(v)
	return nil
}

func readTexts(list *[]string, v []byte) error {
	var s string
	err := readText(&s, v)
	*list = append(*list, s)
	return err
}

func readTime(t *time.Time, b []byte) error {
	var seconds, nanos int64
	err := fields(b, func(n protowire.Number, v int64) {
		switch n {
		case 1:
			seconds = v
		case 2:
			nanos = v
		}
	}, nil)
	*t = time.Unix(seconds, nanos).UTC()
	return err
}
