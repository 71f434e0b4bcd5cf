// Package natsbus is the queue between the two sides, on NATS JetStream: relay.Bus at one end,
// project.Queue at the other, and for `greenroom dev` the broker itself, inside the process.
//
// It guarantees that an event whose Publish was acknowledged is handed to the consumer at least
// once while the broker keeps its folder, and that a room's events are handed over in the order they
// were published, redeliveries included. It never guarantees that the broker keeps anything: the
// broker is transport, the log in room_b is the truth, and an acknowledged event may not even be fsynced: a fleet's
// servers fsync each, the embedded one does not. A broker that was wiped says so through Position, and whoever needs
// its stream or consumer next makes them anew.
//
// Zones. The events are published at home, on one server or a cluster (Config.Replicas). A zone with a server of its own
// (Config.Home) consumes a mirror of that stream, which its consumer makes, watches, and makes anew when it is no copy
// any more, or does not move: see mirror.go. Beats, words of hot rooms and pages of the Audience are plain NATS and reach all zones,
// News stay in their own. A zone that is cut off consumes what its mirror has, and the rest when it is back.
//
// Order. Events travel in pages, a run of the log in one message, and a page is sent when the one before
// it is stored, so that no event gets ahead of one that failed. Receiving goes through sessions: a session
// begins right after the newest acknowledged event, counts the broker's deliveries, and ends at
// the first irregularity: a handler's error, a delivery that is missing, a lost connection, a deleted
// consumer. There is only this one way back from everything that can go wrong, which is why
// nothing is ever overtaken by its own redelivery.
//
// Lifecycle: Embedded.Run and Bus.Consume run until their context ends; both outlive faults by trying
// again, with backoff. One Consume per durable name at a time: two would rewind each other.
// Embedded and Bus are otherwise safe for concurrent use; Publish keeps the order of one caller.
package natsbus
