package wire_test

import (
	"testing"
	"time"

	"github.com/greenroomlive/greenroom/internal/core/event"
	"github.com/greenroomlive/greenroom/internal/wire"
)

func TestABeatSurvivesTheWire(t *testing.T) {
	want := event.Beat{Epoch: "e", Seq: 1<<53 + 1, At: time.Unix(1_790_000_000, 123_456_789).UTC()}
	raw, err := wire.MarshalBeat(want)
	if err != nil {
		t.Fatal(err)
	}
	if got, err := wire.UnmarshalBeat(raw); err != nil || got != want {
		t.Errorf("%s: %+v, %v", raw, got, err)
	}
}

func TestABeatThatPromisesNothingIsRefused(t *testing.T) {
	for _, raw := range []string{
		``, `{}`, `[]`, `{"epoch":"e","feed_seq":"1"}`, `{"epoch":"e","feed_seq":"-1","at":"2026-11-22T12:00:00Z"}`,
		`{"epoch":"","feed_seq":"1","at":"2026-11-22T12:00:00Z"}`, `{"epoch":"e","feed_seq":1,"at":"2026-11-22T12:00:00Z"}`,
	} {
		if b, err := wire.UnmarshalBeat([]byte(raw)); err == nil {
			t.Errorf("%s was taken as %+v", raw, b)
		}
	}
}
