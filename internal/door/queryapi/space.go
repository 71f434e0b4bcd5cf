package queryapi

import (
	"sync"

	"github.com/greenroomlive/greenroom/internal/flow/query"
)

// maxKept is how large a buffer may be that waits for the next answer: that of the largest batch of usual
// rooms. One that grew beyond it is left to the garbage collector.
const maxKept = 1 << 20

// space is what one answer needs while it is made.
type space struct {
	batch query.Batch
	out   []byte
}

// spaces keep them from answer to answer: the size of a batch does not show in allocations.
type spaces struct{ pool sync.Pool }

func (p *spaces) get() *space {
	if b, ok := p.pool.Get().(*space); ok {
		return b
	}
	return &space{}
}

func (p *spaces) put(b *space) {
	if cap(b.out) > maxKept {
		b.out = nil
	}
	b.out = b.out[:0]
	b.batch.Reset()
	p.pool.Put(b)
}
