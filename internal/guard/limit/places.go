package limit

import (
	"net/netip"
	"sync"
	"sync/atomic"
)

// Places bounds what each client holds at a time: connections, for one. A client that holds nothing is forgotten,
// so the memory is bounded by what all hold together.
type Places struct {
	most      int
	proxies   Proxies
	unbounded Proxies

	mu   sync.Mutex
	held map[netip.Addr]int
}

// NewPlaces gives each client that many. proxies say in X-Forwarded-For for whom they take one; for themselves
// they may take any number, and so may the unbounded networks.
func NewPlaces(most int, proxies, unbounded Proxies) *Places {
	return &Places{most: most, proxies: proxies, unbounded: unbounded, held: map[netip.Addr]int{}}
}

// Most is how many one client may hold.
func (p *Places) Most() int { return p.most }

// Take takes a place for who asks, see Client. The place is nil when nobody counts: for a nil Places, for those
// who are not bounded, and for a peer without an address.
func (p *Places) Take(peer netip.Addr, forwarded []byte) (place *Place, ok bool) {
	if p == nil || !peer.IsValid() {
		return nil, true
	}
	client := p.proxies.Client(peer, forwarded)
	// A peer is asked about before its network has taken its place: a proxy may be one address of it.
	if p.free(client) || client == subscriber(peer) && p.free(peer) {
		return nil, true
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.held[client] >= p.most {
		return nil, false
	}
	p.held[client]++
	return &Place{of: p, client: client}, true
}

func (p *Places) free(a netip.Addr) bool { return p.proxies.Trusts(a) || p.unbounded.Trusts(a) }

// Place is what a client holds until it leaves.
type Place struct {
	of     *Places
	client netip.Addr
	left   atomic.Bool
}

// Leave gives the place back, once; more calls change nothing, nor does one of a nil Place.
func (p *Place) Leave() {
	if p == nil || !p.left.CompareAndSwap(false, true) {
		return
	}
	p.of.mu.Lock()
	defer p.of.mu.Unlock()
	if p.of.held[p.client]--; p.of.held[p.client] == 0 {
		delete(p.of.held, p.client)
	}
}
