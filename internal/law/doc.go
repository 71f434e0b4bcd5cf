// Package law holds the tests that keep the house in the shape ARCHITECTURE.md draws: who may import whom,
// where a goroutine may start, how long a function may grow, and that the registries tell the truth.
//
// It has no code of its own. A test that refuses says what it found, the way by which it is reached, and why the
// house does not want it; whoever has a better plan changes the law in the same commit, with the reason.
package law
