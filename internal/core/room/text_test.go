package room

import (
	"errors"
	"testing"

	"github.com/greenroomlive/greenroom/internal/core/fault"
)

func TestWhatAnAnchorMayWrite(t *testing.T) {
	for _, c := range []struct {
		name string
		is   Description
		good bool
	}{
		{"a joined emoji", Description{Title: "👩‍🚀 live"}, true},
		{"a mark of direction", Description{Title: "שלום\u200f!"}, true},
		{"an override", Description{Title: "invoice\u202egpj"}, false},
		{"an isolate in a tag", Description{Title: "A", Tags: []string{"a\u2066b"}}, false},
		{"an embedding in an address", Description{Title: "A", CoverURL: "https://example.com/\u202a"}, false},
		{"a language", Description{Title: "A", Language: "zh-Hans"}, true},
		{"no language", Description{Title: "A"}, true},
		{"markup as a language", Description{Title: "A", Language: `"><img src=x>`}, false},
		{"a language in other letters", Description{Title: "A", Language: "日本"}, false},
		{"a long language", Description{Title: "A", Language: "abcdefghijklmnopqrstuvwxyz-0123456789"}, false},
	} {
		err := c.is.check()
		if (err == nil) != c.good || (err != nil && !errors.Is(err, fault.InvalidArgument)) {
			t.Errorf("%s: %v", c.name, err)
		}
	}
}
