// Package hotkey finds the few keys that are asked far more often than all others, while they are
// being asked: the room everybody watches, among a million that nobody does.
//
// With a bound of some hundreds, a key asked twice as often as the bound is reported at the end of the first
// window in which it was (the odds against are one in thousands), and keys asked evenly are not, however
// many they are. Rates are estimates: one count of 16 is looked at, so a key counted n times is told within about
// 4/√n of the truth (n = 10,000: 4 %), and a sketch of fixed size (HeavyKeeper) errs downwards only.
//
// Concurrency: Count may be called from anywhere. It takes no lock, does not wait, does not allocate, and
// in fifteen cases of sixteen costs a random number only. Callers are spread over shards at random, not by key: the
// point of a hot key is that all processors ask for it at once. Turn has one caller; readers of its result
// share nothing with the detector.
//
// Lifecycle: none. It owns no clock and no goroutine; whoever calls Turn decides how long a window is.
// Nothing can fail, and nothing grows: 8 × 2 × 512 counters of 16 bytes, and at most `top` hot keys.
package hotkey
