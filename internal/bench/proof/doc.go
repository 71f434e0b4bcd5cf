// Package proof looks for lies: it changes rooms through B, reads them on the C side as fast as it can, and
// compares every answer with what it knows itself.
//
// It can know because it is the only writer of its rooms and changes each in a fixed order, one command after
// the answer to the one before: from a version alone follow the title, the live status and the epoch that a
// card must show. The Ledger keeps, for each room, the highest version that B may have committed and the
// highest that B has acknowledged, and when. An answer is a violation when
//
//   - its version is higher than any that can have been committed;
//   - its version is lower than one that the same connection has seen of the same room;
//   - its version is lower than the X-Room-Min-Version that was asked for;
//   - its version is lower than one that had been acknowledged before the moment to which X-Room-Age-Ms says
//     that the answer is fresh: the node's own word is checked;
//   - its title, status or epoch is not that of its version, or ETag and X-Room-Version are not: torn;
//   - a room is left out, repeated or out of the order that was asked for;
//   - a crawl of the live list repeats a room, moves to another snapshot, holds more or fewer rooms than it
//     announced, lacks one that was on air all the while, or has one that was off air all the while.
//
// A room that changes state while a crawl begins may be on the list or not: a reader outside cannot know. The
// property test of flow/query, which can, is exact there too.
//
// Check.Run starts its writers and readers and ends them all before it returns. A violation is counted and told,
// and the run goes on; an error is what keeps the check from being carried out. Only loopback is meant: the
// requests are as many as the node answers.
package proof
