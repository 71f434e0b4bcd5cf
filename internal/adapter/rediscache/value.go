package rediscache

import (
	"encoding/binary"
	"errors"
	"hash/crc32"
	"time"

	"github.com/greenroomlive/greenroom/internal/core/ident"
	"github.com/greenroomlive/greenroom/internal/flow/query"
	"github.com/greenroomlive/greenroom/internal/wire"
)

// A value is a head of fixed length, all numbers big-endian, and the protobuf answer as L1 has it:
//
//	version 8 | proven, Unix ms 8 | CRC-32C of all else and the room's id 4 | length of the answer 4 | answer
//
// The JSON answer is not there: the reader makes it again, in about a microsecond. So a value takes half
// the memory and half the network, and during an upgrade every node shows the JSON of its own release.
// The script of set.lua compares the first two fields.
const (
	comparedBytes = 16
	headBytes     = comparedBytes + 4 + 4
)

var (
	castagnoli = crc32.MakeTable(crc32.Castagnoli)
	errDamaged = errors.New("rediscache: the value is damaged")
)

func encode(k query.Kept) []byte {
	b := make([]byte, headBytes, headBytes+len(k.Proto))
	binary.BigEndian.PutUint64(b, uint64(k.Version))
	binary.BigEndian.PutUint64(b[8:], uint64(k.Proven.UnixMilli()))
	binary.BigEndian.PutUint32(b[comparedBytes+4:], uint32(len(k.Proto)))
	b = append(b, k.Proto...)
	binary.BigEndian.PutUint32(b[comparedBytes:], checksum(k.ID, b))
	return b
}

// checksum is over the key's room, too: a value under another key is as wrong as an altered one.
func checksum(id ident.RoomID, b []byte) uint32 {
	sum := crc32.Update(0, castagnoli, binary.BigEndian.AppendUint64(nil, uint64(id)))
	sum = crc32.Update(sum, castagnoli, b[:comparedBytes])
	return crc32.Update(sum, castagnoli, b[comparedBytes+4:])
}

// decode checks everything: what it returns is what encode was given.
func decode(id ident.RoomID, b []byte) (query.Kept, error) {
	if len(b) < headBytes ||
		uint64(len(b)-headBytes) != uint64(binary.BigEndian.Uint32(b[comparedBytes+4:])) ||
		checksum(id, b) != binary.BigEndian.Uint32(b[comparedBytes:]) {
		return query.Kept{}, errDamaged
	}
	card, err := wire.UnmarshalAnswer(b[headBytes:])
	if err != nil {
		return query.Kept{}, err
	}
	if card.ID != id || card.Version != ident.Version(binary.BigEndian.Uint64(b)) {
		return query.Kept{}, errDamaged
	}
	return query.Kept{
		Entry:  query.NewEntry(&card),
		Proven: time.UnixMilli(int64(binary.BigEndian.Uint64(b[8:]))).UTC(),
	}, nil
}
