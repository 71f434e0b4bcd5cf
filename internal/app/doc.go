// Package app says who lives on this machine: which roles a process plays, on which engines, behind which
// addresses. `greenroom dev` is all roles on the embedded engines.
//
// It is the only package that chooses adapters (profile.go), wraps the parts in metrics and traces (wrap.go,
// telemetry.go) and starts what lives long. Order of a start: the data folder is locked, engines open, addresses
// are taken, the broker and the corridor run, the doors open, and "ready" is printed when the views are complete.
// A stop goes the other way: doors first, so that what was accepted is finished and acknowledged. A part that fails
// stops the whole process, with its error: a half process would answer half truths. The package holds no rules of
// rooms and no data of its own.
package app
