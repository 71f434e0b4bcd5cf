// Package lead lets exactly one of many processes do a work: the sequencer of a log, the projector of a zone.
//
// Every process that could do it runs a Candidate. The candidates compete for a lease in a database that they
// share; the one that holds it runs the work, renews the lease, and is replaced within 3 s when it dies, at the next
// look of another when it stops in order.
//
// What is guaranteed, and by whom. The lease has one holder at a time by the database's clock, each with a higher
// Term than the one before. The Candidate ends the work's context before the lease can have run out there: it counts
// from before it asked for the renewal, by the process's own monotonic clock, and stops a margin earlier. So two
// works overlap only where a work does not heed its context, a process was frozen (SIGSTOP, a long pause of its
// machine), or the database's clock jumped ahead. For those there is the Term: every write of the work carries it, and
// the database refuses an old one with NOT_LEADER, in the same transaction. The timing here makes that rare; the
// fence makes it harmless. Nobody may skip the fence because of the timing.
//
// A failing work steps down, so that another process may do better; a database that does not answer ends
// the work when the lease cannot be proven any more, never earlier. Nothing here decides by what one process
// believes of others: there are no elections, heartbeats or quorums beside the database's own.
//
// Run is the only long-lived part; all else is safe for concurrent use with it.
package lead
