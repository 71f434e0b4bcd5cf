package audit

import (
	"encoding/json"
	"errors"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/greenroomlive/greenroom/internal/core/ident"
	"github.com/greenroomlive/greenroom/internal/core/view"
)

// Deed is who asked for a command, and from where.
type Deed struct {
	// Actor is the caller's subject, Scope the rights it came with, separated by spaces.
	Actor, Scope string
	// Door is where it came in, "clock" for what time alone did; From is the client's address there.
	Door, From string
	// Cause is the command's id, which its events carry too.
	Cause string
}

// Change is one column of one row that a command left different. Values are text; empty for none.
type Change struct {
	// Column is entity.column of the ownership table.
	Column string `json:"column"`
	// Row is the id of the session, the key or the area; empty for the entry's room itself.
	Row    string `json:"row,omitempty"`
	Before string `json:"before"`
	After  string `json:"after"`
}

// Entry is one command that changed something.
type Entry struct {
	At time.Time
	Deed
	Command string
	// Room is 0 for what belongs to no room.
	Room    ident.RoomID
	Reason  string
	Changes []Change
}

// Bounds in bytes. They are beyond everything that the doors and core/room let through, but for values that media
// servers choose.
const (
	maxWord  = 256
	maxText  = 2 << 10
	maxValue = 512 << 10
)

// AppendJSON appends the entry's JSON object: one encoder and one order, so that it can be hashed.
func (e *Entry) AppendJSON(b []byte) []byte {
	str := func(key, s string, limit int) {
		b = view.AppendString(append(b, key...), Shown(s, limit))
	}
	b = view.AppendTime(append(b, `{"at":`...), e.At)
	str(`,"actor":`, e.Actor, maxWord)
	str(`,"scope":`, e.Scope, maxWord)
	str(`,"command":`, e.Command, maxWord)
	b = append(strconv.AppendInt(append(b, `,"room_id":"`...), int64(e.Room), 10), '"')
	str(`,"reason":`, e.Reason, maxText)
	str(`,"door":`, e.Door, maxWord)
	str(`,"from":`, e.From, maxWord)
	str(`,"cause":`, e.Cause, maxWord)
	b = append(b, `,"changes":[`...)
	for i := range e.Changes {
		c := &e.Changes[i]
		if i > 0 {
			b = append(b, ',')
		}
		str(`{"column":`, c.Column, maxWord)
		if c.Row != "" {
			str(`,"row":`, c.Row, maxWord)
		}
		str(`,"before":`, c.Before, maxValue)
		str(`,"after":`, c.After, maxValue)
		b = append(b, '}')
	}
	return append(b, "]}"...)
}

// UnmarshalJSON reads what AppendJSON wrote.
func (e *Entry) UnmarshalJSON(b []byte) error {
	var raw struct {
		At                                               time.Time
		Actor, Scope, Command, Reason, Door, From, Cause string
		Room                                             string `json:"room_id"`
		Changes                                          []Change
	}
	if err := json.Unmarshal(b, &raw); err != nil {
		return err
	}
	id, err := strconv.ParseInt(raw.Room, 10, 64)
	if err != nil {
		return errors.New("audit: room_id is no number")
	}
	*e = Entry{At: raw.At, Deed: Deed{raw.Actor, raw.Scope, raw.Door, raw.From, raw.Cause},
		Command: raw.Command, Room: ident.RoomID(id), Reason: raw.Reason, Changes: raw.Changes}
	return nil
}

// Shown is s as an entry keeps it, at most limit bytes and a word that says how many there were. What cannot be shown
// as it is, as a line's end or what turns the direction of text, is written out: who chose such an actor forges no
// line, in a terminal or anywhere else.
func Shown(s string, limit int) string {
	if len(s) > limit {
		cut := limit
		for !utf8.RuneStart(s[cut]) && cut > limit-utf8.UTFMax {
			cut--
		}
		s = s[:cut] + "… (" + strconv.Itoa(len(s)) + " bytes)"
	}
	if plain(s) {
		return s
	}
	var out strings.Builder
	for i, r := range s {
		switch _, n := utf8.DecodeRuneInString(s[i:]); {
		case r == utf8.RuneError && n == 1:
			out.WriteString(`\x` + strconv.FormatUint(uint64(s[i]), 16))
		case hidden(r):
			out.WriteString(`\u{` + strconv.FormatInt(int64(r), 16) + `}`)
		default:
			out.WriteRune(r)
		}
	}
	return out.String()
}

// plain is the common case: nothing but visible ASCII.
func plain(s string) bool {
	for i := range len(s) {
		if s[i] < ' ' || s[i] >= 0x7f {
			return false
		}
	}
	return true
}

// hidden knows the control characters, the ends of lines and paragraphs, and what turns the direction of text.
func hidden(r rune) bool {
	return r < ' ' || (r >= 0x7f && r < 0xa0) || (r >= 0x2028 && r <= 0x202e) || (r >= 0x2066 && r <= 0x2069)
}
