// Package switches holds what operators turn on and off while the house runs: a few named booleans, with one registry.
//
// Where a switch stands is written in the B database, with who turned it, when and why; the broker is never asked. Each
// process of the B side reads it every 500 ms (Set.Run) and keeps a copy. Asking that copy is a pointer load: no lock,
// no I/O, no error. A process that cannot read goes on with what it knew last, at the start with the defaults; a
// switch turns something off that can be done without, so being late by a look is no harm.
//
// Whoever asks more than one switch, or one of them twice, takes one Snapshot and asks that: within it nothing changes.
//
// A change is a compare-and-set on the switch's version, so that two operators never undo each other unseen. Set is
// safe for concurrent use.
package switches
