package audience

import (
	"fmt"
	"math"
	"slices"
	"testing"

	"github.com/cespare/xxhash/v2"
)

func hashes(from, to int) []uint64 {
	out := make([]uint64, 0, to-from)
	for i := from; i < to; i++ {
		out = append(out, xxhash.Sum64String(fmt.Sprint("viewer-", i)))
	}
	return out
}

// Four nodes count, each with half of its neighbour's viewers, and merge what they tell each other.
func TestTheErrorOfMergedUniques(t *testing.T) {
	for _, n := range []int{1_000, 10_000, 30_000, 100_000, 1_000_000} {
		all := hashes(0, n)
		var merged uniques
		for part := range 4 {
			var u uniques
			for chunk := range slices.Chunk(all[part*n/4:min((part+2)*n/4, n)], 1<<16) {
				u.add(chunk)
				u.estimate()
			}
			told := u.encode()
			if len(told) > maxSketch {
				t.Errorf("%d viewers: a sketch of %d bytes", n, len(told))
			}
			if err := merged.merge(told); err != nil {
				t.Fatal(err)
			}
		}
		off := float64(merged.estimate()-int64(n)) / float64(n)
		t.Logf("%d viewers: %+.3f %%", n, 100*off)
		if math.Abs(off) > 0.01 {
			t.Errorf("%d viewers are estimated as %d", n, merged.estimated)
		}
	}
}

func TestASketchIsBoundedWhateverComesAtOnce(t *testing.T) {
	for _, n := range []int{10_000, 60_000, 70_000} {
		var u uniques
		u.add(hashes(0, n)) // without an estimate meanwhile
		if got := len(u.encode()); got > maxSketch {
			t.Errorf("%d viewers: %d bytes", n, got)
		}
	}
}
