package audit

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// Hash is an entry's, and with it that of all before it.
type Hash [sha256.Size]byte

// Mark is a place in the chain: behind the entry Seq, whose hash is Hash. The zero Mark is before the first. Noted down
// elsewhere it is the anchor that shows whether anything up to there was touched later.
type Mark struct {
	Seq  int64
	Hash Hash
}

// String is SEQ:HASH.
func (m Mark) String() string {
	return strconv.FormatInt(m.Seq, 10) + ":" + hex.EncodeToString(m.Hash[:])
}

// ParseMark reads SEQ:HASH.
func ParseMark(s string) (Mark, error) {
	number, text, _ := strings.Cut(s, ":")
	seq, err := strconv.ParseInt(number, 10, 64)
	hash, ok := parseHash([]byte(text))
	if err != nil || seq < 0 || !ok {
		return Mark{}, errors.New("audit: an anchor is SEQ:HASH, a number and 64 hex digits")
	}
	return Mark{seq, hash}, nil
}

// Page is a piece of the log, as stores keep it: lines that follow each other, each with its end.
type Page struct {
	// Last is the place behind the page's last line.
	Last Mark
	// Earliest and Latest are the times of its entries. They follow each other almost, not quite: a command's time is
	// that of its beginning.
	Earliest, Latest time.Time
	Lines            []byte
}

// Append puts the entry behind the page's last line. The page starts at any Mark: Page{Last: head}.
func (p *Page) Append(entry []byte, at time.Time) {
	p.Last = p.Last.next(entry)
	if p.Earliest.IsZero() || at.Before(p.Earliest) {
		p.Earliest = at
	}
	if at.After(p.Latest) {
		p.Latest = at
	}
	p.Lines = strconv.AppendInt(append(p.Lines, lineSeq...), p.Last.Seq, 10)
	p.Lines = hex.AppendEncode(append(p.Lines, lineHash...), p.Last.Hash[:])
	p.Lines = append(append(p.Lines, lineEntry...), entry...)
	p.Lines = append(p.Lines, lineEnd...)
}

// The four pieces around what a line holds. A line is read by them and not as any JSON: what is hashed are bytes.
const (
	lineSeq   = `{"seq":"`
	lineHash  = `","hash":"`
	lineEntry = `","entry":`
	lineEnd   = "}\n"
)

// next is the place behind an entry that follows m.
func (m Mark) next(entry []byte) Mark {
	var room [1024]byte // holds almost every entry without an allocation
	return Mark{m.Seq + 1, sha256.Sum256(append(append(room[:0], m.Hash[:]...), entry...))}
}

// Line is one line of the log, taken apart.
type Line struct {
	Mark
	// Entry is its JSON, as it was hashed.
	Entry []byte
}

// Decode reads the entry.
func (l Line) Decode() (e Entry, err error) {
	return e, json.Unmarshal(l.Entry, &e)
}

// ParseLine takes a line apart, without its end. It says nothing of whether the hash is right.
func ParseLine(text []byte) (Line, error) {
	rest, ok1 := bytes.CutPrefix(text, []byte(lineSeq))
	number, rest, ok2 := bytes.Cut(rest, []byte(lineHash))
	digits, rest, ok3 := bytes.Cut(rest, []byte(lineEntry))
	entry, ok4 := bytes.CutSuffix(rest, []byte(lineEnd[:1]))
	seq, err := strconv.ParseInt(string(number), 10, 64)
	hash, ok5 := parseHash(digits)
	if !ok1 || !ok2 || !ok3 || !ok4 || !ok5 || err != nil {
		return Line{}, errors.New("audit: no line of an audit log")
	}
	return Line{Mark{seq, hash}, entry}, nil
}

func parseHash(digits []byte) (h Hash, ok bool) {
	if len(digits) != hex.EncodedLen(len(h)) {
		return h, false
	}
	_, err := hex.Decode(h[:], digits)
	return h, err == nil
}

// Damage is where a chain first differs from what was written.
type Damage struct {
	// Seq is the entry that should stand there.
	Seq int64
	// What is wrong, as a sentence.
	What string
}

func (d *Damage) Error() string { return fmt.Sprintf("audit: damage at entry %d: %s", d.Seq, d.What) }

// Follow checks that the line stands right behind m, and moves m there. What it returns else is a *Damage, and m stays.
func (m *Mark) Follow(text []byte) error {
	want := m.Seq + 1
	l, err := ParseLine(text)
	if err != nil {
		return &Damage{want, "its line cannot be read"}
	}
	if l.Seq != want {
		return &Damage{want, fmt.Sprintf("entry %d stands in its place", l.Seq)}
	}
	next := m.next(l.Entry)
	if next.Hash != l.Hash {
		return &Damage{want, "it is not what was written there, or does not follow what stands before it"}
	}
	*m = next
	return nil
}

// Verification reads a chain from its beginning, line by line, and compares it with what was noted before.
type Verification struct {
	// At is how far the chain was found whole.
	At Mark
	// Expect is an anchor; the zero Mark expects nothing.
	Expect Mark
}

// Line takes the next line, without its end; a *Damage where the chain is broken. Nothing behind that is to be read.
func (v *Verification) Line(text []byte) error {
	if err := v.At.Follow(text); err != nil {
		return err
	}
	if v.At.Seq == v.Expect.Seq && v.At != v.Expect {
		return &Damage{v.At.Seq, "the chain is whole, but another than the anchor's: it was written anew"}
	}
	return nil
}

// End says that there are no more lines; a *Damage when the anchor was not reached.
func (v *Verification) End() error {
	if v.At.Seq < v.Expect.Seq {
		return &Damage{v.At.Seq + 1, fmt.Sprintf("the log ends before it; the anchor stands at %d", v.Expect.Seq)}
	}
	return nil
}
