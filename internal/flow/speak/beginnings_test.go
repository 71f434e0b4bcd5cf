package speak

import (
	"testing"

	"pgregory.net/rapid"

	"github.com/greenroomlive/greenroom/internal/core/view"
)

// The look at the beginnings of words hides no term from the automaton.
func TestNoTermIsOverlooked(t *testing.T) {
	letters := rapid.SampledFrom([]rune("aabbcdA1_ -.,@éß傻のﬁ\u200b"))
	found := 0
	rapid.Check(t, func(t *rapid.T) {
		terms := rapid.SliceOfN(rapid.StringOfN(letters, 1, 6, -1), 1, 3).Draw(t, "terms")
		text := rapid.StringOfN(letters, 0, 30, -1).Draw(t, "text")
		if rapid.Bool().Draw(t, "with a term") {
			text += rapid.SampledFrom([]string{" ", "a", "é", ""}).Draw(t, "before") + terms[0]
		}
		quick, err := compile(&view.Rules{BlockedTerms: terms})
		if err != nil || quick == nil || quick.terms == nil {
			t.Skip("terms of nothing")
		}
		slow := *quick
		slow.begins = &beginnings{anywhere: true}
		if quick.blocks(text) != slow.blocks(text) {
			t.Fatalf("%q of %q: %v, want %v", text, terms, quick.blocks(text), slow.blocks(text))
		}
		if slow.blocks(text) {
			found++
		}
	})
	if found == 0 {
		t.Error("no text had a term")
	}
}

func TestUsualTextsNeedNoAutomaton(t *testing.T) {
	b, err := compile(&view.Rules{BlockedTerms: []string{"spoiler", "cheap followers", "ass"}})
	if err != nil {
		t.Fatal(err)
	}
	for text, want := range map[string]bool{"what a game, they will win": false, "first class": false, "no spoiler": true, "an asset": true, "": false} {
		if b.begins.in(text) != want {
			t.Errorf("%q: %v", text, !want)
		}
	}
}
