package queryapi

import (
	"strings"
	"time"
	"unicode/utf8"

	"github.com/greenroomlive/greenroom/internal/core/ident"
	"github.com/greenroomlive/greenroom/internal/flow/speak"
)

// maxPlainQuestion bounds the questions that the fast lane waits for. Longer ones are read like any body.
const maxPlainQuestion = 6 << 10

// readLength reads how long the question is; a body of anything else the server reads.
func (r *request) readLength(value []byte) bool {
	n, ok := number(value)
	r.length = int(min(n, maxPlainQuestion+1))
	return ok && r.asks && r.length <= maxPlainQuestion
}

// readQuestion takes the body that belongs to a head. It says what the request is, whose head alone is as is.
func (r *request) readQuestion(behind []byte, lengths int, is kind) kind {
	switch {
	case !r.asks:
		return is
	case lengths != 1:
		return oddHead
	case len(behind) < r.length:
		return partHead
	}
	r.question = behind[:r.length]
	r.size += r.length
	return is
}

// plainSpeak is plain for a question of who may speak: by somebody who is known, about a resident room.
func (s *HTTP) plainSpeak(sp *space, r *request) bool {
	room, _, ok := speakTarget(r.target)
	if !ok || s.Speech == nil || !s.Speech.Knows(token(r.authorization)) {
		return false
	}
	h, ok := s.residentHearing(room)
	if !ok {
		return false
	}
	q, ok := plainQuestion(string(r.question))
	if !ok || checkQuestion("", &q) != nil {
		return false
	}
	var space [512]byte // nearly every verdict fits, and is on the stack then
	answer := h.appendAnswer(space[:0], &q)
	b := s.date.append(append(sp.out, plainHeaders...), h.now)
	b = appendLength(append(b, "\r\nCache-Control: no-store"...), len(answer))
	sp.out = append(b, answer...)
	return true
}

// plainQuestion reads the JSON that nearly all chat systems send, letter by letter: one object with strings without escapes
// and with true or false, each field once, nothing between them but a space. Everything else is read as JSON is. The question
// keeps parts of the body.
func plainQuestion(body string) (q speak.Question, ok bool) {
	q, rest, ok := cutQuestion(body)
	return q, ok && len(rest) == 0
}

// plainQuestions reads as many as a batch may have, as plainQuestion reads one.
func plainQuestions(body string) (list []speak.Question, ok bool) {
	rest, ok := strings.CutPrefix(body, `{"questions":[`)
	if ok {
		list = make([]speak.Question, 0, min(strings.Count(rest, "{"), maxQuestions))
	}
	for ok && len(list) < maxQuestions {
		var q speak.Question
		if q, rest, ok = cutQuestion(rest); !ok {
			return list, false
		}
		list = append(list, q)
		if rest == "]}" {
			return list, true
		}
		if rest, ok = strings.CutPrefix(rest, ","); ok {
			rest = strings.TrimPrefix(rest, " ")
		}
	}
	return list, false
}

// cutQuestion reads a question off the front of b.
func cutQuestion(b string) (q speak.Question, rest string, ok bool) {
	rest, ok = strings.CutPrefix(b, "{")
	seen := 0
	for ok {
		var name, value string
		if name, rest, ok = plainString(rest); !ok {
			return q, rest, false
		}
		if rest, ok = strings.CutPrefix(rest, ":"); !ok {
			return q, rest, false
		}
		rest = strings.TrimPrefix(rest, " ")
		field := 0
		if value, rest, ok = plainString(rest); ok {
			field = plainText(&q, name, value)
		} else if value, rest, ok = plainFlag(rest); ok {
			field = plainSign(&q, name, value[0] == 't')
		}
		if field == 0 || seen&field != 0 {
			return q, rest, false
		}
		seen |= field
		var more bool
		if rest, more = strings.CutPrefix(rest, ","); !more {
			rest, ok = strings.CutPrefix(rest, "}")
			return q, rest, ok
		}
		rest = strings.TrimPrefix(rest, " ")
	}
	return q, rest, false
}

// plainString reads a string without escapes off the front of b. What is not one leaves b as it is.
func plainString(b string) (value, rest string, ok bool) {
	if len(b) == 0 || b[0] != '"' {
		return "", b, false
	}
	end := strings.IndexByte(b[1:], '"')
	if end < 0 {
		return "", b, false
	}
	value = b[1 : 1+end]
	for i := range len(value) {
		if value[i] < ' ' || value[i] == '\\' {
			return "", b, false
		}
	}
	return value, b[end+2:], utf8.ValidString(value)
}

// plainFlag reads true or false off the front of b.
func plainFlag(b string) (value, rest string, ok bool) {
	for _, word := range []string{"true", "false"} {
		if len(b) >= len(word) && b[:len(word)] == word {
			return b[:len(word)], b[len(word):], true
		}
	}
	return "", b, false
}

// plainText sets a field that is a string; 0 for one that is none, else its bit.
func plainText(q *speak.Question, name, value string) int {
	at := &q.Last
	bit := 4
	switch name {
	case "user_id":
		n, ok := number(value)
		q.User = ident.UserID(n)
		if !ok {
			return 0
		}
		return 1
	case "text":
		q.Text = value
		return 2
	case "account_created_at":
		at, bit = &q.AccountCreated, 8
	case "last_message_at":
	default:
		return 0
	}
	t, err := time.Parse(time.RFC3339, value)
	if err != nil {
		return 0
	}
	*at = t.UTC()
	return bit
}

// plainSign sets a field that is true or false; 0 for one that is none, else its bit.
func plainSign(q *speak.Question, name string, is bool) int {
	switch name {
	case "member":
		q.Member = is
		return 16
	case "only_emotes":
		q.OnlyEmotes = is
		return 32
	}
	return 0
}
