package wordindex

import "math/bits"

// bitset marks slots. Methods that take another one want both of the same length.
type bitset []uint64

func (b bitset) mark(slot uint32)   { b[slot/64] |= 1 << (slot % 64) }
func (b bitset) unmark(slot uint32) { b[slot/64] &^= 1 << (slot % 64) }

func (b bitset) has(slot uint32) bool { return b[slot/64]>>(slot%64)&1 == 1 }

// and keeps what is marked in both, and reports whether anything is.
func (b bitset) and(other bitset) bool {
	var left uint64
	for i := range b {
		b[i] &= other[i]
		left |= b[i]
	}
	return left != 0
}

// each visits the slots marked in the word i of b.
func each(i int, marked uint64, visit func(slot uint32)) {
	for ; marked != 0; marked &= marked - 1 {
		visit(uint32(i*64 + bits.TrailingZeros64(marked)))
	}
}
