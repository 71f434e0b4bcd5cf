package audience

import (
	"errors"

	"github.com/axiomhq/hyperloglog"
)

const (
	// precision: 2^16 registers of a byte, 64 KB for a session with many viewers. One bit less would let every twelfth
	// estimate be wrong by more than a percent.
	precision = 16
	// denseFrom is how many viewers make a list of them, two or three bytes each, as large as the registers nearly are.
	denseFrom = 1 << 14
)

var errNoSketch = errors.New("this is no sketch of ours")

// uniques are the different viewers of a session.
type uniques struct {
	sketch *hyperloglog.Sketch
	// estimated is of the last estimate; stale says that the sketch has been added to since.
	estimated int64
	stale     bool
}

func (u *uniques) add(hashes []uint64) {
	if len(hashes) == 0 {
		return
	}
	if u.sketch == nil {
		u.sketch = hyperloglog.New16()
	}
	for _, h := range hashes {
		u.sketch.InsertHash(h)
	}
	u.stale = true
}

// merge adds all viewers of another node's sketch; one that is none changes nothing.
func (u *uniques) merge(encoded []byte) error {
	var other hyperloglog.Sketch
	if len(encoded) > maxSketch || len(encoded) < 2 || encoded[1] != precision {
		return errNoSketch
	}
	if err := other.UnmarshalBinary(encoded); err != nil {
		return err
	}
	if u.sketch == nil {
		u.sketch = &other
	} else if err := u.sketch.Merge(&other); err != nil {
		return err
	}
	u.stale = true
	return nil
}

// encode is for the other nodes; nil when there is nobody yet.
func (u *uniques) encode() []byte {
	if u.sketch == nil {
		return nil
	}
	u.estimate() // which folds what is loose into the list: a third of the bytes
	b, err := u.sketch.MarshalBinary()
	if err != nil {
		return nil // only a sketch without a precision has no bytes, and ours have one
	}
	return b
}

// cost is what an estimate reads, in registers.
func (u *uniques) cost() int { return int(min(u.estimated+1, 1<<precision)) }

func (u *uniques) estimate() int64 {
	if u.sketch == nil || !u.stale {
		return u.estimated
	}
	before := u.estimated
	u.estimated, u.stale = int64(u.sketch.Estimate()), false
	if u.estimated >= denseFrom && before < denseFrom {
		dense := hyperloglog.New16NoSparse()
		if dense.Merge(u.sketch) == nil {
			u.sketch = dense
		}
	}
	return u.estimated
}
