package proof

import (
	"bytes"
	"errors"
	"strconv"
)

// card is what a reader takes out of a card's JSON.
type card struct {
	id, epoch, version int64
	title, status      []byte
}

// Where the parts of a card begin, in their order.
var (
	markID      = []byte(`{"id":"`)
	markTitle   = []byte(`,"title":"`)
	markStatus  = []byte(`,"live":{"status":"`)
	markEpoch   = []byte(`,"epoch":"`)
	markVersion = []byte(`},"version":"`)
	markUpdated = []byte(`,"updated_at":`)
)

var errCard = errors.New("this is no card")

// scanner reads cards without decoding them: that would cost more than answering them. The rooms of a check
// look alike, so that a part is mostly where it was in the card before; else it is searched for.
type scanner struct {
	at [4]int // how far behind the part before it each part was
}

// scan reads the card that b begins with, and returns its size.
func (s *scanner) scan(b []byte, c *card) (size int, err error) {
	if !bytes.HasPrefix(b, markID) {
		return 0, errCard
	}
	pos := len(markID)
	if c.id, pos, err = digitsAt(b, pos); err != nil {
		return 0, err
	}
	if c.title, pos, err = s.text(b, pos, 0, markTitle); err != nil {
		return 0, err
	}
	if c.status, pos, err = s.text(b, pos, 1, markStatus); err != nil {
		return 0, err
	}
	if pos, err = s.seek(b, pos, 2, markEpoch); err != nil {
		return 0, err
	}
	if c.epoch, pos, err = digitsAt(b, pos); err != nil {
		return 0, err
	}
	if pos, err = s.seek(b, pos, 3, markVersion); err != nil {
		return 0, err
	}
	if c.version, pos, err = digitsAt(b, pos); err != nil {
		return 0, err
	}
	if !bytes.HasPrefix(b[pos:], markUpdated) {
		return 0, errCard
	}
	end := bytes.IndexByte(b[pos:], '}')
	if end < 0 {
		return 0, errCard
	}
	return pos + end + 1, nil
}

// seek finds a mark at or behind pos, and returns where it ends.
func (s *scanner) seek(b []byte, pos, part int, mark []byte) (int, error) {
	if at := pos + s.at[part]; at <= len(b) && bytes.HasPrefix(b[at:], mark) {
		return at + len(mark), nil
	}
	at := bytes.Index(b[pos:], mark)
	if at < 0 {
		return 0, errCard
	}
	s.at[part] = at
	return pos + at + len(mark), nil
}

// text reads the string behind a mark. None of the checker's strings has anything escaped.
func (s *scanner) text(b []byte, pos, part int, mark []byte) ([]byte, int, error) {
	pos, err := s.seek(b, pos, part, mark)
	if err != nil {
		return nil, 0, err
	}
	end := bytes.IndexByte(b[pos:], '"')
	if end < 0 {
		return nil, 0, errCard
	}
	return b[pos : pos+end], pos + end, nil
}

// digitsAt reads a number and the quote behind it.
func digitsAt(b []byte, pos int) (n int64, end int, err error) {
	for i := pos; i < len(b) && i < pos+20; i++ {
		c := b[i] - '0'
		if c > 9 {
			if b[i] == '"' && i > pos {
				return n, i + 1, nil
			}
			break
		}
		n = n*10 + int64(c)
	}
	return 0, 0, errCard
}

// fits reports whether the card shows the state of its version.
func (c *card) fits(k Kind, space []byte) bool {
	want := k.At(c.version)
	status := "IDLE"
	if want.Live {
		status = "LIVE"
	}
	return string(c.status) == status && c.epoch == want.Epoch && bytes.Equal(c.title, AppendTitle(space[:0], want.Titled))
}

// number reads a decimal; 0, which no version is, when it is none.
func number(b []byte) int64 {
	n, err := strconv.ParseInt(string(b), 10, 64)
	if err != nil {
		return 0
	}
	return n
}
