package stage

import (
	"context"
	"fmt"
	"net"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"
)

const (
	redisMasters = 3
	redisSlots   = 16384
	// redisNodeTimeout is after what silence the others take a member for dead: a replica takes over soon after.
	redisNodeTimeout = 2 * time.Second
)

// MissingRedis names the Debian packages that Redis needs and this machine lacks.
func MissingRedis() (out []string) {
	for _, p := range [][2]string{{"redis-server", "redis-server"}, {"redis-cli", "redis-tools"}} {
		if _, err := exec.LookPath(p[0]); err != nil {
			out = append(out, p[1])
		}
	}
	return out
}

// Redis is a redis-server that keeps everything in memory: one that died comes back empty.
type Redis struct {
	*Server
	addr, bus string // host:port; bus is for the other members of its cluster, empty when it has none
}

// Addr is where clients connect.
func (r *Redis) Addr() string { return r.addr }

// StartRedis runs a server of its own in the folder and waits until it answers.
func StartRedis(ctx context.Context, dir string) (*Redis, error) {
	addrs, err := freeAddrs(1)
	if err != nil {
		return nil, err
	}
	r := newRedis(dir, "redis", addrs[0], "")
	if err := r.Start(ctx); err != nil {
		r.Stop()
		return nil, err
	}
	return r, nil
}

func newRedis(dir, name, addr, bus string) *Redis {
	r := &Redis{addr: addr, bus: bus, Server: &Server{
		name: name, dir: filepath.Join(dir, name), command: append([]string{"redis-server"}, RedisArgs(addr, bus)...),
	}}
	r.ready = func(ctx context.Context) error {
		_, err := r.Ask(ctx, "PING")
		return err
	}
	return r
}

// RedisArgs are the arguments of a redis-server that keeps everything in memory and listens at addr, host:port; with a
// bus, host:port too, it may become a member of a cluster.
func RedisArgs(addr, bus string) []string {
	host, port, _ := net.SplitHostPort(addr) // made by a plan, not typed
	args := []string{"--bind", host, "--port", port, "--save", "", "--appendonly", "no", "--daemonize", "no"}
	if bus != "" {
		_, busPort, _ := net.SplitHostPort(bus)
		args = append(args, "--cluster-enabled", "yes", "--cluster-port", busPort, "--cluster-config-file", "nodes.conf",
			"--cluster-node-timeout", fmt.Sprint(redisNodeTimeout.Milliseconds()),
			"--cluster-require-full-coverage", "no", // a master that is dead must not silence the others
			"--repl-diskless-sync-delay", "0") // each master has one replica: there are no others to wait for
	}
	return args
}

// Ask sends one command and returns the answer as redis-cli prints it. An error of the server is an error.
func (r *Redis) Ask(ctx context.Context, args ...string) (string, error) {
	host, port, _ := net.SplitHostPort(r.addr)
	out, err := exec.CommandContext(ctx, "redis-cli", append([]string{"-e", "-h", host, "-p", port}, args...)...).CombinedOutput()
	said := strings.TrimSpace(string(out))
	if err != nil {
		return "", fmt.Errorf("%s at %s: %s: %w: %s", r.name, r.addr, args[0], err, said)
	}
	return said, nil
}

// Flush throws away everything the server has; a replica has what its master has.
func (r *Redis) Flush(ctx context.Context) error {
	_, err := r.Ask(ctx, "FLUSHALL")
	return err
}

// RedisCluster is three masters that share the slots, and a replica of each: of Nodes[i] that is Nodes[i+3], until
// one takes over.
type RedisCluster struct{ Nodes []*Redis }

// StartRedisCluster runs the servers in folders below dir and waits until all know all and every slot is served. What
// was started is stopped when that fails.
func StartRedisCluster(ctx context.Context, dir string) (*RedisCluster, error) {
	addrs, err := freeAddrs(4 * redisMasters)
	if err != nil {
		return nil, err
	}
	c := &RedisCluster{}
	for i := range 2 * redisMasters {
		c.Nodes = append(c.Nodes, newRedis(dir, fmt.Sprintf("redis-%d", i+1), addrs[2*i], addrs[2*i+1]))
	}
	if err := c.assemble(ctx); err != nil {
		c.Stop()
		return nil, err
	}
	return c, nil
}

// assemble makes a cluster of servers that know nothing.
func (c *RedisCluster) assemble(ctx context.Context) error {
	for _, r := range c.Nodes {
		if err := r.Begin(); err != nil {
			return err
		}
	}
	for i, r := range c.Nodes {
		if err := r.Ready(ctx); err != nil {
			return err
		}
		if err := c.introduce(ctx, i); err != nil {
			return err
		}
	}
	if err := c.Ready(ctx); err != nil {
		return err
	}
	replicas := c.Nodes[redisMasters:]
	for i, r := range replicas {
		id, err := c.Nodes[i].Ask(ctx, "CLUSTER", "MYID")
		if err != nil {
			return err
		}
		if _, err := r.Ask(ctx, "CLUSTER", "REPLICATE", id); err != nil {
			return err
		}
	}
	for _, r := range replicas {
		if err := r.Until(ctx, "copy of its master", r.replicates); err != nil {
			return err
		}
	}
	return nil
}

// introduce gives a member its slots, if it is a master, and makes it known to all before it. They would hear of
// each other from the first as well, some seconds later.
func (c *RedisCluster) introduce(ctx context.Context, i int) error {
	// Members that begin with the same epoch would have to settle it first.
	commands := [][]string{{"SET-CONFIG-EPOCH", fmt.Sprint(i + 1)}}
	if i < redisMasters {
		from, to := redisSlots*i/redisMasters, redisSlots*(i+1)/redisMasters-1
		commands = append(commands, []string{"ADDSLOTSRANGE", fmt.Sprint(from), fmt.Sprint(to)})
	}
	for _, other := range c.Nodes[:i] {
		host, port, _ := net.SplitHostPort(other.addr)
		_, bus, _ := net.SplitHostPort(other.bus)
		commands = append(commands, []string{"MEET", host, port, bus})
	}
	for _, command := range commands {
		if _, err := c.Nodes[i].Ask(ctx, append([]string{"CLUSTER"}, command...)...); err != nil {
			return err
		}
	}
	return nil
}

// Ready waits until each member that runs knows all others, and sees every slot served.
func (c *RedisCluster) Ready(ctx context.Context) error {
	for _, r := range c.Nodes {
		if !r.Running() {
			continue
		}
		if err := r.Until(ctx, "cluster", r.sees(len(c.Nodes))); err != nil {
			return err
		}
	}
	return nil
}

func (r *Redis) sees(members int) func(context.Context) error {
	want := []string{"cluster_state:ok", fmt.Sprintf("cluster_known_nodes:%d", members)}
	return func(ctx context.Context) error { return r.says(ctx, []string{"CLUSTER", "INFO"}, want...) }
}

func (r *Redis) replicates(ctx context.Context) error {
	return r.says(ctx, []string{"INFO", "replication"}, "role:slave", "master_link_status:up")
}

// IsMaster is nil when the server is a master.
func (r *Redis) IsMaster(ctx context.Context) error {
	return r.says(ctx, []string{"INFO", "replication"}, "role:master")
}

// says is nil when the answer to a question holds all these.
func (r *Redis) says(ctx context.Context, question []string, want ...string) error {
	said, err := r.Ask(ctx, question...)
	if err != nil {
		return err
	}
	for _, w := range want {
		if !strings.Contains(said, w) {
			return fmt.Errorf("no %q in the answer of %s to %s", w, r.name, strings.Join(question, " "))
		}
	}
	return nil
}

// Addrs are where clients connect.
func (c *RedisCluster) Addrs() (out []string) {
	for _, r := range c.Nodes {
		out = append(out, r.addr)
	}
	return out
}

// Flush throws away everything the cluster has.
func (c *RedisCluster) Flush(ctx context.Context) error {
	for _, r := range c.Nodes {
		if !r.Running() || r.IsMaster(ctx) != nil {
			continue
		}
		if err := r.Flush(ctx); err != nil {
			return err
		}
	}
	return nil
}

// Stop ends all members.
func (c *RedisCluster) Stop() {
	var all errgroup.Group
	for _, r := range c.Nodes {
		all.Go(func() error { r.Stop(); return nil })
	}
	_ = all.Wait() // nothing fails
}
