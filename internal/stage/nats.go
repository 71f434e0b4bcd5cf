package stage

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"golang.org/x/sync/errgroup"
)

// HomeDomain is the JetStream domain of the cluster. Zones beside it have domains of their own, so that their servers
// keep streams for themselves instead of asking the cluster for them.
const HomeDomain = "home"

// natsNodes is the smallest cluster that goes on without one of its members.
const natsNodes = 3

// NATS is a nats-server with JetStream, fsyncing every message.
type NATS struct {
	*Server
	client, monitor, leaves string // host:port; leaves is where leaf nodes come in, empty at a leaf
}

// URL is where clients connect.
func (n *NATS) URL() string { return "nats://" + n.client }

// Leaves is host:port for leaf nodes of other zones.
func (n *NATS) Leaves() string { return n.leaves }

// NATSCluster is three nats-servers that replicate among themselves.
type NATSCluster struct{ Nodes []*NATS }

// NATSServer finds the nats-server program: beside this one, in the PATH, or as the Go tool of this module, which Go
// builds and keeps in its cache.
func NATSServer(ctx context.Context) (string, error) {
	if self, err := os.Executable(); err == nil {
		if path, err := exec.LookPath(filepath.Join(filepath.Dir(self), "nats-server")); err == nil {
			return path, nil
		}
	}
	if path, err := exec.LookPath("nats-server"); err == nil {
		return path, nil
	}
	out, err := exec.CommandContext(ctx, "go", "tool", "-n", "nats-server").Output()
	if err != nil {
		return "", errors.New("stage: there is no nats-server: `make fleet` puts one into bin")
	}
	return strings.TrimSpace(string(out)), nil
}

// StartNATSCluster runs three servers in folders below dir and waits until they have agreed on a leader. What was
// started is stopped when that fails.
func StartNATSCluster(ctx context.Context, program, dir string) (*NATSCluster, error) {
	addrs, err := freeAddrs(4 * natsNodes)
	if err != nil {
		return nil, err
	}
	routes := addrs[3*natsNodes:]
	c := &NATSCluster{}
	for i := range natsNodes {
		own := addrs[3*i:]
		n := newNATS(program, dir, fmt.Sprintf("nats-%d", i+1), own[0], own[1])
		n.leaves = own[2]
		n.ready = n.hasLeader
		c.Nodes = append(c.Nodes, n)
		if err := n.configure(NATSConf{Domain: HomeDomain, Route: routes[i], Routes: routes, Leaves: n.leaves}); err != nil {
			return nil, err
		}
	}
	if err := c.Start(ctx); err != nil {
		c.Stop()
		return nil, err
	}
	return c, nil
}

// Start runs all members that do not run, and waits until each knows the leader.
func (c *NATSCluster) Start(ctx context.Context) error {
	for _, n := range c.Nodes {
		if n.Running() {
			continue
		}
		if err := n.Begin(); err != nil {
			return err
		}
	}
	for _, n := range c.Nodes {
		if err := n.Ready(ctx); err != nil {
			return err
		}
	}
	return nil
}

// Stop ends all members.
func (c *NATSCluster) Stop() { c.each((*Server).Stop) }

// Kill is kill -9 of all members.
func (c *NATSCluster) Kill() { c.each((*Server).Kill) }

func (c *NATSCluster) each(do func(*Server)) {
	var all errgroup.Group
	for _, n := range c.Nodes {
		all.Go(func() error { do(n.Server); return nil })
	}
	_ = all.Wait() // nothing fails
}

// URLs are where clients connect.
func (c *NATSCluster) URLs() (out []string) {
	for _, n := range c.Nodes {
		out = append(out, n.URL())
	}
	return out
}

// Leaves are where leaf nodes connect.
func (c *NATSCluster) Leaves() (out []string) {
	for _, n := range c.Nodes {
		out = append(out, n.leaves)
	}
	return out
}

// StartNATSLeaf runs the server of another zone: a leaf node of the cluster, with a JetStream domain named like the
// zone. It serves whether or not the cluster can be reached at remotes, host:port of the members' doors for leaves.
func StartNATSLeaf(ctx context.Context, program, dir, zone string, remotes []string) (*NATS, error) {
	addrs, err := freeAddrs(2)
	if err != nil {
		return nil, err
	}
	n := newNATS(program, dir, "nats-"+zone, addrs[0], addrs[1])
	n.ready = func(ctx context.Context) error { _, err := n.jetStream(ctx); return err }
	if err := n.configure(NATSConf{Domain: zone, Remotes: remotes}); err != nil {
		return nil, err
	}
	if err := n.Start(ctx); err != nil {
		n.Stop()
		return nil, err
	}
	return n, nil
}

// NATSConf is what a nats-server of a fleet is told. Addresses are host:port.
type NATSConf struct {
	Name, Client, Monitor string
	// Disk is the folder of its streams, Domain its JetStream domain.
	Disk, Domain string
	// Route and Routes are where it and all members of its cluster listen for each other; empty: it has none.
	Route  string
	Routes []string
	// Leaves is where leaf nodes come in, Remotes where a leaf node goes; each may be empty.
	Leaves  string
	Remotes []string
}

// String is the configuration file. Nobody advertises the others: whoever connects knows all of them, and may know them
// by other addresses, behind a proxy or in another network. Pings are frequent: a member that is frozen, and whose
// connections stay open, is given up after three seconds instead of minutes.
func (c NATSConf) String() string {
	text := fmt.Sprintf(`server_name: %q
listen: %q
http: %q
ping_interval: "1s"
ping_max: 2
jetstream {
  store_dir: %q
  domain: %q
  sync_interval: always
  max_memory_store: 64MB
  max_file_store: 2GB
}
`, c.Name, c.Client, c.Monitor, c.Disk, c.Domain)
	if len(c.Routes) > 0 {
		text += fmt.Sprintf(`cluster {
  name: greenroom
  listen: %q
  routes: [%s]
  no_advertise: true
}
`, c.Route, urls("nats-route", c.Routes))
	}
	if c.Leaves != "" {
		text += fmt.Sprintf("leafnodes { listen: %q, no_advertise: true }\n", c.Leaves)
	}
	if len(c.Remotes) > 0 {
		text += fmt.Sprintf(`leafnodes {
  reconnect: "1s"
  remotes: [{ urls: [%s] }]
}
`, urls("nats-leaf", c.Remotes))
	}
	return text
}

func urls(scheme string, addrs []string) string {
	quoted := make([]string, len(addrs))
	for i, addr := range addrs {
		quoted[i] = fmt.Sprintf("%q", scheme+"://"+addr)
	}
	return strings.Join(quoted, ", ")
}

func newNATS(program, dir, name, client, monitor string) *NATS {
	dir = filepath.Join(dir, name)
	return &NATS{
		Server: &Server{name: name, dir: dir, command: []string{program, "-c", filepath.Join(dir, name+".conf")}},
		client: client, monitor: monitor,
	}
}

// configure writes the server's configuration: what c says, and what the server knows of itself.
func (n *NATS) configure(c NATSConf) error {
	if err := os.MkdirAll(n.dir, 0o700); err != nil {
		return err
	}
	c.Name, c.Client, c.Monitor, c.Disk = n.name, n.client, n.monitor, n.disk()
	return os.WriteFile(n.command[2], []byte(c.String()), 0o600)
}

func (n *NATS) disk() string { return filepath.Join(n.dir, "disk") }

// Wipe empties the dead server's disk and leaves it its configuration.
func (n *NATS) Wipe() error {
	if n.Running() {
		return fmt.Errorf("stage: %s runs: what it has open would not be gone", n.name)
	}
	return os.RemoveAll(n.disk())
}

func (n *NATS) hasLeader(ctx context.Context) error {
	state, err := n.jetStream(ctx)
	if err == nil && (state.Meta == nil || state.Meta.Leader == "") {
		err = errors.New("the members have not agreed on a leader")
	}
	return err
}

type jetStreamState struct {
	Disabled bool `json:"disabled"`
	Meta     *struct {
		Leader string `json:"leader"`
	} `json:"meta_cluster"`
}

func (n *NATS) jetStream(ctx context.Context) (state jetStreamState, err error) {
	if err = n.ask(ctx, "/jsz", &state); err == nil && state.Disabled {
		err = errors.New("JetStream is off")
	}
	return state, err
}

// Linked is nil when a leaf node has its connection to the cluster.
func (n *NATS) Linked(ctx context.Context) error {
	var state struct {
		Leaves int `json:"leafnodes"`
	}
	err := n.ask(ctx, "/leafz", &state)
	if err == nil && state.Leaves == 0 {
		err = errors.New("no connection to the cluster")
	}
	return err
}

// ask reads a page of the server's monitor.
func (n *NATS) ask(ctx context.Context, page string, into any) error {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+n.monitor+page, nil)
	if err != nil {
		return err
	}
	r.Close = true // nobody would close it later
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		return err
	}
	defer func() { _ = answer.Body.Close() }() // it is read
	if answer.StatusCode != http.StatusOK {
		return fmt.Errorf("%s says %s", page, answer.Status)
	}
	return json.NewDecoder(answer.Body).Decode(into)
}
