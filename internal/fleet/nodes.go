package fleet

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os/exec"
	"regexp"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/greenroomlive/greenroom/internal/stage"
)

// serve are the flags of `greenroom serve` by name, as its YAML file has them.
type serve map[string]any

// addressFlags are the flags for what a node listens to.
var addressFlags = map[string]string{
	"command": "command-addr", "query": "query-addr", "grpc": "query-grpc-addr", "admin": "query-admin-addr", "internal": "internal-addr",
}

// describeNode fills in a process that is greenroom itself.
func (p *plan) describeNode(m *process) {
	var flags serve
	switch {
	case m == p.forward:
		flags = p.forwarder(m)
	case m.kind == "xanchor":
		flags = p.anchor(m)
	case m.kind == "xroom":
		flags = p.viewer(m)
	default:
		flags = p.watcher(m)
	}
	flags["zone"], flags["home"] = m.zone, home
	flags["jwks"] = p.secrets.jwks
	flags["internal-secret"] = p.secrets.internal
	for _, e := range m.at {
		flags[addressFlags[e.what]] = e.addr
	}
	m.conf, m.confPath = p.yaml("serve", flags), p.conf(m.name, ".yaml")
	m.line = []string{p.programs["greenroom"], "--config", m.confPath, "serve"}
	m.probe = func(ctx context.Context) error { return answers(ctx, m.addr("admin"), "/readyz") }
	m.leads = func(ctx context.Context) string {
		page, err := get(ctx, m.addr("admin"), "/metrics")
		if err != nil {
			return ""
		}
		return strings.Join(leases(page), ", ")
	}
}

// leadMetric is above 0 at the process that holds the lease.
const leadMetric = "greenroom_lead_term_seq"

var leaseLine = regexp.MustCompile(`(?m)^` + leadMetric + `\{lease="([^"]+)"\} (\S+)$`)

// leases are those that the process with this page of metrics holds.
func leases(page []byte) (held []string) {
	for _, line := range leaseLine.FindAllSubmatch(page, -1) {
		if string(line[2]) != "0" {
			held = append(held, string(line[1]))
		}
	}
	return held
}

// anchor is a node of the B side.
func (p *plan) anchor(m *process) serve {
	return serve{
		"role": []string{"xanchor", "xroom-management", "xroom-extend"}, "room-b": p.dsn(m, roomB), "nats": p.natsURLs(m), "nats-replicas": natsServers, "internal": p.internals(m),
	}
}

// viewer is a node of the C side in its zone.
func (p *plan) viewer(m *process) serve {
	flags := serve{
		"role": []string{"xroom"}, "l1-mib": 256, // of each of them, on one machine
		"room-c": p.dsn(m, roomC(m.zone)), "nats": p.natsURLs(m), "nats-replicas": p.replicas(m.zone),
		"l2-redis": p.ways(m, p.redis, "redis"), "source": p.ways(m, p.anchors, "internal"), "internal": p.internals(m),
		"internal-advertise": p.way(nil, m, "internal"),
	}
	if m.zone != home {
		flags["nats-mirror-domain"] = stage.HomeDomain
	}
	return flags
}

// forwarder takes commands in the zone that does not decide them.
func (p *plan) forwarder(m *process) serve {
	return serve{"role": []string{"xanchor"}, "home-command": p.ways(m, p.anchors, "command")}
}

// watcher reads both ends.
func (p *plan) watcher(m *process) serve {
	return serve{
		"role":   []string{"watch"},
		"room-b": p.dsn(m, roomB), "room-c": p.dsn(m, roomC(home)), "nats": p.natsURLs(m), "nats-replicas": natsServers,
		"source": p.ways(m, p.anchors, "internal"), "internal": p.internals(m),
	}
}

// internals are the internal doors of all viewer nodes, as zone=host:port.
func (p *plan) internals(from *process) []string {
	var out []string
	for _, m := range slices.Concat(p.homeViewers, p.otherViewers) {
		out = append(out, m.zone+"="+p.way(from, m, "internal"))
	}
	return out
}

// natsURLs are the servers that a node connects to: its zone's.
func (p *plan) natsURLs(m *process) []string {
	servers := p.nats
	if m.zone == other {
		servers = []*process{p.leaf}
	}
	var out []string
	for _, addr := range p.ways(m, servers, "nats") {
		out = append(out, "nats://"+addr)
	}
	return out
}

// replicas is how often a zone's servers keep each message.
func (p *plan) replicas(zone string) int {
	if zone == home {
		return natsServers
	}
	return 1
}

// migrate brings the tables of all databases up to date, before anybody wants them.
func (p *plan) migrate(ctx context.Context) error {
	path := p.conf("migrate", ".yaml")
	text := p.yaml("migrate", serve{"room-b": p.dsn(nil, roomB), "room-c": []string{p.dsn(nil, roomC(home)), p.dsn(nil, roomC(other))}})
	if err := replace(path, []byte(text)); err != nil {
		return err
	}
	run := exec.CommandContext(ctx, p.programs["greenroom"], "--config", path, "migrate")
	run.Env = environment()
	if out, err := run.CombinedOutput(); err != nil {
		return fmt.Errorf("%w\n%s", err, out)
	}
	return nil
}

// yaml is a file for --config: what all commands share, and the flags of one.
func (p *plan) yaml(command string, flags serve) string {
	text, err := yaml.Marshal(map[string]any{"token": p.secrets.token, command: map[string]any(flags)})
	if err != nil {
		panic(err) // texts, numbers and lists of texts can always be written
	}
	return "# Written by greenroom fleet at each start; an edit is lost.\n" + string(text)
}

// answers is nil when the page is there; otherwise it says what stands in its place.
func answers(ctx context.Context, addr, page string) error {
	_, err := get(ctx, addr, page)
	return err
}

// mostPage bounds what is read of a page, in bytes.
const mostPage = 4 << 20

func get(ctx context.Context, addr, page string) ([]byte, error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+addr+page, nil)
	if err != nil {
		return nil, err
	}
	r.Close = true // whom it asks may be killed next
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		return nil, err
	}
	defer func() { _ = answer.Body.Close() }() // it is read
	text, err := io.ReadAll(io.LimitReader(answer.Body, mostPage))
	if err == nil && answer.StatusCode != http.StatusOK {
		err = errors.New(strings.TrimSpace(string(text)))
	}
	return text, err
}
