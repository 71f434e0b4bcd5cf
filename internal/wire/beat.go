package wire

import (
	"encoding/json"
	"fmt"
	"time"

	"github.com/greenroomlive/greenroom/internal/core/event"
	"github.com/greenroomlive/greenroom/internal/core/ident"
)

// beat is a Beat on the broker, named like the fields of an event.
type beat struct {
	Epoch string        `json:"epoch"`
	Seq   ident.FeedSeq `json:"feed_seq,string"`
	At    time.Time     `json:"at"`
}

// MarshalBeat encodes a beat for the broker. Its time must be of a year below 10000.
func MarshalBeat(b event.Beat) ([]byte, error) {
	return json.Marshal(beat{b.Epoch, b.Seq, b.At.UTC()})
}

// UnmarshalBeat is the reverse of MarshalBeat. What promises nothing is refused.
func UnmarshalBeat(raw []byte) (event.Beat, error) {
	var b beat
	if err := json.Unmarshal(raw, &b); err != nil {
		return event.Beat{}, fmt.Errorf("wire: beat: %w", err)
	}
	if b.Epoch == "" || b.Seq < 0 || b.At.IsZero() {
		return event.Beat{}, fmt.Errorf("wire: beat of log %q at %d, %s, is none", b.Epoch, b.Seq, b.At)
	}
	return event.Beat{Epoch: b.Epoch, Seq: b.Seq, At: b.At}, nil
}
