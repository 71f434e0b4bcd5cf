// Package bustest is the contract of the queue, as tests: what every pair of relay.Bus and
// project.Queue promises to the relay and the projector, on whatever broker.
//
// An adapter's test calls Run with a function that opens an empty broker. The suite only uses the
// ports and the few levers of Broker, waits on conditions with a deadline and never looks at a clock,
// so it holds for an in-memory queue and for a real server alike.
package bustest
