package query

import (
	"encoding/base64"
	"encoding/binary"
	"hash/fnv"
	"strings"

	"github.com/greenroomlive/greenroom/internal/core/ident"
)

// token is a place in a snapshot: the next page starts right after it. It is not secret and
// not signed; a forged one names a snapshot that is gone or a place that may be empty.
type token struct {
	snapshot uint64
	query    uint32 // fingerprint of order and filters: a token does not answer another question
	total    int64  // what the first page counted
	place
}

const (
	tokenFormat = 2
	tokenBytes  = 1 + 8 + 4 + 8 + 8 + 8
)

// Strict refuses trailing bits, so that a place has one spelling.
var tokenText = base64.RawURLEncoding.Strict()

func (t token) String() string {
	b := make([]byte, 0, tokenBytes)
	b = append(b, tokenFormat)
	b = binary.BigEndian.AppendUint64(b, t.snapshot)
	b = binary.BigEndian.AppendUint32(b, t.query)
	b = binary.BigEndian.AppendUint64(b, uint64(t.total))
	b = binary.BigEndian.AppendUint64(b, uint64(t.key))
	b = binary.BigEndian.AppendUint64(b, uint64(t.id))
	return tokenText.EncodeToString(b)
}

func parseToken(s string) (token, bool) {
	if len(s) != tokenText.EncodedLen(tokenBytes) {
		return token{}, false
	}
	b, err := tokenText.AppendDecode(make([]byte, 0, tokenBytes), []byte(s))
	if err != nil || len(b) != tokenBytes || b[0] != tokenFormat {
		return token{}, false
	}
	return token{
		snapshot: binary.BigEndian.Uint64(b[1:]),
		query:    binary.BigEndian.Uint32(b[9:]),
		total:    int64(binary.BigEndian.Uint64(b[13:])),
		place:    place{int64(binary.BigEndian.Uint64(b[21:])), ident.RoomID(binary.BigEndian.Uint64(b[29:]))},
	}, true
}

// fingerprint tells questions apart.
func (q LiveQuery) fingerprint() uint32 {
	h := fnv.New32a()
	h.Write([]byte{byte(q.Sort)})
	h.Write(binary.BigEndian.AppendUint64(nil, uint64(q.Area)))
	h.Write([]byte(q.Tag))
	h.Write([]byte{0}) // neither a tag nor a language holds one
	h.Write([]byte(strings.ToLower(q.Language)))
	return h.Sum32()
}
