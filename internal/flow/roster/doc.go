// Package roster brings what B decided of people and rules into room_c, and from there into the memory of each node.
//
// A Keeper, one in a zone, keeps two tables of room_c at what the details of the feed say, in the feed's order. Beside them
// stands a mark: how far they have followed, stored in the transaction that brought them there. Where the details begin too
// late for the mark, where one could not be read, or where the log is another one, the Keeper begins a fill: it empties the
// tables, copies what B has, page by page, and goes on from where the log stood before the first page; what is older than
// what a page said is passed over by its version.
//
// A Follower, one in each node, loads the tables into a speak.Court and follows the same details. A new fill is loaded into
// another court, which takes the place of the old one when it has caught up: nobody who is muted may speak meanwhile.
//
// Concurrency: Run of each must run once; Court may be called at any time. The package starts nothing that outlives Run.
//
// Failure: a room_c or a B that cannot be reached is waited for; the court goes on with what it has. Rules that cannot be
// compiled, which B refuses to begin with, leave the room's rules as they were.
package roster
