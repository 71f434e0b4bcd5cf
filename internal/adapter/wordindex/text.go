package wordindex

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

// word is one word of a text, folded. In scripts that are written without spaces it is a pair of neighbouring
// characters, or the only one of a run that has no neighbour.
type word struct {
	text string
	// unspaced: of such a script.
	unspaced bool
	// ends is the last character of a run of pairs. Rooms are filed under it too, as under the other characters
	// by the pairs that begin with them: so a search for one character is a search for a prefix.
	ends string
}

// words splits a text. Each emoji is a word, for titles are full of them; other signs only separate.
func words(text string) []word {
	var out []word
	text = fold(text)
	for i := 0; i < len(text); {
		r, size := utf8.DecodeRuneInString(text[i:])
		end := i + size
		switch {
		case unspaced(r):
			end = spanOf(text, i, unspaced)
			out = appendPairs(out, text[i:end])
		case spaced(r):
			end = spanOf(text, i, spaced)
			out = append(out, word{text: text[i:end]})
		case unicode.Is(unicode.So, r):
			out = append(out, word{text: text[i:end]})
		}
		i = end
	}
	return out
}

// spanOf is where the run of runes of a kind that begins at from ends.
func spanOf(text string, from int, kind func(rune) bool) int {
	n := strings.IndexFunc(text[from:], func(r rune) bool { return !kind(r) })
	if n < 0 {
		return len(text)
	}
	return from + n
}

// appendPairs appends the pairs of neighbours of a run.
func appendPairs(out []word, run string) []word {
	_, first := utf8.DecodeRuneInString(run)
	if first == len(run) {
		return append(out, word{text: run, unspaced: true})
	}
	for i := 0; ; {
		_, size := utf8.DecodeRuneInString(run[i:])
		_, next := utf8.DecodeRuneInString(run[i+size:])
		pair := word{text: run[i : i+size+next], unspaced: true}
		i += size
		if i+next == len(run) {
			pair.ends = run[i:]
			return append(out, pair)
		}
		out = append(out, pair)
	}
}

// unspaced reports runes of scripts whose words no space divides. Korean has spaces, but its particles stick to
// the words, so that pairs find more. The prolonged sound mark belongs to no script and stands in Katakana words.
func unspaced(r rune) bool {
	return r >= 0x0E00 && (r == 'ー' || unicode.In(r, unicode.Han, unicode.Hiragana, unicode.Katakana, unicode.Hangul, unicode.Thai, unicode.Lao, unicode.Khmer, unicode.Myanmar))
}

func spaced(r rune) bool {
	return (unicode.IsLetter(r) || unicode.IsNumber(r) || unicode.IsMark(r)) && !unspaced(r)
}

// fold makes the same of what readers take for the same: case, width, accents, ligatures, vowel signs of Arabic
// and Hebrew. It keeps marks that make another letter, as in Japanese and in the scripts of India.
func fold(text string) string {
	var b strings.Builder
	b.Grow(len(text))
	for _, r := range norm.NFKD.String(text) {
		r = unicode.ToLower(r)
		if !dropped(r) {
			writePlain(&b, r)
		}
	}
	return norm.NFC.String(b.String())
}

// dropped are runes without which a word is still the same word.
func dropped(r rune) bool {
	switch {
	case r < 0x80:
		return r == '\''
	case r >= 0x0300 && r <= 0x036F, // accents
		r >= 0x0591 && r <= 0x05BD, r == 0x05BF, r == 0x05C1, r == 0x05C2, // points of Hebrew
		r == 0x0640, r >= 0x064B && r <= 0x065F, r == 0x0670: // tatweel and vowel signs of Arabic
		return true
	case r == '’', r == 'ʼ': // apostrophes
		return true
	case r >= 0xFE00 && r <= 0xFE0F, r >= 0x1F3FB && r <= 0x1F3FF: // how an emoji is drawn
		return true
	}
	return unicode.Is(unicode.Cf, r) // joiners and marks of direction
}

// writePlain writes letters that no decomposition of Unicode makes plain.
func writePlain(b *strings.Builder, r rune) {
	switch r {
	case 'ß':
		b.WriteString("ss")
	case 'æ':
		b.WriteString("ae")
	case 'œ':
		b.WriteString("oe")
	case 'þ':
		b.WriteString("th")
	case 'ø':
		b.WriteByte('o')
	case 'ł':
		b.WriteByte('l')
	case 'đ', 'ð':
		b.WriteByte('d')
	case 'ı':
		b.WriteByte('i')
	case 'ς':
		b.WriteRune('σ')
	case 'ى': // alef maksura
		b.WriteRune('ي')
	case 'ة': // ta marbuta
		b.WriteRune('ه')
	default:
		b.WriteRune(r)
	}
}
