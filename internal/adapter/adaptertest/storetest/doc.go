// Package storetest is the contract of the two databases, as tests.
//
// Rooms holds every command.Store, relay.Log and project.Source to what the write path builds on;
// Views every project.Views, query.Views and feed.Store to what the projector and the readers build on;
// Followed every follow.Store and follow.Witness to what the viewer nodes of a zone build on.
// An adapter's test calls them with a function that opens an empty store. The suites only use the ports,
// wait for nothing but the stores' own answers and never look at a clock, so they hold for maps in memory,
// a file and a server alike. Reopening is a lever: a store that lives in memory hands back itself.
package storetest
