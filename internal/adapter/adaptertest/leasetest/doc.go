// Package leasetest is the contract suite of lead.Leases: who gets a lease, who does not, and what becomes of its
// term. It waits for leases to run out by asking, and believes no clock but the one behind the port.
package leasetest
