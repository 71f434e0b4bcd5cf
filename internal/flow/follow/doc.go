// Package follow keeps a viewer node at the state of its zone's room_c, which another process writes.
//
// A Follower looks at room_c whenever it hears that something was written, and at least every 100 ms: the news are a hint
// and nothing else, so losing them costs that much time and no correctness. What transactions wrote since the last look is
// told to an Audience in the order in which it became visible there, cards before the feed rows that speak of them, by
// one caller, after it was committed. So a node never shows what room_c does not hold, what it shows never goes back, and
// a row of the feed is told once. A node that was away for long reads page after page, as fast as its audience
// takes them; of a feed that ran further ahead than memory holds it tells only where it ends.
//
// When room_c is another one than before, what was told is void:
//
//   - of another log, or of one that was put back from a backup: at once, and so are all places in the feed;
//   - a complete copy, after a rebuild: at once, places in the feed stay;
//   - one that was lost, or that lacks transactions after a failover: once it has been filled again. Until then readers
//     go on with what they have.
//
// A room_c that cannot be reached is waited for. Meanwhile readers keep what they have, and its age grows.
//
// How fresh the node is, package proof says, from beats and from what a WitnessKeeper of the projector's process left in
// room_c: claims against what this node has told, not against what room_c holds. Rooms that are parked are known before
// anything is proven that is not true of them, and until the cards that heal them are told.
//
// Run must run once; everything else is safe for concurrent use at any time. The package starts nothing that outlives
// Run, and never writes but the proof.
package follow
