package speak

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/net/publicsuffix"
	"golang.org/x/text/unicode/norm"
)

// MaxText bounds the text of a question, in bytes.
const MaxText = 4096

// fold makes texts equal that look alike: Unicode's compatibility form (full-width letters, ligatures), small letters,
// and nothing that cannot be seen. Terms and texts go through the same.
func fold(s string) string {
	if isASCII(s) {
		return strings.ToLower(s)
	}
	return strings.Map(func(r rune) rune {
		if unicode.Is(unicode.Cf, r) { // zero-width signs, which hide a word from a search
			return -1
		}
		return unicode.ToLower(r)
	}, norm.NFKC.String(s))
}

func isASCII(s string) bool {
	for i := range len(s) {
		if s[i] >= utf8.RuneSelf {
			return false
		}
	}
	return true
}

// hasLink reports whether a text holds an address of the web: with a scheme, or a name that ends in a public suffix such as
// "co.uk" and has something before it.
func hasLink(s string) bool {
	if strings.Contains(s, "://") {
		return true
	}
	if !strings.ContainsAny(s, ".。．｡") {
		return false
	}
	s = strings.NewReplacer("。", ".", "｡", ".").Replace(fold(s))
	for _, word := range strings.FieldsFunc(s, func(r rune) bool { return !inWord(r) && r != '.' && r != '-' && !unicode.IsLetter(r) }) {
		word = strings.Trim(word, ".-")
		if !strings.Contains(word, ".") || strings.Contains(word, "..") {
			continue
		}
		suffix, official := publicsuffix.PublicSuffix(word)
		if listed := official || strings.Contains(suffix, "."); listed && len(word) > len(suffix)+1 {
			return true
		}
	}
	return false
}

// onlyEmoji reports whether a text consists of emoji, and spaces between them.
func onlyEmoji(s string) bool {
	any := false
	for _, r := range s {
		switch {
		case unicode.IsSpace(r), r == 0x200d, r == 0xfe0f, r >= 0x1f3fb && r <= 0x1f3ff: // joiner, variation, skin
		case unicode.Is(unicode.So, r), r >= 0xe0020 && r <= 0xe007f: // a flag's letters
			any = true
		default:
			return false
		}
	}
	return any
}
