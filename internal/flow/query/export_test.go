package query

// MaxMoves is maxMoves.
const MaxMoves = maxMoves

// Remembered is how many counts are kept.
func (r *Rooms) Remembered() int {
	r.counts.mu.Lock()
	defer r.counts.mu.Unlock()
	return len(r.counts.bySession)
}
