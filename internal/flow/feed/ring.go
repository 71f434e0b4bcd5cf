package feed

import (
	"slices"

	"github.com/greenroomlive/greenroom/internal/core/ident"
)

// ring is the newest frames, one position after the other without a gap.
type ring struct {
	maxFrames, maxBytes int

	frames []Frame
	bytes  int
}

// push adds the newest frame. One that does not follow the last begins the run anew: what came
// before is in the store, and a run with a hole could not be indexed by position.
func (r *ring) push(f Frame) {
	if n := len(r.frames); n > 0 && r.frames[n-1].Seq+1 != f.Seq {
		r.clear()
	}
	// Appending to a slice whose front is cut off moves only what is kept when it must grow.
	r.frames = append(r.frames, f)
	r.bytes += len(f.message)
	for len(r.frames) > r.maxFrames || (r.bytes > r.maxBytes && len(r.frames) > 0) {
		r.bytes -= len(r.frames[0].message)
		r.frames[0] = Frame{} // lets the text go
		r.frames = r.frames[1:]
	}
}

func (r *ring) clear() { r.frames, r.bytes = nil, 0 }

// has reports whether the frame at this position is here.
func (r *ring) has(seq ident.FeedSeq) bool {
	n := len(r.frames)
	return n > 0 && seq >= r.frames[0].Seq && seq <= r.frames[n-1].Seq
}

// after copies up to limit frames that follow the position; nil when the first of them is not here.
func (r *ring) after(seq ident.FeedSeq, limit int) []Frame {
	if !r.has(seq + 1) {
		return nil
	}
	rest := r.frames[seq+1-r.frames[0].Seq:]
	return slices.Clone(rest[:min(limit, len(rest))])
}
