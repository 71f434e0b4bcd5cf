package queryapi

import (
	"bytes"
	"time"
	"unicode/utf8"

	"github.com/greenroomlive/greenroom/internal/core/ident"
	"github.com/greenroomlive/greenroom/internal/flow/speak"
)

// plainQuestion reads the JSON that nearly all chat systems send, letter by letter: one object with strings without escapes
// and with true or false, each field once, nothing between them but a space. Everything else is read as JSON is.
func plainQuestion(body []byte) (q speak.Question, ok bool) {
	rest, ok := bytes.CutPrefix(body, []byte{'{'})
	seen := 0
	for ok {
		var name, value []byte
		if name, rest, ok = plainString(rest); !ok {
			return q, false
		}
		if rest, ok = bytes.CutPrefix(rest, []byte{':'}); !ok {
			return q, false
		}
		rest = bytes.TrimPrefix(rest, []byte{' '})
		field := 0
		if value, rest, ok = plainString(rest); ok {
			field = plainText(&q, name, value)
		} else if value, rest, ok = plainFlag(rest); ok {
			field = plainSign(&q, name, value[0] == 't')
		}
		if field == 0 || seen&field != 0 {
			return q, false
		}
		seen |= field
		var more bool
		if rest, more = bytes.CutPrefix(rest, []byte{','}); !more {
			return q, len(rest) == 1 && rest[0] == '}'
		}
		rest = bytes.TrimPrefix(rest, []byte{' '})
	}
	return q, false
}

// plainString reads a string without escapes off the front of b. What is not one leaves b as it is.
func plainString(b []byte) (value, rest []byte, ok bool) {
	if len(b) == 0 || b[0] != '"' {
		return nil, b, false
	}
	end := bytes.IndexByte(b[1:], '"')
	if end < 0 {
		return nil, b, false
	}
	value = b[1 : 1+end]
	for _, c := range value {
		if c < ' ' || c == '\\' {
			return nil, b, false
		}
	}
	return value, b[end+2:], utf8.Valid(value)
}

// plainFlag reads true or false off the front of b.
func plainFlag(b []byte) (value, rest []byte, ok bool) {
	for _, word := range []string{"true", "false"} {
		if len(b) >= len(word) && string(b[:len(word)]) == word {
			return b[:len(word)], b[len(word):], true
		}
	}
	return nil, b, false
}

// plainText sets a field that is a string; 0 for one that is none, else its bit.
func plainText(q *speak.Question, name, value []byte) int {
	at := &q.Last
	bit := 4
	switch string(name) {
	case "user_id":
		n, ok := number(value)
		q.User = ident.UserID(n)
		if !ok {
			return 0
		}
		return 1
	case "text":
		q.Text = string(value)
		return 2
	case "account_created_at":
		at, bit = &q.AccountCreated, 8
	case "last_message_at":
	default:
		return 0
	}
	t, err := time.Parse(time.RFC3339, string(value))
	if err != nil {
		return 0
	}
	*at = t.UTC()
	return bit
}

// plainSign sets a field that is true or false; 0 for one that is none, else its bit.
func plainSign(q *speak.Question, name []byte, is bool) int {
	switch string(name) {
	case "member":
		q.Member = is
		return 16
	case "only_emotes":
		q.OnlyEmotes = is
		return 32
	}
	return 0
}
