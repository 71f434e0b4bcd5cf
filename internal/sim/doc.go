// Package sim runs the whole corridor on memory adapters inside one testing/synctest bubble, driven
// by a seed: broadcasters with encoders that come back, die silently or lose their callbacks; a
// store whose commits fail or whose acknowledgements get lost; a broker that drops, repeats,
// delays, refuses and is wiped; views that refuse, vanish and are rebuilt; reads without an answer; couriers
// that are switched off and on; and crashes between any two steps, followed by a restart. Beside it a node on another
// machine follows room_c, is cut off from it, and starts again; its viewers are promised the same.
//
// Each port call of a life is a step. A crash ends the life at a step, before or after its effect: from
// then on every port call of that life fails, so nothing of it can act any more, while the engines keep what
// was committed. When the faults end and time has passed, the world must be right (check_test.go):
// nothing acknowledged is lost or done twice, views and L1 equal B, the feed has each event exactly
// once in order, no room is live without a publisher, no two publishers held one room.
// Meanwhile a viewer reads (viewer_test.go): what it is shown never goes back, and what is called
// fresh lacks nothing.
//
// Virtual time makes minutes cost milliseconds. `make sim SEEDS=10000` runs many, SEED=n one again.
package sim
