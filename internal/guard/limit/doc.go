// Package limit gives each client a budget of requests and a number of places, and finds out who the client is.
//
// A Limiter is token buckets in a table of fixed size. A bucket is one number, the time at which it will be
// full again (the generic cell rate algorithm), so there is nothing to refill and nothing to expire: a
// bucket that is full is the same as none. When a client is new and its row is taken, the bucket of the row
// that is full first is forgotten, which gives its client at most the tokens it was about to get back;
// whoever is deep in debt is remembered longest. Rows are found by a hash with a seed of the process, so that
// nobody can choose whom to drive out.
//
// Places count what each client holds at a time, in a map under one lock: they are taken once a connection.
//
// Clients are addresses; of IPv6 the network of 64 bits, which is what one subscriber has. Behind proxies
// they stand in X-Forwarded-For, which is believed only as far as it was written by a trusted one.
//
// All may be called by any number of goroutines. Limiter.Take and Client do not allocate, but for the text of an
// address behind a proxy; a row is locked for the time of eight comparisons. Clocks are parameters. Nothing can fail.
package limit
