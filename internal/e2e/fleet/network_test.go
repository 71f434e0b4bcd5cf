package fleet

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/Shopify/toxiproxy/v2"
	"github.com/rs/zerolog"
)

// way is how one process reaches another: from is empty where a process tells its address itself, to everybody.
type way struct{ from, to, what string }

// network is a proxy on each way between two processes.
type network struct {
	t       *testing.T
	proxies map[way]*toxiproxy.Proxy
}

// talk is who calls whom: kinds of processes, or names.
var talk = []struct {
	from, to, what string
	everybody      bool
}{
	{"xanchor-", "mariadb", "sql", false},
	{"xroom-", "mariadb", "sql", false},
	{"xanchor-", "nats-", "nats", false},
	{"xroom-a", "nats-", "nats", false},
	{"xroom-b", "nats-b", "nats", false},
	{"xroom-", "xanchor-", "internal", false},
	{"xanchor-", "xroom-", "internal", true},
	{"xroom-", "redis-", "redis", true},
	{"nats-b", "nats-", "leaf", false},
	{"command-b", "xanchor-", "command", false},
}

// openNetwork stands between all processes that talk to each other.
func openNetwork(t *testing.T, members map[string]member) *network {
	t.Helper()
	n := &network{t: t, proxies: map[way]*toxiproxy.Proxy{}}
	server := toxiproxy.NewServer(toxiproxy.NewMetricsContainer(nil), zerolog.Nop())
	for _, pair := range talk {
		for _, from := range members {
			if !strings.HasPrefix(from.Process, pair.from) {
				continue
			}
			for _, to := range members {
				upstream := to.Addresses[pair.what]
				w := way{from.Process, to.Process, pair.what}
				if pair.everybody {
					w.from = ""
				}
				if !strings.HasPrefix(to.Process, pair.to) || upstream == "" || from.Process == to.Process || n.proxies[w] != nil {
					continue
				}
				if pair.what == "nats" && (from.Zone == "b") != (to.Process == "nats-b") {
					continue // each zone's nodes know their own servers
				}
				p := toxiproxy.NewProxy(server, w.from+">"+w.to, "127.0.0.1:0", upstream)
				if err := p.Start(); err != nil {
					t.Fatal(err)
				}
				n.proxies[w] = p
			}
		}
	}
	return n
}

func (n *network) close() {
	for _, p := range n.proxies {
		p.Stop()
	}
}

// detours are what the fleet is told of the proxies.
func (n *network) detours() (out []map[string]string) {
	for w, p := range n.proxies {
		out = append(out, map[string]string{"from": w.from, "to": w.to, "what": w.what, "addr": p.Listen})
	}
	return out
}

// toxic is what a network does to what passes.
type toxic struct {
	kind string
	// both directions, or only what is answered
	both       bool
	attributes map[string]int
}

var (
	late     = toxic{"latency", true, map[string]int{"latency": 100}}    // each way: 200 ms a round trip
	mute     = toxic{"timeout", false, map[string]int{"timeout": 0}}     // what is asked arrives, what is answered does not
	severed  = toxic{"timeout", true, map[string]int{"timeout": 0}}      // nothing arrives, and nobody is told
	resets   = toxic{"reset_peer", true, map[string]int{"timeout": 50}}  // each connection, 50 ms after it began
	sluggish = toxic{"slow_close", true, map[string]int{"delay": 3_000}} // an end is told 3 s later
)

// connections counts those that are open, by the address that took them. The fleet needs the /proc of Linux anyway.
func connections(t *testing.T) map[string]int {
	t.Helper()
	table, err := os.ReadFile("/proc/net/tcp")
	if err != nil {
		t.Fatal(err)
	}
	out := map[string]int{}
	for line := range strings.Lines(string(table)) {
		var port int
		var far, state string
		if _, err := fmt.Sscanf(line, "%s 0100007F:%X %s %s", new(string), &port, &far, &state); err == nil && state == "01" {
			out[fmt.Sprintf("127.0.0.1:%d", port)]++
		}
	}
	return out
}

// spoil poisons the ways between those whose names begin so, until heal. The answerer is the one that is called.
func (n *network) spoil(with toxic, from, to, what string) (heal func()) {
	n.t.Helper()
	directions := []string{"downstream"}
	if with.both {
		directions = append(directions, "upstream")
	}
	var poisoned []*toxiproxy.Proxy
	for w, p := range n.proxies {
		// A way of everybody is one from whoever it is.
		if w.what != what || !strings.HasPrefix(w.to, to) || w.from != "" && !strings.HasPrefix(w.from, from) {
			continue
		}
		poisoned = append(poisoned, p)
		for _, direction := range directions {
			text, err := json.Marshal(map[string]any{"type": with.kind, "name": direction, "stream": direction, "attributes": with.attributes})
			if err == nil {
				_, err = p.Toxics.AddToxicJson(strings.NewReader(string(text)))
			}
			if err != nil {
				n.t.Fatal(err)
			}
		}
	}
	// Otherwise the row would tell how well a fault is borne that nobody had.
	if open := connections(n.t); !slices.ContainsFunc(poisoned, func(p *toxiproxy.Proxy) bool { return open[p.Listen] > 0 }) {
		n.t.Errorf("nobody like %s talks %s to anybody like %s by a proxy", from, what, to)
	}
	return func() {
		for _, p := range poisoned {
			for _, direction := range directions {
				if err := p.Toxics.RemoveToxic(context.Background(), direction); err != nil {
					n.t.Error(err)
				}
			}
		}
	}
}
