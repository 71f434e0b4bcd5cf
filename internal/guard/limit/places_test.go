package limit

import (
	"fmt"
	"net/netip"
	"sync"
	"sync/atomic"
	"testing"
)

func TestEachClientHasItsPlaces(t *testing.T) {
	proxies := Proxies{netip.MustParsePrefix("192.0.2.0/24"), netip.MustParsePrefix("2001:db8:ffff::1/128")}
	p := NewPlaces(2, proxies, Proxies{netip.MustParsePrefix("127.0.0.0/8")})
	for _, row := range []struct {
		why, peer, forwarded string
		bounded              bool
	}{
		{"a client", "198.51.100.7", "", true},
		{"another one", "198.51.100.8", "", true},
		{"a stranger is not believed", "198.51.100.9", "203.0.113.1", true},
		{"a proxy for itself", "192.0.2.1", "", false},
		{"a proxy for another of ours", "192.0.2.1", "192.0.2.9", false},
		{"a proxy that is one address of its network", "2001:db8:ffff::1", "", false},
		{"its neighbour", "2001:db8:ffff::2", "", true},
		{"on this machine", "127.0.0.1", "", false},
		{"behind a proxy", "192.0.2.1", "203.0.113.2", true},
		{"a network of IPv6", "2001:db8::1", "", true},
	} {
		peer := netip.MustParseAddr(row.peer)
		var held []*Place
		for range 2 {
			place, ok := p.Take(peer, []byte(row.forwarded))
			if !ok || (place != nil) != row.bounded {
				t.Fatalf("%s: %v, %v", row.why, place, ok)
			}
			held = append(held, place)
		}
		if _, ok := p.Take(peer, []byte(row.forwarded)); ok == row.bounded {
			t.Errorf("%s: one more: %v", row.why, ok)
		}
		held[0].Leave()
		held[0].Leave() // gives one back
		again, ok := p.Take(peer, []byte(row.forwarded))
		if !ok {
			t.Errorf("%s: refused when one had left", row.why)
		}
		if _, ok := p.Take(peer, []byte(row.forwarded)); ok == row.bounded {
			t.Errorf("%s: leaving twice gave two back", row.why)
		}
		held[1].Leave()
		again.Leave()
	}
	if len(p.held) != 0 {
		t.Errorf("clients that hold nothing are remembered: %v", p.held)
	}
}

func TestASubscriberIsOneClient(t *testing.T) {
	p := NewPlaces(1, nil, nil)
	first, ok := p.Take(netip.MustParseAddr("2001:db8:1:2::1"), nil)
	if !ok {
		t.Fatal("refused")
	}
	defer first.Leave()
	if _, ok := p.Take(netip.MustParseAddr("2001:db8:1:2:ffff::9"), nil); ok {
		t.Error("another address of the same network is another client")
	}
	if _, ok := p.Take(netip.MustParseAddr("2001:db8:1:3::1"), nil); !ok {
		t.Error("one network pays for another")
	}
}

func TestWithoutABoundNobodyIsCounted(t *testing.T) {
	var none *Places
	if place, ok := none.Take(netip.MustParseAddr("203.0.113.1"), nil); place != nil || !ok {
		t.Errorf("no bound: %v, %v", place, ok)
	}
	p := NewPlaces(1, nil, nil)
	if place, ok := p.Take(netip.Addr{}, nil); place != nil || !ok {
		t.Errorf("a peer without an address: %v, %v", place, ok)
	}
}

func TestPlacesHoldForAllTogether(t *testing.T) {
	const most = 3
	p := NewPlaces(most, nil, nil)
	var all sync.WaitGroup
	var holding [4]atomic.Int64
	for i := range 16 {
		peer := netip.MustParseAddr(fmt.Sprintf("203.0.113.%d", i%len(holding)))
		all.Go(func() {
			for range 2000 {
				place, ok := p.Take(peer, nil)
				if !ok {
					continue
				}
				if n := holding[i%len(holding)].Add(1); n > most {
					t.Errorf("%d places of one client", n)
				}
				holding[i%len(holding)].Add(-1)
				place.Leave()
			}
		})
	}
	all.Wait()
	if len(p.held) != 0 {
		t.Errorf("left over: %v", p.held)
	}
}
