// Package fleet brings a whole fleet up on one machine, for development and for tests: `greenroom fleet`.
//
// The fleet is MariaDB, three nats-servers and one more as the leaf of zone b, a Redis Cluster of six, two nodes of
// the B side, two viewer nodes in each of the zones a (home) and b, a node in zone b that forwards commands home, and
// watch. All of it lives in one folder: a configuration, a log and data for each process, and state.json. The package
// installs nothing; it says which Debian package is missing. It listens and speaks on loopback only.
//
// # Lifecycle
//
// What up starts are daemons: each leads a session of its own, has no input and writes to its log, so that it outlives
// the command that started it. Nobody supervises them, on purpose: a process that was killed stays dead until
// somebody starts it, which is what one wants to look at. up starts what is missing, in waves (engines, migrations, B
// side, viewers), each ready before the next; run again it changes nothing that runs. down stops the waves the
// other way round.
//
// # Failure
//
// A process is known by its number, the moment it started and the boot of the machine, and it is signalled through a
// handle (pidfd) that was compared with these: a number that has passed to somebody else's process is never
// signalled. state.json is replaced as a whole after each start; a command that changes the fleet holds the folder's
// lock. What does not get ready ends up, with the last lines of its log; what runs by then goes on running.
//
// # Concurrency
//
// One command at a time changes the fleet of a folder; status and logs may be asked at any time. Two folders are two
// fleets, on ports of their own.
package fleet
