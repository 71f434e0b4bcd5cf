// Package speak says whether a user may speak in a room: the question that a chat system asks for each message.
//
// A Court holds in memory what B decided of people and rules, of all rooms, and answers from there: no question waits
// for a database, for another process, or for another question. What it is told it shows at once; who tells it, and in
// which order, is not its business (the details of the feed, in the feed's order).
//
// Concurrency: Check may be called by any number of goroutines beside one that tells. A change of one person is seen
// whole or not at all; two persons may be seen apart.
//
// Time: whether a mute or a ban still holds is judged by the time of the question. An end that B has not told of yet is
// an end all the same.
//
// It never decides who is muted, never writes, and knows no token: whoever asks has been let in by the door.
package speak
