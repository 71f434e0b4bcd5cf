// Package query answers viewers' reads of rooms.
//
// It guarantees that an answer never goes back: within a process a room's version only grows, and a
// slow load from the database never overwrites what an event brought meanwhile. A room that is
// resident is answered whatever state the databases are in; its age says how old the proof is.
//
// Ordering and concurrency: all methods may be called concurrently, except Changed, which one
// caller calls in commit order, after the transaction that made the change readable in Views.
// Lookup waits for nobody; Changed never blocks on I/O.
//
// Lifecycle: Run fills the live list and L1, and fills them again after a reset, until its context ends. Reads
// work before that; the live list answers NOT_READY until it has been filled once. A load outlives the
// reader that caused it, by at most its own timeout; loads share few queries, and wait for them in a
// bounded queue. RunSecond tells L2, where there is one, what events and loads bring; no answer depends
// on its success.
//
// RunHot finds the rooms that a crowd reads, tells the other nodes, and keeps in L1 what is hot anywhere;
// when a room goes on air it loads the list of its anchor's rooms. Only speed depends on it.
//
// Counted takes what was counted of the audiences, from one caller beside Changed: cards and the order by viewers follow,
// versions stay. A count is shown with the broadcast it belongs to and never goes back.
//
// Failure: a load that fails fails the readers that wait for it and is forgotten; the next reader
// loads again. While the views are incomplete a missing room is NOT_READY, never ROOM_NOT_FOUND.
//
// It never writes a view, never asks the command side, and holds no rule about rooms.
package query
