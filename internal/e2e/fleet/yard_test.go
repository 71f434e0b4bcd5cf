package fleet

import (
	"bufio"
	"bytes"
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/go-sql-driver/mysql"

	"github.com/greenroomlive/greenroom/internal/e2e/harness"
	"github.com/greenroomlive/greenroom/internal/stage"
)

// yard is a fleet on this machine, driven as operators drive it: by `greenroom fleet`.
type yard struct {
	t          *testing.T
	dir, token string
	members    map[string]member
	net        *network
}

// member is a process as `fleet status --json` tells it.
type member struct {
	Process   string            `json:"process"`
	Kind      string            `json:"kind"`
	Zone      string            `json:"zone"`
	PID       int               `json:"pid"`
	State     string            `json:"state"`
	Leads     string            `json:"leads"`
	Addresses map[string]string `json:"addresses"`
}

// url is where it speaks what.
func (m member) url(what string) string { return "http://" + m.Addresses[what] }

const (
	sequencer = "sequencer-0"
	projector = "projector"
)

// raise brings a fleet up in the folder, with a proxy on each way between its processes.
func raise(t *testing.T, dir string) *yard {
	t.Helper()
	need(t)
	y := &yard{t: t, dir: dir, net: &network{}}
	t.Cleanup(func() { y.net.close() }) // after the fleet: it stops as it ran
	t.Cleanup(y.lower)
	y.do("up", "--only", "mariadb") // whom no detour concerns; from now on all addresses are known
	y.look()
	token, err := os.ReadFile(filepath.Join(dir, "ops-token"))
	if err != nil {
		t.Fatal(err)
	}
	y.token = strings.TrimSpace(string(token))
	y.net = openNetwork(t, y.members)
	detours, err := json.Marshal(y.net.detours())
	if err == nil {
		err = os.WriteFile(filepath.Join(dir, "detours.json"), detours, 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
	y.do("up")
	y.look()
	return y
}

// need skips the test where programs are missing; in CI it fails.
func need(t *testing.T) {
	t.Helper()
	missing := stage.MissingRedis()
	if p := stage.MissingMariaDB(); p != "" {
		missing = append(missing, p)
	}
	switch {
	case len(missing) == 0:
	case os.Getenv("CI") == "true":
		t.Fatalf("packages are missing: apt-get install %s", strings.Join(missing, " "))
	default:
		t.Skipf("packages are missing: apt-get install %s", strings.Join(missing, " "))
	}
	nats, err := stage.NATSServer(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	t.Setenv("PATH", filepath.Dir(nats)+string(os.PathListSeparator)+os.Getenv("PATH"))
}

// lower ends the fleet, whatever became of it.
func (y *yard) lower() {
	if y.t.Failed() {
		y.explain()
	}
	ctx, cancel := context.WithTimeout(context.Background(), harness.Deadline)
	defer cancel()
	if out, err := y.command(ctx, "down"); err != nil {
		y.t.Errorf("%v: %s", err, out)
	}
}

// explain shows the last warnings of each node's log.
func (y *yard) explain() {
	for name := range y.members {
		text, err := os.ReadFile(filepath.Join(y.dir, "log", name+".log"))
		if err != nil {
			continue
		}
		var told []string
		for line := range strings.Lines(string(text)) {
			if strings.Contains(line, "level=WARN") || strings.Contains(line, "level=ERROR") || strings.Contains(line, "lead:") {
				told = append(told, line)
			}
		}
		y.t.Logf("%s:\n%s", name, strings.Join(told[max(0, len(told)-30):], ""))
	}
}

func (y *yard) command(ctx context.Context, args ...string) ([]byte, error) {
	return exec.CommandContext(ctx, harness.Binary(), append([]string{"fleet", "--dir", y.dir}, args...)...).CombinedOutput()
}

// do runs a command of `greenroom fleet`, which has to succeed.
func (y *yard) do(args ...string) []byte {
	y.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 2*harness.Deadline)
	defer cancel()
	out, err := y.command(ctx, args...)
	if err != nil {
		y.t.Fatalf("fleet %s: %v\n%s", strings.Join(args, " "), err, out)
	}
	return out
}

// look learns how all processes are.
func (y *yard) look() {
	y.t.Helper()
	members := map[string]member{}
	for decoder := json.NewDecoder(bytes.NewReader(y.do("status", "--json"))); ; {
		var m member
		if err := decoder.Decode(&m); err == io.EOF {
			break
		} else if err != nil {
			y.t.Fatal(err)
		}
		members[m.Process] = m
	}
	y.members = members
}

// of are the processes of a kind and zone, sorted; an empty zone is any.
func (y *yard) of(kind, zone string) (out []member) {
	for _, m := range y.members {
		if m.Kind == kind && (zone == "" || m.Zone == zone) {
			out = append(out, m)
		}
	}
	slices.SortFunc(out, func(a, b member) int { return strings.Compare(a.Process, b.Process) })
	return out
}

// leader is who holds the lease in the zone, among those of the kind, as soon as somebody does.
func (y *yard) leader(kind, zone, lease string) (leader string) {
	y.t.Helper()
	y.await("a leader of "+lease, func(context.Context) error {
		y.look()
		for _, m := range y.of(kind, zone) {
			if strings.Contains(m.Leads, lease) {
				leader = m.Process
				return nil
			}
		}
		return fmt.Errorf("nobody leads %s in zone %s", lease, zone)
	})
	return leader
}

// others are the processes of the kind and zone but this one.
func (y *yard) others(kind, zone, than string) (out []string) {
	for _, m := range y.of(kind, zone) {
		if m.Process != than {
			out = append(out, m.Process)
		}
	}
	return out
}

// await waits until the condition holds, no longer than harness.Deadline.
func (y *yard) await(what string, holds func(context.Context) error) time.Duration {
	y.t.Helper()
	began := time.Now()
	ctx, cancel := context.WithTimeout(context.Background(), harness.Deadline)
	defer cancel()
	if err := until(ctx, holds); err != nil {
		y.t.Fatalf("no %s: %v", what, err)
	}
	return time.Since(began)
}

// until tries until the condition holds or ctx ends; then it tells what the condition said last.
func until(ctx context.Context, holds func(context.Context) error) error {
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for {
		last := holds(ctx)
		if last == nil {
			return nil
		}
		select {
		case <-ctx.Done():
			return last
		case <-tick.C:
		}
	}
}

// lasts is how long a fault goes on: that is part of the fault, nothing is waited for.
func lasts(d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	<-t.C
}

// metric reads a number of a process; 0 while it is not there.
func (y *yard) metric(ctx context.Context, process, name string) (float64, error) {
	page, err := y.get(ctx, y.members[process].url("admin")+"/metrics")
	if err != nil {
		return 0, err
	}
	for lines := bufio.NewScanner(bytes.NewReader(page)); lines.Scan(); {
		if text, found := strings.CutPrefix(lines.Text(), name+" "); found {
			return strconv.ParseFloat(text, 64)
		}
	}
	return 0, nil
}

// get reads an address as the operators; anything but 200 is an error.
func (y *yard) get(ctx context.Context, address string) ([]byte, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return nil, err
	}
	req.Header.Set("Authorization", "Bearer "+y.token)
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return nil, err
	}
	defer func() { _ = res.Body.Close() }() // it was read to its end
	body, err := io.ReadAll(res.Body)
	if err == nil && res.StatusCode != http.StatusOK {
		err = fmt.Errorf("%s: %s", res.Status, body)
	}
	return body, err
}

// exec changes room_b past all proxies, as one who has its password can.
func (y *yard) exec(text string, args ...any) {
	y.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), persistence)
	defer cancel()
	password, err := os.ReadFile(filepath.Join(y.dir, "database-password"))
	if err != nil {
		y.t.Fatal(err)
	}
	cfg := mysql.NewConfig()
	cfg.User, cfg.Passwd, cfg.DBName = "greenroom", strings.TrimSpace(string(password)), "room_b"
	cfg.Net, cfg.Addr = "tcp", y.members["mariadb"].Addresses["sql"]
	connector, err := mysql.NewConnector(cfg)
	if err != nil {
		y.t.Fatal(err)
	}
	db := sql.OpenDB(connector)
	defer func() { _ = db.Close() }() // what it did was answered
	if _, err := db.ExecContext(ctx, text, args...); err != nil {
		y.t.Fatal(err)
	}
}

// redis sends a command to a server past all proxies.
func (y *yard) redis(process string, args ...string) {
	y.t.Helper()
	addr := y.members[process].Addresses["redis"]
	port := addr[strings.LastIndexByte(addr, ':')+1:]
	if out, err := exec.Command("redis-cli", append([]string{"-e", "-p", port}, args...)...).CombinedOutput(); err != nil {
		y.t.Fatalf("redis-cli %v: %v: %s", args, err, out)
	}
}
