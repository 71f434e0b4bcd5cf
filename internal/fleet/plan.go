package fleet

import (
	"context"
	"fmt"
	"net"
	"path/filepath"
	"slices"
	"strconv"
)

// The zones of the fleet. Commands are decided in home.
const (
	home  = "a"
	other = "b"
)

// How many there are of what.
const (
	natsServers  = 3 // one may die
	redisServers = 6 // three masters, a replica for each
	anchors      = 2
	viewers      = 2 // in each zone
)

// kinds are what --only takes, in the order of a start.
var kinds = []string{"mariadb", "nats", "redis", "xanchor", "xroom", "watch"}

// process is one program of the fleet: a pure description.
type process struct {
	name, kind string
	// zone is empty for what all zones share.
	zone string
	// at are the addresses it listens on, by what is spoken there.
	at []endpoint
	// dir is its working folder.
	dir string
	// line is the program with its arguments.
	line []string
	// conf is written to confPath before each start.
	conf     string
	confPath string
	// prepare is called before each start; it makes what is there only once.
	prepare func(context.Context) error
	// probe says why the process should get no work yet.
	probe func(context.Context) error
	// leads says what the process leads, if it leads anything now; may be nil.
	leads func(context.Context) string
}

type endpoint struct{ what, addr string }

// addr is where the process speaks what; the plan knows that it does.
func (p *process) addr(what string) string {
	i := slices.IndexFunc(p.at, func(e endpoint) bool { return e.what == what })
	return p.at[i].addr
}

// wave is a group of processes that start together, when those of the wave before are ready.
type wave struct {
	processes []*process
	// before runs before the first of them starts, after once all of them are ready: at each up. Both may be nil.
	before, after step
}

// step is something that is done to the fleet as a whole.
type step struct {
	name string
	do   func(context.Context) error // nil: nothing
}

// plan is the whole fleet, in the order of a start.
type plan struct {
	folder   string
	programs programs
	secrets  secrets
	detours  []detour
	waves    []wave

	mariadb        *process
	nats           []*process
	leaf           *process
	redis          []*process
	anchors        []*process
	homeViewers    []*process
	otherViewers   []*process
	forward, watch *process
}

// newPlan lays the fleet out below the folder, on the block of ports that begins at base. Ports are handed out always
// in the same order, so that the base alone tells who listens where.
func newPlan(folder string, base int, with programs, s secrets, detours ...detour) *plan {
	p := &plan{folder: folder, programs: with, secrets: s, detours: detours}
	ports := &block{next: base}
	p.layEngines(ports)
	p.layNodes(ports)
	for _, m := range p.processes() {
		p.describe(m)
	}
	return p
}

func (p *plan) layEngines(ports *block) {
	p.mariadb = p.place(ports, "mariadb", "mariadb", "", "sql")
	for i := range natsServers {
		p.nats = append(p.nats, p.place(ports, numbered("nats", i), "nats", "", "nats", "monitor", "cluster", "leaf"))
	}
	p.leaf = p.place(ports, "nats-"+other, "nats", other, "nats", "monitor")
	for i := range redisServers {
		p.redis = append(p.redis, p.place(ports, numbered("redis", i), "redis", "", "redis", "bus"))
	}
	p.waves = append(p.waves,
		wave{processes: []*process{p.mariadb}},
		wave{processes: append(slices.Clone(p.nats), p.leaf)},
		wave{processes: p.redis, after: step{"redis cluster", p.joinRedis}},
	)
}

func (p *plan) layNodes(ports *block) {
	for i := range anchors {
		p.anchors = append(p.anchors, p.place(ports, numbered("xanchor", i), "xanchor", home, "command", "admin", "internal"))
	}
	for i := range viewers {
		p.homeViewers = append(p.homeViewers, p.place(ports, numbered("xroom-"+home, i), "xroom", home, "query", "grpc", "admin", "internal"))
	}
	for i := range viewers {
		p.otherViewers = append(p.otherViewers, p.place(ports, numbered("xroom-"+other, i), "xroom", other, "query", "grpc", "admin", "internal"))
	}
	p.forward = p.place(ports, "command-"+other, "xanchor", other, "command", "admin", "internal")
	p.watch = p.place(ports, "watch", "watch", home, "command", "admin", "internal")
	p.waves = append(p.waves,
		wave{before: step{"migrations", p.migrate}, processes: p.anchors},
		wave{processes: append(slices.Clone(p.homeViewers), p.otherViewers...)},
		wave{processes: []*process{p.forward, p.watch}},
	)
}

func numbered(name string, i int) string { return name + "-" + strconv.Itoa(i+1) }

// place makes a process with ports for all that it speaks.
func (p *plan) place(ports *block, name, kind, zone string, speaks ...string) *process {
	m := &process{name: name, kind: kind, zone: zone, dir: filepath.Join(p.folder, "data", name)}
	for _, what := range speaks {
		m.at = append(m.at, endpoint{what, ports.take()})
	}
	return m
}

// processes are all of them, in the order of a start.
func (p *plan) processes() []*process {
	var out []*process
	for _, w := range p.waves {
		out = append(out, w.processes...)
	}
	return out
}

// find looks a process up by its name.
func (p *plan) find(name string) (*process, error) {
	var names []string
	for _, m := range p.processes() {
		if m.name == name {
			return m, nil
		}
		names = append(names, m.name)
	}
	return nil, fmt.Errorf("there is no process %q; there are %v", name, names)
}

// log is the file that a process writes to.
func (p *plan) log(m *process) string { return filepath.Join(p.folder, "log", m.name+".log") }

// conf is the file that a process reads.
func (p *plan) conf(name, extension string) string {
	return filepath.Join(p.folder, "conf", name+extension)
}

// addresses are where processes speak what.
func addresses(of []*process, what string) []string {
	var out []string
	for _, m := range of {
		out = append(out, m.addr(what))
	}
	return out
}

const (
	loopback = "127.0.0.1"
	// blockSize is more than a fleet needs, and makes the numbers easy to tell apart.
	blockSize = 100
	// Blocks lie where servers seldom listen, and below the ports that Linux gives to outgoing connections.
	firstBlock, lastBlock = 20000, 32600
)

// block hands out the ports of a block, one after the other.
type block struct{ next int }

func (b *block) take() string {
	b.next++
	return net.JoinHostPort(loopback, strconv.Itoa(b.next-1))
}

// chooseBlock takes the wanted block of ports, or for 0 any free one.
func chooseBlock(folder string, wanted int) (int, error) {
	if wanted == 0 {
		return freeBlock(folder)
	}
	if err := free(wanted); err != nil {
		return 0, fmt.Errorf("--base-port %d: %w", wanted, err)
	}
	return wanted, nil
}

// freeBlock finds a block that nobody listens in. It begins to look at a place that follows from the folder's name,
// so that a folder usually gets the same ports again and two folders seldom want the same.
func freeBlock(folder string) (int, error) {
	const blocks = (lastBlock - firstBlock) / blockSize
	start := 0
	for _, c := range folder {
		start = (start*31 + int(c)) % blocks
	}
	for i := range blocks {
		base := firstBlock + (start+i)%blocks*blockSize
		if free(base) == nil {
			return base, nil
		}
	}
	return 0, fmt.Errorf("no %d ports in a row are free between %d and %d", blockSize, firstBlock, lastBlock)
}

// free says which port of the block is taken.
func free(base int) error {
	for b := (&block{next: base}); b.next < base+blockSize; {
		l, err := net.Listen("tcp", b.take())
		if err != nil {
			return err
		}
		if err := l.Close(); err != nil {
			return err
		}
	}
	return nil
}
