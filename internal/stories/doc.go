// Package stories holds what is written about Greenroom to what Greenroom does. It has tests only.
//
// TestStories runs testdata/stories/*.txtar: one story of a room each, told as a script against the
// real binary, which the test program carries itself (testscript.Main). TestTheGuideIsTrue runs the
// ```console blocks of README.md and docs/guide against a running `greenroom dev` and compares what
// they print. TestDocsPointAtWhatExists finds links, files and tests that the documents name and the
// repository does not have.
//
// Every greenroom listens on free loopback ports, keeps its data in the test's folder and is dead when
// the test ends. Nothing sleeps: conditions are waited for, with a deadline.
package stories
