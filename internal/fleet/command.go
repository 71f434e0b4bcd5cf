package fleet

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"

	"github.com/alecthomas/kong"

	"github.com/greenroomlive/greenroom/internal/door/cli"
)

// Fleet is `greenroom fleet`.
type Fleet struct {
	Dir string `name:"dir" default:"fleet" type:"path" placeholder:"DIR" help:"Folder of the fleet: data, logs, configurations, secrets."`

	Up      upCmd      `cmd:"" help:"Start what is missing of the fleet, and wait until it is ready."`
	Status  statusCmd  `cmd:"" help:"What runs, where, and who leads."`
	Kill    killCmd    `cmd:"" help:"Send a signal to processes: KILL unless another is named."`
	Start   startCmd   `cmd:"" help:"Start processes that are dead."`
	Restart restartCmd `cmd:"" help:"Stop processes politely and start them again."`
	Logs    logsCmd    `cmd:"" help:"The last lines of a process's log."`
	Down    downCmd    `cmd:"" help:"Stop the fleet."`
}

// Command plugs `greenroom fleet` into the command line.
func Command() kong.Option {
	return kong.OptionFunc(func(k *kong.Kong) error {
		return errors.Join(
			kong.Vars{"fleet_kinds": strings.Join(kinds, ", ")}.Apply(k),
			kong.DynamicCommand("fleet", "A whole fleet on this machine: MariaDB, NATS and Redis clusters, two zones of nodes.", "", &Fleet{}).Apply(k),
		)
	})
}

// open finds the fleet in its folder. needs are the kinds whose programs must be there.
func (f *Fleet) open(out io.Writer, needs []string) (*yard, error) {
	s, found, err := loadState(f.Dir)
	if err != nil {
		return nil, err
	}
	if !found {
		return nil, fmt.Errorf("there is no fleet in %s; greenroom fleet up makes one", f.Dir)
	}
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	with, err := findPrograms(self, needs)
	if err != nil {
		return nil, err
	}
	secrets, err := openSecrets(f.Dir)
	if err != nil {
		return nil, err
	}
	detours, err := loadDetours(f.Dir)
	if err != nil {
		return nil, err
	}
	return &yard{plan: newPlan(f.Dir, s.BasePort, with, secrets, detours...), state: s, out: out}, nil
}

// change opens the fleet for a command that changes it; unlock when it is done.
func (f *Fleet) change(out io.Writer, needs []string) (y *yard, unlock func(), err error) {
	if y, err = f.open(out, needs); err != nil {
		return nil, nil, err // before the lock, which would leave a folder behind
	}
	if unlock, err = lock(f.Dir); err != nil {
		return nil, nil, err
	}
	if y.state, _, err = loadState(f.Dir); err != nil { // as it is now, under the lock
		unlock()
		return nil, nil, err
	}
	return y, unlock, nil
}

type upCmd struct {
	BasePort int      `name:"base-port" placeholder:"N" help:"First of 100 ports to use. Default: a free block below those of outgoing connections."`
	Only     []string `name:"only" placeholder:"KIND" help:"Start these kinds only: ${fleet_kinds}."`
}

// Run starts what is missing. What is missing of the machine itself is told before anything starts.
func (c *upCmd) Run(ctx context.Context, out io.Writer, f *Fleet) error {
	only := c.Only
	if len(only) == 0 {
		only = kinds
	}
	for _, k := range only {
		if !slices.Contains(kinds, k) {
			return fmt.Errorf("there is no kind %q; there are %s", k, strings.Join(kinds, ", "))
		}
	}
	if err := c.found(f.Dir, only); err != nil {
		return err
	}
	y, unlock, err := f.change(out, only)
	if err != nil {
		return err
	}
	defer unlock()
	if err := y.up(ctx, only); err != nil {
		return err
	}
	if slices.Contains(only, "xroom") {
		y.greet()
	}
	return nil
}

// found makes the folder a fleet's when it is none yet: with ports and secrets, for good, as whoever knows an address
// or a token may keep it.
func (c *upCmd) found(dir string, only []string) error {
	self, err := os.Executable()
	if err != nil {
		return err
	}
	if _, err := findPrograms(self, only); err != nil {
		return err
	}
	unlock, err := lock(dir)
	if err != nil {
		return err
	}
	defer unlock()
	s, found, err := loadState(dir)
	if err != nil {
		return err
	}
	if found {
		if c.BasePort != 0 && c.BasePort != s.BasePort {
			return fmt.Errorf("the fleet in %s has its ports from %d on; greenroom fleet down --wipe forgets them", dir, s.BasePort)
		}
		return nil
	}
	for _, name := range folders {
		if _, err := os.Lstat(filepath.Join(dir, name)); err == nil {
			return fmt.Errorf("%s is there and no fleet's; choose another folder with --dir", filepath.Join(dir, name))
		}
	}
	if s.BasePort, err = chooseBlock(dir, c.BasePort); err != nil {
		return err
	}
	if _, err := openSecrets(dir); err != nil {
		return err
	}
	return s.save(dir)
}

// greet tells where everything is, and what to try.
func (y *yard) greet() {
	command, query := "http://"+y.anchors[0].addr("command"), "http://"+y.homeViewers[0].addr("query")
	fmt.Fprintf(y.out, "\nconsole    http://%s/?token=%s", y.watch.addr("command"), y.secrets.token)
	fmt.Fprintf(y.out, "\ncommand    %s\nquery      %s (zone %s)\nquery      http://%s (zone %s)\ntoken      %s\n\nTry:\n",
		command, query, home, y.otherViewers[0].addr("query"), other, y.secrets.token)
	fmt.Fprintf(y.out, "  greenroom --data %s --command-url %s --query-url %s room create \"First room\"\n", y.folder, command, query)
	fmt.Fprintf(y.out, "  greenroom fleet --dir %s kill %s && greenroom fleet --dir %s status\n", y.folder, y.anchors[0].name, y.folder)
}

type statusCmd struct{}

// Run prints a table, or an object a line with --json.
func (c *statusCmd) Run(ctx context.Context, out io.Writer, f *Fleet, g *cli.Globals) error {
	y, err := f.open(out, nil)
	if err != nil {
		return err
	}
	rows := y.status(ctx)
	if !g.JSON {
		return printStatus(out, rows)
	}
	lines := json.NewEncoder(out)
	for _, r := range rows {
		if err := lines.Encode(r); err != nil {
			return err
		}
	}
	return nil
}

type killCmd struct {
	Process []string `arg:"" help:"Names as status shows them."`
	Signal  string   `enum:"KILL,TERM,STOP,CONT" default:"KILL" help:"KILL, TERM, STOP (it freezes) or CONT (it goes on)."`
}

// Run returns when those that were to end have ended.
func (c *killCmd) Run(ctx context.Context, out io.Writer, f *Fleet) error {
	s := map[string]syscall.Signal{"KILL": syscall.SIGKILL, "TERM": syscall.SIGTERM, "STOP": syscall.SIGSTOP, "CONT": syscall.SIGCONT}[c.Signal]
	return f.each(out, nil, c.Process, func(y *yard, m *process) error {
		if err := y.shoot(ctx, m, s); err != nil {
			return err
		}
		y.say(m.name, "got "+c.Signal, "pid", y.run(m).PID)
		return nil
	})
}

type startCmd struct {
	Process []string `arg:"" help:"Names as status shows them."`
}

// Run returns when they are ready. They start at once: members of a cluster wait for each other.
func (c *startCmd) Run(ctx context.Context, out io.Writer, f *Fleet) error {
	return f.chosen(out, kinds, c.Process, func(y *yard, all []*process) error { return y.begin(ctx, all) })
}

type restartCmd struct {
	Process []string `arg:"" help:"Names as status shows them."`
}

// Run does it one after the other, each ready before the next stops.
func (c *restartCmd) Run(ctx context.Context, out io.Writer, f *Fleet) error {
	return f.each(out, kinds, c.Process, func(y *yard, m *process) error {
		if err := y.end(ctx, []*process{m}); err != nil {
			return err
		}
		return y.begin(ctx, []*process{m})
	})
}

// each does the same to several processes, one after the other.
func (f *Fleet) each(out io.Writer, needs, names []string, do func(*yard, *process) error) error {
	return f.chosen(out, needs, names, func(y *yard, all []*process) error {
		for _, m := range all {
			if err := do(y, m); err != nil {
				return err
			}
		}
		return nil
	})
}

// chosen does something to several processes, whose names are looked up before anything is done.
func (f *Fleet) chosen(out io.Writer, needs, names []string, do func(*yard, []*process) error) error {
	y, unlock, err := f.change(out, needs)
	if err != nil {
		return err
	}
	defer unlock()
	var all []*process
	for _, name := range names {
		m, err := y.find(name)
		if err != nil {
			return err
		}
		all = append(all, m)
	}
	return do(y, all)
}

type logsCmd struct {
	Process string `arg:"" help:"Name as status shows it."`
	Follow  bool   `short:"f" help:"Go on with what is added, until interrupted."`
	Lines   int    `short:"n" default:"50" help:"How many lines."`
}

// Run prints the end of the log.
func (c *logsCmd) Run(ctx context.Context, out io.Writer, f *Fleet) error {
	y, err := f.open(out, nil)
	if err != nil {
		return err
	}
	m, err := y.find(c.Process)
	if err != nil {
		return err
	}
	text, err := tail(y.log(m), 0, c.Lines)
	if err != nil {
		return err
	}
	if _, err := io.WriteString(out, text); err != nil || !c.Follow {
		return err
	}
	return follow(ctx, y.log(m), out)
}

type downCmd struct {
	Wipe bool `help:"Remove the folder, too, with all data."`
}

// Run stops what up and start have started, and nothing else.
func (c *downCmd) Run(ctx context.Context, out io.Writer, f *Fleet) error {
	y, unlock, err := f.change(out, nil)
	if err != nil {
		return err
	}
	defer unlock()
	if err := y.down(ctx); err != nil || !c.Wipe {
		return err
	}
	return y.wipe()
}

// folders are those that a fleet makes in its own.
var folders = []string{"data", "conf", "log"}

// wipe removes what a fleet puts into its folder, and the folder when nothing else is in it: somebody may have taken
// a folder with a life of its own.
func (y *yard) wipe() error {
	all := []string{jwksFile, keyFile, internalFile, databaseFile, "ops-token", lockFile, detoursFile, stateFile}
	var failed error
	for _, name := range append(all, folders...) {
		failed = errors.Join(failed, os.RemoveAll(filepath.Join(y.folder, name)))
	}
	_ = os.Remove(y.folder) // only when it is empty
	return failed
}
