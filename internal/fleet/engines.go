package fleet

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os/exec"
	"strings"

	"github.com/greenroomlive/greenroom/internal/stage"
)

// The databases, by who owns them.
const roomB = "room_b"

func roomC(zone string) string { return "room_c_" + zone }

// databaseUser may do everything with the databases of the fleet, and nothing else.
const databaseUser = "greenroom"

// dsn is how a process reaches a database.
func (p *plan) dsn(m *process, database string) string {
	return fmt.Sprintf("%s:%s@tcp(%s)/%s", databaseUser, p.secrets.database, p.way(m, p.mariadb, "sql"), database)
}

// describe fills in how a process is run.
func (p *plan) describe(m *process) {
	switch m.kind {
	case "mariadb":
		p.describeMariaDB(m)
	case "nats":
		p.describeNATS(m)
	case "redis":
		p.describeRedis(m)
	default:
		p.describeNode(m)
	}
}

func (p *plan) describeMariaDB(m *process) {
	host, _, _ := net.SplitHostPort(m.addr("sql")) // the plan made it
	m.confPath = p.conf(m.name, ".sql")
	m.line = append([]string{p.programs["mariadbd"]}, stage.MariaDBArgs(m.dir, m.addr("sql"))...)
	m.line = append(m.line, "--init-file="+m.confPath)
	var sql strings.Builder
	fmt.Fprintf(&sql, "CREATE USER IF NOT EXISTS '%s'@'%s' IDENTIFIED BY '%s';\n", databaseUser, host, p.secrets.database)
	for _, database := range []string{roomB, roomC(home), roomC(other)} {
		fmt.Fprintf(&sql, "CREATE DATABASE IF NOT EXISTS %s CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;\n", database)
		fmt.Fprintf(&sql, "GRANT ALL ON %s.* TO '%s'@'%s';\n", database, databaseUser, host)
	}
	m.conf = sql.String()
	m.prepare = func(ctx context.Context) error { return stage.InstallMariaDB(ctx, m.dir, "socket") }
	m.probe = func(ctx context.Context) error { return greeted(ctx, m.addr("sql")) }
}

// greeted is nil when the database server at addr speaks first, as its protocol wants. It does so when it has read
// its init file.
func greeted(ctx context.Context, addr string) error {
	c, err := dial(ctx, addr)
	if err != nil {
		return err
	}
	defer func() { _ = c.Close() }()
	greeting := make([]byte, 5) // three bytes of length, a number, and the version of the protocol
	if _, err := io.ReadFull(c, greeting); err != nil {
		return err
	}
	if greeting[4] != 10 {
		return errors.New("the database refuses connections")
	}
	return nil
}

func dial(ctx context.Context, addr string) (net.Conn, error) {
	var d net.Dialer
	c, err := d.DialContext(ctx, "tcp", addr)
	if err != nil {
		return nil, err
	}
	if deadline, ok := ctx.Deadline(); ok {
		err = c.SetDeadline(deadline)
	}
	return c, err
}

func (p *plan) describeNATS(m *process) {
	c := stage.NATSConf{Name: m.name, Client: m.addr("nats"), Monitor: m.addr("monitor"), Disk: m.dir}
	if m == p.leaf {
		c.Domain, c.Remotes = m.zone, p.ways(m, p.nats, "leaf")
	} else {
		c.Domain, c.Leaves = stage.HomeDomain, m.addr("leaf")
		c.Route, c.Routes = m.addr("cluster"), addresses(p.nats, "cluster")
	}
	m.conf, m.confPath = c.String(), p.conf(m.name, ".conf")
	m.line = []string{p.programs[natsProgram], "-c", m.confPath}
	m.probe = func(ctx context.Context) error { return answers(ctx, m.addr("monitor"), "/healthz") }
	m.leads = func(ctx context.Context) string {
		var js struct {
			Meta struct {
				Leader string `json:"leader"`
			} `json:"meta_cluster"`
		}
		if text, err := get(ctx, m.addr("monitor"), "/jsz"); err == nil && json.Unmarshal(text, &js) == nil && js.Meta.Leader == m.name {
			return "jetstream"
		}
		return ""
	}
}

func (p *plan) describeRedis(m *process) {
	m.line = append([]string{p.programs["redis-server"]}, stage.RedisArgs(m.addr("redis"), m.addr("bus"))...)
	if told := p.way(nil, m, "redis"); told != m.addr("redis") {
		_, port, _ := net.SplitHostPort(told) // a detour is on loopback, too
		m.line = append(m.line, "--cluster-announce-port", port)
	}
	m.probe = func(ctx context.Context) error {
		_, err := p.redisCLI(ctx, m.addr("redis"), "PING")
		return err
	}
	m.leads = func(ctx context.Context) string {
		if said, err := p.redisCLI(ctx, m.addr("redis"), "ROLE"); err == nil && strings.HasPrefix(said, "master") {
			return "slots"
		}
		return ""
	}
}

// redisCLI asks one server; an error of the server is an error.
func (p *plan) redisCLI(ctx context.Context, addr string, args ...string) (string, error) {
	host, port, _ := net.SplitHostPort(addr) // the plan made it
	out, err := exec.CommandContext(ctx, p.programs["redis-cli"], append([]string{"-e", "-h", host, "-p", port}, args...)...).CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("redis-cli: %w: %s", err, out)
	}
	return string(out), nil
}

// joinRedis makes a cluster of the servers when they are none yet, and waits until it serves every slot.
func (p *plan) joinRedis(ctx context.Context) error {
	addrs := addresses(p.redis, "redis")
	said, err := p.redisCLI(ctx, addrs[0], "CLUSTER", "INFO")
	if err != nil {
		return err
	}
	if strings.Contains(said, "cluster_known_nodes:1\r") {
		join := append(append([]string{"--cluster", "create"}, addrs...), "--cluster-replicas", "1", "--cluster-yes")
		if _, err := p.redisCLI(ctx, addrs[0], join...); err != nil {
			return err
		}
	}
	return until(ctx, func(ctx context.Context) error {
		for _, addr := range addrs {
			said, err := p.redisCLI(ctx, addr, "CLUSTER", "INFO")
			if err != nil {
				return err
			}
			if !strings.Contains(said, "cluster_state:ok") {
				return fmt.Errorf("the Redis cluster does not serve every slot at %s", addr)
			}
		}
		return nil
	})
}
