package rediscache

import (
	"bytes"
	"testing"

	"github.com/greenroomlive/greenroom/internal/adapter/adaptertest/l2test"
)

// Whatever lies in Redis: decode takes only what encode made.
func FuzzDecode(f *testing.F) {
	whole := encode(l2test.Kept(1, 5, 0))
	f.Add(whole)
	f.Add(whole[:headBytes])
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, b []byte) {
		k, err := decode(1, b)
		if err != nil {
			return
		}
		if k.ID != 1 || !bytes.Equal(encode(k)[:comparedBytes], b[:comparedBytes]) {
			t.Errorf("room %s, version %d", k.ID, k.Version)
		}
	})
}
