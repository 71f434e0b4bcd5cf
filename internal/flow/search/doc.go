// Package search finds rooms by words, for viewers: prefixes and words of titles and tags, and anchors, the rooms on
// air first.
//
// It is secondary to the reads of package query, and built so that it cannot harm them: what changed is noted
// in a bounded set and taken into the index by a loop of its own, searches run a few at a time and against a
// deadline, and nothing but a search ever waits for the index.
//
// It guarantees that cards shown are the newest that package query knows, and that an answer which may lack rooms
// says so (Answer.Complete). Which rooms are listed follows the events within milliseconds: a room that was
// renamed a moment ago may be found once more by its old title, and is then shown under its new one.
//
// Ordering: for each room an older card never replaces a newer one in the index. After Changed with reset, whatever
// is told later wins, as it is of another log or another copy.
//
// Concurrency: all methods may be called concurrently, except Changed, which one caller calls in commit
// order. Changed never blocks on I/O or on the index.
//
// Lifecycle: Run waits until the node is ready and the views are complete, fills the index from them, and follows, until its context ends.
// Searches work from the beginning. When more rooms change than the set may note, it forgets them and Run reads all
// of the views again.
//
// Failure: when the views cannot be read, the index stays as it is, answers say that they are incomplete, and Run
// tries again. The package never writes a view.
package search
