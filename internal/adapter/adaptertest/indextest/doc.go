// Package indextest is the contract suite of search.Index: what every index has to find in plain words, in which
// order, and what changes do to it. How scripts are taken apart is each index's own business and test.
package indextest
