package limit_test

import (
	"net"
	"net/netip"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/greenroomlive/greenroom/internal/guard/limit"
)

func client(n int) netip.Addr {
	return netip.AddrFrom4([4]byte{10, byte(n >> 16), byte(n >> 8), byte(n)})
}

func TestABucket(t *testing.T) {
	l := limit.New(10, 5)
	now := time.Hour
	for i := range 5 {
		v := l.Take(client(1), now)
		if want := time.Duration(i+1) * 100 * time.Millisecond; !v.OK || v.Remaining != 4-i || v.Reset != want || v.RetryAfter != 0 {
			t.Errorf("request %d: %+v", i, v)
		}
	}
	v := l.Take(client(1), now)
	if v.OK || v.Remaining != 0 || v.RetryAfter != 100*time.Millisecond || v.Reset != 500*time.Millisecond {
		t.Errorf("one too many: %+v", v)
	}
	if !l.Take(client(2), now).OK {
		t.Error("one client pays for another")
	}
	if v = l.Take(client(1), now+99*time.Millisecond); v.OK || v.RetryAfter != time.Millisecond {
		t.Errorf("a moment too early: %+v", v)
	}
	if v = l.Take(client(1), now+100*time.Millisecond); !v.OK || v.Remaining != 0 {
		t.Errorf("a token came back: %+v", v)
	}
	if v = l.Take(client(1), now+time.Hour); !v.OK || v.Remaining != 4 {
		t.Errorf("after an hour: %+v", v)
	}
}

func TestARefusedRequestCostsNoToken(t *testing.T) {
	l := limit.New(1, 1)
	l.Take(client(1), 0)
	for range 100 {
		l.Take(client(1), 0)
	}
	if !l.Take(client(1), time.Second).OK {
		t.Error("asking in vain put the client into debt")
	}
}

// A table that is full of others forgets who owes least, not who is being held back.
func TestStrangersDoNotSetAClientFree(t *testing.T) {
	l := limit.New(1, 100)
	for l.Take(client(0), 0).OK {
	}
	for n := range 1_000_000 {
		l.Take(client(n+1), 0)
	}
	if v := l.Take(client(0), 0); v.OK {
		t.Errorf("a million strangers later: %+v", v)
	}
}

func TestTheRateHoldsForAllTogether(t *testing.T) {
	l := limit.New(100, 10)
	var granted atomic.Int64
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			for i := range 1000 { // ten seconds, each asker by its own count
				if l.Take(client(1), time.Duration(i)*10*time.Millisecond).OK {
					granted.Add(1)
				}
			}
		})
	}
	all.Wait()
	if got := granted.Load(); got > 1010 || got < 900 {
		t.Errorf("%d requests were granted in ten seconds at 100 a second", got)
	}
}

func TestWhoTheClientIs(t *testing.T) {
	proxies := limit.Proxies{netip.MustParsePrefix("192.0.2.0/24"), netip.MustParsePrefix("2001:db8:ffff::/48")}
	for _, row := range []struct{ why, peer, forwarded, want string }{
		{"no proxy", "198.51.100.7", "", "198.51.100.7"},
		{"a stranger is not believed", "198.51.100.7", "203.0.113.1", "198.51.100.7"},
		{"a proxy is", "192.0.2.1", "203.0.113.1", "203.0.113.1"},
		{"only the last word is the proxy's", "192.0.2.1", "10.0.0.1, 203.0.113.1", "203.0.113.1"},
		{"through two of ours", "192.0.2.1", "10.0.0.1, 203.0.113.1, 192.0.2.9", "203.0.113.1"},
		{"nothing but proxies", "192.0.2.1", "192.0.2.9", "192.0.2.9"},
		{"a proxy for itself", "192.0.2.1", "", "192.0.2.1"},
		{"not an address", "192.0.2.1", "unknown", "192.0.2.1"},
		{"too long for an address", "192.0.2.1", string(make([]byte, 5000)), "192.0.2.1"},
		{"a subscriber's network", "2001:db8:1:2:3:4:5:6", "", "2001:db8:1:2::"},
		{"the same behind a proxy", "2001:db8:ffff::1", "2001:db8:1:2::7", "2001:db8:1:2::"},
		{"an IPv4 in disguise", "192.0.2.1", "::ffff:203.0.113.1", "203.0.113.1"},
	} {
		if got := proxies.Client(netip.MustParseAddr(row.peer), []byte(row.forwarded)); got.String() != row.want {
			t.Errorf("%s: %s", row.why, got)
		}
	}
	if got := limit.Peer(&net.TCPAddr{IP: net.ParseIP("::ffff:203.0.113.1"), Port: 80}); got.String() != "203.0.113.1" {
		t.Errorf("peer %s", got)
	}
	if got := limit.Peer(&net.UnixAddr{}); got.IsValid() {
		t.Errorf("peer %s", got)
	}
}

func TestTakeDoesNotAllocate(t *testing.T) {
	l, n := limit.New(100, 10), 0
	proxies := limit.Proxies{netip.MustParsePrefix("192.0.2.0/24")}
	peer := netip.MustParseAddr("192.0.2.1")
	if allocated := testing.AllocsPerRun(1000, func() {
		n++
		l.Take(client(n), time.Duration(n))
		proxies.Client(peer, nil)
	}); allocated != 0 {
		t.Errorf("%v allocations", allocated)
	}
}

func FuzzClient(f *testing.F) {
	proxies := limit.Proxies{netip.MustParsePrefix("192.0.2.0/24")}
	peer := netip.MustParseAddr("192.0.2.1")
	f.Add([]byte("10.0.0.1, 203.0.113.1"))
	f.Add([]byte(",,fe80::1%eth0,"))
	f.Fuzz(func(t *testing.T, forwarded []byte) {
		if got := proxies.Client(peer, forwarded); !got.IsValid() || got.Zone() != "" {
			t.Errorf("%q is %v", forwarded, got)
		}
	})
}

func BenchmarkTake(b *testing.B) {
	l := limit.New(100, 10)
	b.ReportAllocs()
	n := 0
	for b.Loop() {
		n++
		l.Take(client(n&0xffff), time.Duration(n))
	}
}

func BenchmarkTakeParallel(b *testing.B) {
	l := limit.New(1e6, 1000)
	b.ReportAllocs()
	b.RunParallel(func(pb *testing.PB) {
		n := 0
		for pb.Next() {
			n++
			l.Take(client(n&0xffff), time.Duration(n))
		}
	})
}
