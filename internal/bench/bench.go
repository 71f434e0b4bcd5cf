// Package bench is `greenroom bench`: it measures what Greenroom promises, and checks that it never lies.
//
// It runs the binary that it is part of once more, as `greenroom dev` on free loopback ports over an empty folder,
// and measures it from outside; what has no outside (project.Apply, the lookup, a start with a million
// rooms) it runs in this process on the same adapters. A figure alone says little on a machine that others use
// too, so each stands beside a comparison that was measured in the same run, by turns with it where both
// run for long. Whatever makes load is a process of its own, so that its cost is in no figure. Programs of
// others that are missing are named with their Debian package, and what needs them is left out in so many words.
//
// With --check nothing is measured: package proof reads beside writes and compares every answer with what it
// knows itself.
//
// Nothing is left behind: processes are stopped, folders removed. A figure that misses its aim is written down as
// such and does not fail the run; a request that fails does, and so does every violation that a check finds.
package bench

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/alecthomas/kong"
)

// atMost bounds a run: what takes longer hangs.
const atMost = 20 * time.Minute

// Bench is the command line of `greenroom bench`.
type Bench struct {
	Rooms int      `default:"10000" help:"Rooms that are on air and read."`
	Quick bool     `help:"Short rounds: they show that it works, not how fast."`
	Only  []string `placeholder:"NAME" help:"Measure only these: ${experiments}."`
	Out   string   `placeholder:"FILE" help:"Write the page to this file instead of stdout."`
	SVG   string   `name:"svg" placeholder:"FILE" help:"Draw the overload curve into this file."`
	// Not TempDir: where /tmp is memory, fsync costs nothing and the comparison means nothing.
	Dir string `default:"/var/tmp" help:"Data goes below this folder, which must be on a disk, and is removed."`

	Check bool          `help:"Measure nothing: read beside writes and look for answers that are not true. Any ends it with status 1."`
	Reads int64         `default:"100000000" help:"With --check: rooms to read."`
	For   time.Duration `default:"20m" help:"With --check: how long at most."`

	// As makes this process one of the helpers that the run starts: a load, or a server to compare with.
	As   string `hidden:"" env:"-"`
	Size int    `hidden:"" env:"-"`
}

// Command plugs `greenroom bench` into the command line.
func Command() kong.Option {
	return kong.OptionFunc(func(k *kong.Kong) error {
		return errors.Join(
			kong.Vars{"experiments": strings.Join(names(), ", ")}.Apply(k),
			kong.DynamicCommand("bench", "Measure what is promised beside its comparisons, or check that no answer lies.", "", &Bench{}).Apply(k),
		)
	})
}

// Run measures, checks, or is a helper. Its results go to stdout, its progress to stderr.
func (b *Bench) Run(ctx context.Context, stdout io.Writer) error {
	if b.As != "" {
		return b.help(ctx, os.Stdin, stdout)
	}
	if err := b.sane(); err != nil {
		return err
	}
	r, err := b.begin()
	if err != nil {
		return err
	}
	if b.Check {
		return errors.Join(r.check(ctx, stdout), r.end())
	}
	ctx, cancel := context.WithTimeout(ctx, atMost)
	defer cancel()
	p, err := r.measure(ctx)
	if err := errors.Join(err, r.end()); err != nil {
		return err
	}
	if b.Out == "" {
		return p.write(stdout)
	}
	return writeFile(b.Out, p.write)
}

func (b *Bench) sane() error {
	for _, name := range b.Only {
		if !slices.Contains(names(), name) {
			return fmt.Errorf("there is no experiment %q; there are %s", name, strings.Join(names(), ", "))
		}
	}
	if b.Rooms < leastRooms {
		return fmt.Errorf("--rooms is at least %d", leastRooms)
	}
	return nil
}

// run is one run over one folder.
type run struct {
	*Bench
	l          lengths
	root, self string
	sut        *subject // the running server; nil when none is wanted just now
	// What is measured once for two experiments.
	started      []StartResult
	redisStarted redisStart
}

func (b *Bench) begin() (*run, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	r := &run{Bench: b, l: full, self: self}
	if b.Quick {
		r.l = quick
	}
	r.root, err = os.MkdirTemp(b.Dir, "greenroom-bench-")
	return r, err
}

// end leaves nothing behind.
func (r *run) end() error {
	r.stop()
	return os.RemoveAll(r.root)
}

// measure carries out what is wanted, in the order of the page.
func (r *run) measure(ctx context.Context) (*page, error) {
	p := &page{machine: thisMachine(ctx, r.root), quick: r.Quick}
	for _, e := range experiments {
		if len(r.Only) > 0 && !slices.Contains(r.Only, e.name) {
			continue
		}
		say("measuring %s", e.name)
		began := time.Now()
		s, err := r.experiment(ctx, e)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", e.name, err)
		}
		say("%s took %.0f s", e.name, time.Since(began).Seconds())
		p.sections = append(p.sections, s)
	}
	return p, nil
}

func (r *run) experiment(ctx context.Context, e experiment) (section, error) {
	if why := lacks(e.needs...); why != "" {
		return section{title: e.title, how: []string{"Left out: " + why + "."}}, nil
	}
	if !e.server {
		r.stop() // what is measured in this process wants the machine for itself
	} else if err := r.start(ctx); err != nil {
		return section{}, err
	}
	s, err := e.run(r, ctx)
	s.title = e.title
	return s, err
}

// say tells who waits what goes on; the page itself may go to stdout.
func say(format string, args ...any) { fmt.Fprintf(os.Stderr, "bench: "+format+"\n", args...) }

// writeFile replaces the file at once, so that a run that fails leaves the old page.
func writeFile(path string, write func(io.Writer) error) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o750); err != nil {
		return err
	}
	f, err := os.CreateTemp(filepath.Dir(path), ".benchmarks-")
	if err != nil {
		return err
	}
	defer func() { _ = os.Remove(f.Name()) }() // gone already when all went well
	if err := errors.Join(write(f), f.Chmod(0o644), f.Close()); err != nil {
		return err
	}
	return os.Rename(f.Name(), path)
}
