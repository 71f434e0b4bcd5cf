package fleet

import (
	"crypto/ed25519"
	"net"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"

	"github.com/greenroomlive/greenroom/internal/app"
	"github.com/greenroomlive/greenroom/internal/door/auth"
	"github.com/greenroomlive/greenroom/internal/door/cli"
)

func planned() *plan {
	return newPlan("/fleet", firstBlock, programs{"greenroom": "greenroom"}, secrets{token: "ops_t", internal: "is", database: "pw", jwks: "/fleet/jwks.json"})
}

func TestEveryAddressIsItsOwn(t *testing.T) {
	p := planned()
	names, addrs := map[string]bool{}, map[string]bool{}
	for _, m := range p.processes() {
		if names[m.name] || !slices.Contains(kinds, m.kind) || len(m.line) == 0 || m.probe == nil {
			t.Errorf("%+v", m)
		}
		names[m.name] = true
		for _, e := range m.at {
			_, port, err := net.SplitHostPort(e.addr)
			n, _ := strconv.Atoi(port)
			if err != nil || addrs[e.addr] || n < firstBlock || n >= firstBlock+blockSize {
				t.Errorf("%s speaks %s at %s", m.name, e.what, e.addr)
			}
			addrs[e.addr] = true
		}
	}
	// MariaDB, 3 + 1 NATS, 6 Redis, 2 B, 2 zones of 2 viewer nodes, a forwarder, watch.
	if len(names) != 1+4+6+2+4+1+1 {
		t.Errorf("%d processes", len(names))
	}
}

// flagsOf are what a node's file says to serve.
func flagsOf(t *testing.T, p *plan, name string) map[string]any {
	t.Helper()
	m, err := p.find(name)
	if err != nil {
		t.Fatal(err)
	}
	var file struct {
		Token string         `yaml:"token"`
		Serve map[string]any `yaml:"serve"`
	}
	if err := yaml.Unmarshal([]byte(m.conf), &file); err != nil || file.Token != "ops_t" {
		t.Fatalf("%s: %v\n%s", name, err, m.conf)
	}
	if strings.Join(m.line, " ") != "greenroom --config "+m.confPath+" serve" {
		t.Errorf("%s is run by %v", name, m.line)
	}
	return file.Serve
}

func TestNodesKnowTheirEngines(t *testing.T) {
	p := planned()
	for name, want := range map[string]map[string]any{
		"xanchor-2": {"zone": "a", "home": "a", "room-b": "greenroom:pw@tcp(127.0.0.1:20000)/room_b", "nats-replicas": natsServers, "command-addr": p.anchors[1].addr("command")},
		"xroom-a-1": {"zone": "a", "room-c": "greenroom:pw@tcp(127.0.0.1:20000)/room_c_a", "nats-replicas": natsServers, "nats-mirror-domain": nil},
		"xroom-b-2": {"zone": "b", "home": "a", "room-c": "greenroom:pw@tcp(127.0.0.1:20000)/room_c_b", "nats-replicas": 1, "nats-mirror-domain": "home"},
		"command-b": {"zone": "b", "home": "a", "room-b": nil, "room-c": nil},
	} {
		flags := flagsOf(t, p, name)
		for flag, value := range want {
			if flags[flag] != value {
				t.Errorf("%s: %s is %v, want %v", name, flag, flags[flag], value)
			}
		}
		if name != "command-b" && len(flags["internal"].([]any)) != 2*viewers {
			t.Errorf("%s knows %v", name, flags["internal"])
		}
	}
	if urls := flagsOf(t, p, "xroom-b-1")["nats"].([]any); len(urls) != 1 || urls[0] != "nats://"+p.leaf.addr("nats") {
		t.Errorf("zone b asks %v", urls)
	}
	if home := flagsOf(t, p, "command-b")["home-command"].([]any); len(home) != anchors || home[0] != p.anchors[0].addr("command") {
		t.Errorf("commands of zone b go to %v", home)
	}
}

// A key that no flag reads would be passed over in silence.
func TestNodesAreToldByFlagsThatServeHas(t *testing.T) {
	model, err := cli.Model(app.Commands())
	if err != nil {
		t.Fatal(err)
	}
	known := map[string]bool{}
	for _, command := range model.Children {
		for _, f := range command.Flags {
			known[command.Name+" "+f.Name] = true
		}
	}
	p := planned()
	for _, m := range slices.Concat(p.anchors, p.homeViewers, p.otherViewers, []*process{p.forward, p.watch}) {
		for flag := range flagsOf(t, p, m.name) {
			if !known["serve "+flag] {
				t.Errorf("%s is told %s, which serve does not know", m.name, flag)
			}
		}
	}
}

func TestLeadersAreKnownByAMetricThatIsServed(t *testing.T) {
	page := "# HELP greenroom_lead_term_seq Term.\n" + `greenroom_lead_term_seq{lease="sequencer-0"} 17` + "\n" + `greenroom_lead_term_seq{lease="projector"} 0` + "\n"
	if held := leases([]byte(page)); !slices.Equal(held, []string{"sequencer-0"}) {
		t.Errorf("%v", held)
	}
	text, err := os.ReadFile("../../docs/reference/metrics.md")
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(text), "`"+leadMetric+"` | gauge | `lease`") {
		t.Errorf("nobody serves %s", leadMetric)
	}
}

func TestNATSKnowsItsNeighbours(t *testing.T) {
	p := planned()
	for _, m := range p.nats {
		if !strings.Contains(m.conf, p.nats[2].addr("cluster")) || !strings.Contains(m.conf, "sync_interval: always") || strings.Contains(m.conf, "remotes") {
			t.Errorf("%s:\n%s", m.name, m.conf)
		}
	}
	if c := p.leaf.conf; !strings.Contains(c, p.nats[0].addr("leaf")) || !strings.Contains(c, `domain: "b"`) || strings.Contains(c, "cluster") {
		t.Errorf("the leaf:\n%s", c)
	}
}

func TestSecretsAreMadeOnce(t *testing.T) {
	dir := t.TempDir()
	first, err := openSecrets(dir)
	if err != nil {
		t.Fatal(err)
	}
	again, err := openSecrets(dir)
	if err != nil || again != first || first.token == "" || first.internal == "" || first.database == "" {
		t.Errorf("%v, then others, or %v", first, err)
	}
	key, err := auth.DevKey(dir) // with which `greenroom token mint --data` signs
	if err != nil {
		t.Fatal(err)
	}
	set, err := os.ReadFile(first.jwks)
	if kid := auth.KeyID(key.Public().(ed25519.PublicKey)); err != nil || !strings.Contains(string(set), kid) {
		t.Errorf("%v: the nodes do not know the key %s:\n%s", err, kid, set)
	}
	files, err := os.ReadDir(dir)
	if err != nil || len(files) != 5 {
		t.Fatalf("%v, %v", files, err)
	}
	for _, f := range files {
		if info, err := f.Info(); err != nil || f.Name() != jwksFile && info.Mode().Perm() != private {
			t.Errorf("%s: %v, %v", f.Name(), info.Mode(), err)
		}
	}
}

func TestParseStat(t *testing.T) {
	const rest = " 1 1 1 0 -1 4194304 1 0 0 0 7 3 0 0 20 0 1 0 4711 8192 250 18446744073709551615"
	v, err := parseStat("12 (a) b) S" + rest)
	if err != nil || v.Began != 4711 || v.rss < 250<<10 || v.paused {
		t.Errorf("%+v, %v", v, err)
	}
	if v, _ := parseStat("12 (a) T" + rest); !v.paused {
		t.Error("a frozen process is not paused")
	}
	if _, err := parseStat("12 (a) Z" + rest); err == nil {
		t.Error("a zombie lives")
	}
	if _, err := parseStat("12 (a"); err == nil {
		t.Error("half a line is read")
	}
}
