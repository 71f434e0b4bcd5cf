// Package memory answers the ports of the corridor from maps: rooms, views, bus and cache for tests and for the
// simulation.
//
// It keeps every promise that the ports make but durability, and adaptertest holds it to the same suites as the
// engines. Everything is safe for concurrent use, nothing runs on its own, and what Close or a crash takes away
// is gone. It waits by time.Now and timers only, so that a synctest bubble can hold all of it.
package memory
