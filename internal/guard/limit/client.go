package limit

import (
	"bytes"
	"net"
	"net/netip"
	"slices"
)

// Proxies are the networks whose X-Forwarded-For is believed.
type Proxies []netip.Prefix

// Trusts says whether an address is a proxy's.
func (p Proxies) Trusts(a netip.Addr) bool {
	return slices.ContainsFunc(p, func(n netip.Prefix) bool { return n.Contains(a) })
}

// Client is who asks: the peer of the connection, or behind a trusted proxy the last address in forwarded that is
// no trusted proxy's. What stands before it was written by the client, and may be anything.
func (p Proxies) Client(peer netip.Addr, forwarded []byte) netip.Addr {
	for p.Trusts(peer) && len(forwarded) > 0 {
		cut := bytes.LastIndexByte(forwarded, ',')
		text := bytes.TrimSpace(forwarded[cut+1:])
		if len(text) > maxAddr {
			break
		}
		next, err := netip.ParseAddr(string(text))
		if err != nil {
			break // the proxy that wrote it is all we know
		}
		peer, forwarded = next.Unmap(), forwarded[:max(cut, 0)]
	}
	return subscriber(peer)
}

// maxAddr is the longest address as text: an IPv6 one with an IPv4 one inside.
const maxAddr = 45

// Peer is the address of a connection's other end; the zero address when it has none.
func Peer(a net.Addr) netip.Addr {
	if tcp, ok := a.(*net.TCPAddr); ok {
		return tcp.AddrPort().Addr().Unmap().WithZone("")
	}
	return netip.Addr{}
}

// subscriber is the network that one subscriber has for itself.
func subscriber(a netip.Addr) netip.Addr {
	if !a.Is6() {
		return a
	}
	network, err := a.WithZone("").Prefix(64)
	if err != nil { // 64 bits are in every IPv6 address
		return a
	}
	return network.Addr()
}
