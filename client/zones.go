package greenroom

import (
	"net/url"
	"strings"
)

// Zone is one zone as its clients know it: a full copy of the viewers' side, and addresses that take commands.
type Zone struct {
	// Name is what [Seen] calls it.
	Name string
	// Query are the base URLs of its viewers' nodes. They share the zone's reads by turns.
	Query []string
	// Command are base URLs that take commands: the home zone's own, elsewhere those that forward to it.
	Command []string
}

// Zones names the zones a client may use, the nearest first; it takes the place of CommandURL and QueryURL. Of
// each side the first 64 addresses count. Without any Command address commands go to CommandURL.
//
// A read goes to a node of the nearest zone that is well. When the node refuses the connection, breaks it, or says
// that it is not ready or broken, the next one is asked within the same call, of the same zone first. When it is
// slower than nineteen reads of twenty lately were, a second node is asked beside it and the first answer counts, see
// [Hedge]. A node that failed is left alone for half a second, longer each time it fails again, but never when it
// is the only one left. Nodes that are being drained say so at /readyz, which the client asks of those it
// reads from, at most twice a second; it then moves on, and so do its feeds.
//
// The order is the caller's and is not measured: a far zone that is fast for a moment would draw the readers of all
// others. Commands are sent to one address at a time and to the next when it cannot be reached; they carry an
// Idempotency-Key, so that a repeat happens once.
func Zones(zones ...Zone) Option { return func(c *Client) { c.zones = zones } }

// Hedge bounds how many reads may be asked a second time because a node is slow or sheds load, as a share of all
// reads: 0.1 otherwise, 0 for none. It takes two nodes to matter.
func Hedge(share float64) Option { return func(c *Client) { c.spare.share = min(max(share, 0), 1) } }

// maxNodes is how many fit into a set of tried ones.
const maxNodes = 64

// connect makes the two pools of what the options named.
func (c *Client) connect() {
	query, command := &pool{}, &pool{}
	for nearness, z := range c.zones {
		query.add(z.Name, nearness, z.Query)
		command.add(z.Name, nearness, z.Command)
	}
	if len(query.nodes) == 0 {
		query.add("", 0, []string{c.queryURL})
	}
	if len(command.nodes) == 0 {
		command.add("", 0, []string{c.commandURL})
	}
	c.query, c.command = query, command
}

// add takes in a zone's nodes.
func (p *pool) add(zone string, nearness int, urls []string) {
	urls = urls[:min(len(urls), maxNodes-len(p.nodes))]
	for i, u := range urls {
		n := &node{url: strings.TrimRight(u, "/"), zone: zone, nearness: nearness, at: i, of: len(urls)}
		n.base, n.baseErr = url.Parse(n.url)
		p.nodes = append(p.nodes, n)
	}
}
