// Package wordindex finds rooms by the words of their titles and tags and by their anchors, in memory. It
// serves search.Index.
//
// It is an inverted index: for each word the rooms that have it, as sorted slots, with the words in a B-tree too, so
// that a prefix is a range. A search marks slots in bit sets and intersects them; the rooms on air are a bit set
// of their own and are ranked first, so that the many that are idle are looked at only when those do not fill the
// answer. ADR 0025 says why it is not a search library.
//
// It guarantees that within a turn an older card never replaces a newer one, that a change of a room is one step
// for searches, and that the order of an answer is defined to the last room.
//
// Concurrency: all methods may be called concurrently. Searches share a lock; Put takes it for a few dozen rooms
// at a time, so that a fill of millions holds a search up for about a millisecond.
//
// Lifecycle: a value in memory without goroutines or files; what was lost is told again by whoever feeds it.
// Memory grows with rooms and words, by about 400 bytes a room (BenchmarkMillion).
//
// Failure: only Find fails, when its context ends. It never blocks on I/O, never changes a card, and holds
// no text of a hidden or locked room.
package wordindex
