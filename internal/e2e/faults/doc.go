// Package faults breaks a real greenroom in the ways it promises to survive, under load, and then counts.
//
// Every test lets broadcasters write, viewers read and a subscriber follow the feed while something is
// killed, deleted, locked or filled up. Afterwards audit compares what was acknowledged with what
// is there: the state at B, the views at C, and each event of the feed.
package faults
