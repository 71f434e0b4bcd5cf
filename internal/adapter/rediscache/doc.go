// Package rediscache is L2 on Redis: a single server, or a cluster.
//
// It guarantees that what is there is never replaced by something older: a script compares and sets in one step
// on the server, one round trip for a batch. A value that was cut, altered or put under the wrong key is
// left out of the answer and counted, never shown. It guarantees nothing else: Redis may forget anything
// at any time, and a replica that takes over may bring older values back. query.Second says what follows.
//
// Every room has a key of its own, greenroom:<log>:room:<id>, so that a cluster spreads them; the log's name, its epoch
// with the zone before it in a fleet, keeps zones, installations and restored databases apart. Values live for query.SecondLife: when nobody renews
// them they go, so L2 needs no more memory than the rooms of a minute.
//
// Lifecycle: Run connects, tries until somebody answers, and holds the connection until its context ends; before
// that every call fails at once. Afterwards connections are renewed as they break. All methods may be
// called concurrently; they wait for Redis as long as their context says, so the caller bounds them.
// Nothing is retried and nothing is cached here: the guard in front decides whom to ask. Client-side caching is off, since
// events tell L1 of changes before Redis could. Of a cluster a node that is down takes only its own rooms with it, if the
// servers are configured with cluster-require-full-coverage no; its replica is found by asking the others.
package rediscache
