package speak

import (
	"math/bits"
	"unicode/utf8"
)

// beginnings tell, before the automaton looks at each letter of a text, whether any of its words begins as a term does:
// hardly any text does. A term that begins with a letter of ASCII can only stand where a word begins (standsAlone), so
// that a look at the first letters of each word is enough.
type beginnings struct {
	// set is a Bloom filter with one hash: at 500 terms one word of fifty is looked at in vain.
	set [1 << 10]uint64
	// anywhere: a term begins with a sign, or in a script without spaces, and may stand in the midst of a word.
	anywhere bool
}

// looked are the lengths of the beginnings that are compared: of each term the longest that it has.
var looked = [...]int{4, 2, 1}

func beginningsOf(folded []string) *beginnings {
	b := &beginnings{}
	for _, term := range folded {
		if !wordBytes[term[0]] {
			b.anywhere = true
		}
		for _, n := range looked {
			if n <= len(term) {
				at, bit := place(term[:n])
				b.set[at] |= bit
				break
			}
		}
	}
	return b
}

// in reports whether a term may be in a folded text; without, none is.
func (b *beginnings) in(text string) bool {
	if b.anywhere {
		return true
	}
	within := false
	for i := range len(text) {
		// Behind a letter of another script a word may begin or go on; it is taken for a beginning.
		is := wordBytes[text[i]]
		if is && !within && b.at(text[i:]) {
			return true
		}
		within = is
	}
	return false
}

// at reports whether a term may begin where a text begins.
func (b *beginnings) at(text string) bool {
	for _, n := range looked {
		if n <= len(text) {
			if at, bit := place(text[:n]); b.set[at]&bit != 0 {
				return true
			}
		}
	}
	return false
}

func place(s string) (at int, bit uint64) {
	var n uint64
	for i := range len(s) {
		n = n<<8 | uint64(s[i])
	}
	h := bits.RotateLeft64(n*0x9e3779b97f4a7c15, 16)
	return int(h & 0x3ff), 1 << (h >> 10 & 63)
}

// wordBytes are the letters of ASCII that are part of a word, as inWord has them.
var wordBytes = func() (table [256]bool) {
	for c := range utf8.RuneSelf {
		table[c] = inWord(rune(c))
	}
	return table
}()
