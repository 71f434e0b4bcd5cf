package search

import (
	"encoding/base64"
	"encoding/binary"
	"hash/fnv"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/greenroomlive/greenroom/internal/core/fault"
	"github.com/greenroomlive/greenroom/internal/core/ident"
)

// Bounds of a question.
const (
	DefaultPage = 20
	MaxPage     = 100
	// MaxDepth is how many of the best rooms can be paged through. Whoever wants more of them wants other words,
	// or a crawl of the live list, which pins a snapshot.
	MaxDepth = 1000
	// MaxText is in characters: the longest title a room may have fits.
	MaxText = 120
	// MaxTerms bounds the work of a question.
	MaxTerms = 12
	// maxLanguage is the longest tag BCP 47 asks software to take.
	maxLanguage = 35
)

// Question asks for a page of the rooms that match.
type Question struct {
	// Text is what somebody typed: words, all of which a room must have, the last one perhaps unfinished. #word
	// is looked for in tags only, @id is an anchor.
	Text string
	Live bool
	// Area takes the rooms filed under it and under all that is below it; 0: all.
	Area ident.AreaID
	// Language is a BCP 47 tag and takes what it begins: "zh" takes "zh-Hans"; "": all.
	Language string
	// PageSize is 1 to MaxPage; 0 is DefaultPage.
	PageSize  int
	PageToken string
}

// read checks a question. INVALID_ARGUMENT names the field that is wrong.
func (q *Question) read() (m Match, size, offset int, err error) {
	if size = q.PageSize; size == 0 {
		size = DefaultPage
	}
	if size < 1 || size > MaxPage {
		return m, 0, 0, invalid("page_size", "page_size is 1 to %d", MaxPage)
	}
	if q.Area < 0 {
		return m, 0, 0, invalid("area", "area is a number, not negative")
	}
	if len(q.Language) > maxLanguage {
		return m, 0, 0, invalid("language", "language is at most %d characters", maxLanguage)
	}
	m = Match{Live: q.Live, Language: q.Language}
	if m.Terms, err = terms(q.Text); err != nil {
		return m, 0, 0, err
	}
	if q.PageToken != "" {
		if offset, err = q.offset(); err != nil {
			return m, 0, 0, err
		}
	}
	return m, size, offset, nil
}

// terms reads what somebody typed.
func terms(text string) ([]Term, error) {
	if !utf8.ValidString(text) {
		return nil, invalid("q", "q is not UTF-8")
	}
	if n := utf8.RuneCountInString(text); n > MaxText {
		return nil, invalid("q", "q has %d characters, at most %d", n, MaxText)
	}
	var list []Term
	for word := range strings.FieldsSeq(text) {
		t := Term{Text: word}
		if rest, tag := strings.CutPrefix(word, "#"); tag {
			t = Term{Text: rest, Field: InTag}
		} else if id, anchor := strings.CutPrefix(word, "@"); anchor && digits(id) {
			t = Term{Text: id, Field: OfAnchor}
		}
		if strings.IndexFunc(t.Text, meaningful) >= 0 {
			list = append(list, t)
		}
	}
	switch n := len(list); {
	case n == 0:
		return nil, invalid("q", "q has no word to look for")
	case n > MaxTerms:
		return nil, invalid("q", "q has %d words, at most %d", n, MaxTerms)
	default:
		list[n-1].Prefix = true
		return list, nil
	}
}

// meaningful runes make a word; others only stand between words.
func meaningful(r rune) bool {
	return unicode.IsLetter(r) || unicode.IsNumber(r) || unicode.Is(unicode.So, r)
}

func digits(s string) bool {
	return s != "" && strings.IndexFunc(s, func(r rune) bool { return r < '0' || r > '9' }) < 0
}

// A page token is an offset into the ranking as it is when the page is asked for, with the fingerprint of the
// question, so that it does not answer another one. It holds nothing on the server. The ranking moves with
// audiences: a room that overtakes others between two pages may be shown twice or not at all.
const (
	tokenFormat = 1
	tokenBytes  = 1 + 4 + 2
)

// Strict refuses trailing bits, so that a place has one spelling.
var tokenText = base64.RawURLEncoding.Strict()

func (q *Question) token(offset int) string {
	b := make([]byte, 0, tokenBytes)
	b = append(b, tokenFormat)
	b = binary.BigEndian.AppendUint32(b, q.fingerprint())
	b = binary.BigEndian.AppendUint16(b, uint16(offset))
	return tokenText.EncodeToString(b)
}

func (q *Question) offset() (int, error) {
	b, err := tokenText.DecodeString(q.PageToken)
	if err != nil || len(b) != tokenBytes || b[0] != tokenFormat {
		return 0, invalid("page_token", "page_token is not one of ours")
	}
	if binary.BigEndian.Uint32(b[1:]) != q.fingerprint() {
		return 0, invalid("page_token", "page_token belongs to another question")
	}
	return int(binary.BigEndian.Uint16(b[5:])), nil
}

// fingerprint tells questions apart.
func (q *Question) fingerprint() uint32 {
	h := fnv.New32a()
	h.Write(binary.BigEndian.AppendUint64(nil, uint64(q.Area)))
	live := byte(0)
	if q.Live {
		live = 1
	}
	h.Write([]byte{live, byte(len(q.Language))})
	h.Write([]byte(q.Language))
	h.Write([]byte(q.Text))
	return h.Sum32()
}

func invalid(field, format string, args ...any) error {
	return fault.InvalidArgument.New(format, args...).With("field", field)
}
