// Package feed lets subscribers follow what happens to rooms, from any position that is kept.
//
// It guarantees each watcher every event after its cursor exactly once, in the order of feed_seq,
// without a gap: nothing behind the gapless end is ever shown, and a watcher that cannot be given the
// next event is told so (CURSOR_EXPIRED) instead of being given the one after.
//
// The newest frames are in memory, encoded once in all forms and shared by all; older ones come from the
// Store, those of a single room by its index. Memory is bounded in frames and in bytes. Watchers pull: one
// that is slow holds a number and nothing else, and costs the others nothing.
//
// Advance and Reset are called by one caller, in order, after the transaction that stored the frames;
// they never block. Everything else is safe for concurrent use. The package starts no goroutine and
// never decides how long events are kept.
package feed
