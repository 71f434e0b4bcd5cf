package sim

import (
	"hash/fnv"
	"math/rand/v2"
	"sync"
)

// dice is one stream of chance. Every actor, engine and life has its own, named, so that what one of
// them draws does not depend on when the scheduler lets the others draw: a seed takes nearly the
// same course again. What remains is the scheduler's own freedom between goroutines that are ready in
// the same instant, which is why a failing seed is replayed several times.
type dice struct {
	mu   sync.Mutex
	rand *rand.Rand
}

func newDice(seed uint64, name string) *dice {
	h := fnv.New64a()
	_, _ = h.Write([]byte(name)) // a hash never fails
	return &dice{rand: rand.New(rand.NewPCG(seed, h.Sum64()))}
}

func (d *dice) chance(p float64) bool { return p > 0 && d.float() < p }

func (d *dice) float() float64 {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.rand.Float64()
}

func (d *dice) intN(n int) int {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.rand.IntN(n)
}

func (d *dice) uint64() uint64 {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.rand.Uint64()
}

func (d *dice) bytes(b []byte) {
	for i := range b {
		b[i] = byte(d.intN(256))
	}
}
