package query

import "testing"

// A token has one spelling: whatever is read as one is written as it was.
func FuzzToken(f *testing.F) {
	f.Add(token{1, 2, 5, place{-3, 4}}.String())
	f.Add("")
	f.Add("AQ")
	f.Fuzz(func(t *testing.T, s string) {
		if parsed, ok := parseToken(s); ok && parsed.String() != s {
			t.Errorf("%q reads as %+v, which is written %q", s, parsed, parsed.String())
		}
	})
}

func TestATokenSurvivesItsText(t *testing.T) {
	for _, want := range []token{{}, {^uint64(0), ^uint32(0), -1, place{-1, 1 << 62}}} {
		if got, ok := parseToken(want.String()); !ok || got != want {
			t.Errorf("%+v came back as %+v, %v", want, got, ok)
		}
	}
}
