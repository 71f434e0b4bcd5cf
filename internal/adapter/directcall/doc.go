// Package directcall calls the processes of the other side: Zone is relay.Ingest, relay.BeatCourier and the
// operators' calls at the viewer nodes of one zone, Source is project.Source at the processes of the B side.
//
// Both know several endpoints, each the host:port of a process, or a DNS name that many share. A call goes to the
// one that answered last. When that one is gone, or does not answer, it goes to the next at once, within the time
// that the caller gave it; where only the zone's projector can answer, it follows the address in NOT_LEADER. So a
// repeated call is part of the contract: all that is called here may arrive twice.
//
// Guarantees: no call outlives its context or its own bound, whatever the other end does: refuse, reset, accept and
// never speak, or vanish without a word. A fault of the other end comes back as the same fault; where nobody
// answers it is UNREACHABLE or DEADLINE_EXCEEDED, never INTERNAL. No error holds the secret.
//
// Connections are kept alive, and made again in the background with growing, jittered waits, so that a process that
// comes back is not met by all at once. A failed call does not wait for them. Safe for concurrent use; Close
// ends the connections.
package directcall
