// Package fleet breaks a real fleet in the ways it promises to survive, under load, and then counts.
//
// Each row of TestFaults is one fault. While it lasts, broadcasters and viewers go on through the public doors of both
// zones, and the book notes what each of them was answered. Afterwards the broadcasters hold still, and the book is
// compared with what is there: the committed rooms, the views of every node, each event of the feed. The answers
// of each row are also a history, which has to be linearizable for each room by itself.
//
// A row is disturbed, not failed, by errors: they are counted, and whether asking again helped. It fails when
// something that was acknowledged is lost, when an event is lost, repeated or out of order, when a view is not
// equal to what is committed after 30 s, when an answer is older than it says or a node goes back, or when the fleet
// does not come back to normal by itself.
//
// What runs in CI is a part of the rows; `make faults` runs all of them and writes docs/reference/faults.md.
package fleet
