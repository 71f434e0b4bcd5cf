package wire_test

import (
	"bytes"
	"testing"

	"pgregory.net/rapid"

	"github.com/greenroomlive/greenroom/internal/core/view"
	"github.com/greenroomlive/greenroom/internal/wire"
)

// TestARecountedCardIsTheCardEncodedAnew: whatever stands in the card, and whatever was counted before.
func TestARecountedCardIsTheCardEncodedAnew(t *testing.T) {
	count := rapid.OneOf(rapid.Just(int64(0)), rapid.Int64Min(0))
	rapid.Check(t, func(t *rapid.T) {
		c := genCard().Draw(t, "card")
		json, answer := c.AppendJSON(nil), wire.AppendAnswer(nil, &c)
		c.Audience = view.Audience{Online: count.Draw(t, "online"), Peak: count.Draw(t, "peak"), Likes: count.Draw(t, "likes")}
		if got, want := view.AppendRecounted(nil, json, c.Audience), c.AppendJSON(nil); !bytes.Equal(got, want) {
			t.Errorf("the JSON is\n%s\nwant\n%s", got, want)
		}
		if got, want := wire.AppendRecounted(nil, answer, c.Audience), wire.AppendAnswer(nil, &c); !bytes.Equal(got, want) {
			t.Errorf("the answer is\n%x\nwant\n%x", got, want)
		}
	})
}

// A title may say what the members of a card are called.
func TestATitleIsNotTakenForTheAudience(t *testing.T) {
	c := view.RoomCard{ID: 1, Title: `,"audience":{"online":"9"}`, Version: 2}
	a := view.Audience{Online: 3}
	got := view.AppendRecounted(nil, c.AppendJSON(nil), a)
	if c.Audience = a; !bytes.Equal(got, c.AppendJSON(nil)) {
		t.Errorf("the JSON is %s", got)
	}
}
