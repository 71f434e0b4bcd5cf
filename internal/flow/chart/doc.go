// Package chart keeps the history of audiences: one point for each session and minute, for charts.
//
// It guarantees that a session which had viewers has at most one point a minute, the first that was stored, whoever
// writes it and however often. Points are the zone's own, as it counted; they are kept for 30 days.
//
// Lifecycle: Run stores the points of a minute when it has ended, until its context ends. One process of a zone runs it, the
// one that projects; two for a moment, while the lease moves, do no harm. A minute in which nobody ran it is missing.
//
// Failure: what cannot be stored is missing from the chart; nothing waits for it and nothing else depends on it.
//
// It never counts, and never reads what it has written: readers find it through internal/flow/query.
package chart
