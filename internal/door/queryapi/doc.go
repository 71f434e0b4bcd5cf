// Package queryapi is the viewers' door: the C side's reads over HTTP/1.1 and gRPC.
//
// It guarantees the same answers on both: one set of encoded rooms, one registry of faults. Reads of
// resident rooms, one or many, are the hot path and do not allocate: a connection answers them on its
// fast lane, before the HTTP server sees them, with the bytes as the cache holds them. Fields that a
// mask names are cut out of those bytes. Every answer that shows a room says how fresh it is.
//
// Lifecycle: HTTP and GRPC are each a Run(ctx) on a listener they are given and close. When ctx ends
// they stop taking connections, end the feeds, and finish what is being answered.
//
// The feed is pushed: a follower over HTTP leaves the server with its connection, and is a socket and a
// place in the feed from then on, see push. Each gets each event once, in order, or is told where to go on.
//
// Bounds: sizes of request line, headers, batches, pages and filters; numbers of connections and of
// feeds, in all and of one client; idle, read and write times. A client that does not read is cut by the write deadline.
//
// Reads are anonymous and take no credentials, so any web page may make them (CORS). So is what viewers say, that they
// watch and like: it is counted in memory, and is all that comes in. The package decodes, calls one handler and
// encodes; it writes nothing and cannot reach what could.
package queryapi
