package wire

import (
	"errors"
	"time"

	"google.golang.org/protobuf/encoding/protowire"

	"github.com/greenroomlive/greenroom/internal/core/event"
	"github.com/greenroomlive/greenroom/internal/core/ident"
)

// The fields of greenroom.room.v1.RoomEvent that say which change it is, and when it left.
const (
	markRoom      protowire.Number = 2
	markVersion   protowire.Number = 3
	markEpoch     protowire.Number = 5
	markSeq       protowire.Number = 6
	markCommitted protowire.Number = 14
	markPublished protowire.Number = 15
)

var errMark = errors.New("wire: not an event")

// EventMark reads of an encoded event only which change it is and when it left: RoomID, Version, Epoch, FeedSeq,
// CommittedAt and PublishedAt. That costs a twentieth of reading it, and is enough to know one that
// came before. Nothing is checked: what is to be used must be read by UnmarshalEvent.
func EventMark(body []byte) (e event.RoomEvent, err error) {
	for len(body) > 0 {
		num, kind, n := protowire.ConsumeTag(body)
		if n < 0 {
			return e, errMark
		}
		body = body[n:]
		n = protowire.ConsumeFieldValue(num, kind, body)
		if n < 0 {
			return e, errMark
		}
		if err := takeMark(&e, num, kind, body[:n]); err != nil {
			return e, err
		}
		body = body[n:]
	}
	return e, nil
}

func takeMark(e *event.RoomEvent, num protowire.Number, kind protowire.Type, value []byte) error {
	switch kind {
	case protowire.VarintType:
		v, _ := protowire.ConsumeVarint(value)
		switch num {
		case markRoom:
			e.RoomID = ident.RoomID(v)
		case markVersion:
			e.Version = ident.Version(v)
		case markSeq:
			e.FeedSeq = ident.FeedSeq(v)
		}
	case protowire.BytesType:
		v, _ := protowire.ConsumeBytes(value)
		var err error
		switch num {
		case markEpoch:
			e.Epoch = string(v)
		case markCommitted:
			e.CommittedAt, err = markTime(v)
		case markPublished:
			e.PublishedAt, err = markTime(v)
		}
		return err
	}
	return nil
}

// markTime reads an encoded google.protobuf.Timestamp.
func markTime(b []byte) (time.Time, error) {
	var seconds, nanos uint64
	for len(b) > 0 {
		num, kind, n := protowire.ConsumeTag(b)
		if n < 0 || kind != protowire.VarintType {
			return time.Time{}, errMark
		}
		v, m := protowire.ConsumeVarint(b[n:])
		if m < 0 {
			return time.Time{}, errMark
		}
		switch num {
		case 1:
			seconds = v
		case 2:
			nanos = v
		}
		b = b[n+m:]
	}
	return time.Unix(int64(seconds), int64(nanos)).UTC(), nil
}
