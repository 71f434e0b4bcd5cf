// Command bench measures what Greenroom promises, and writes the page docs/reference/benchmarks.md.
//
//	go run ./internal/bench [-quick] [-out FILE] [-dir FOLDER]
//
// It builds the real binary, runs `greenroom dev` on free loopback ports over an empty folder, and
// measures it from outside; what has no outside (project.Apply, the lookup) it runs in this process on the
// same adapters. A figure alone says little on a machine that others use too, so each stands beside a
// comparison that was measured in the same run, turn by turn with it, and is the median of at least
// three rounds. Nothing is left behind: processes are stopped, folders removed. A figure that misses its
// aim is written down as such and does not fail the run; a request that fails does.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"
	"time"
)

// atMost bounds a run: what takes longer hangs.
const atMost = 6 * time.Minute

// lengths are how long each measurement goes on. Rounds are never fewer than three.
type lengths struct {
	rounds int
	// quick marks the page: such figures show that the bench works, and nothing else.
	quick bool

	warm, read          time.Duration
	redisGets, redisMGs int
	visible             time.Duration
	commands, fsync     time.Duration
	apply               time.Duration
}

// The rounds are as long as it takes to make a clock tick of CPU time (10 ms) less than a percent.
var (
	full  = lengths{3, false, 3 * time.Second, 4 * time.Second, 250_000, 60_000, 20 * time.Second, 6 * time.Second, 2 * time.Second, 2 * time.Second}
	quick = lengths{3, true, time.Second, time.Second, 50_000, 5_000, 2 * time.Second, time.Second, 300 * time.Millisecond, 300 * time.Millisecond}
)

// options are the command line.
type options struct {
	quick bool
	out   string
	dir   string
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	var err error
	if len(os.Args) > 1 && os.Args[1] == loadCommand {
		err = serveLoad(ctx, os.Stdin, os.Stdout)
	} else {
		err = bench(ctx, os.Args[1:])
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		stop()
		os.Exit(1)
	}
}

func bench(ctx context.Context, args []string) error {
	var o options
	flags := flag.NewFlagSet("bench", flag.ContinueOnError)
	flags.BoolVar(&o.quick, "quick", false, "short rounds: shows that it works, not how fast")
	flags.StringVar(&o.out, "out", "", "write the page to this file instead of stdout")
	// Not TempDir: where /tmp is memory, fsync costs nothing and the comparison means nothing.
	flags.StringVar(&o.dir, "dir", "/var/tmp", "data folders go below this folder, which must be on a disk")
	if err := flags.Parse(args); err != nil {
		return err
	}
	if err := needs("wrk", "redis-server", "redis-benchmark", "redis-cli", "taskset"); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, atMost)
	defer cancel()
	page, err := measure(ctx, o)
	if err != nil {
		return err
	}
	if o.out == "" {
		return page.write(os.Stdout)
	}
	return writeFile(o.out, page.write)
}

// measure runs all measurements over one data folder.
func measure(ctx context.Context, o options) (p *page, err error) {
	root, err := os.MkdirTemp(o.dir, "greenroom-bench-")
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(root)) }()
	l := full
	if o.quick {
		l = quick
	}
	p = &page{machine: thisMachine(ctx, root), quick: o.quick}
	say("building greenroom")
	sut, err := startSubject(ctx, root)
	if err != nil {
		return nil, err
	}
	defer sut.Stop()
	for _, one := range []struct {
		name string
		run  func(context.Context, lengths) (section, error)
	}{
		{"reads beside Redis", sut.reads},
		{"commit → visible", sut.visible},
		{"commands over fsync", func(ctx context.Context, l lengths) (section, error) { return sut.commands(ctx, l, root) }},
		{"project.Apply", func(ctx context.Context, l lengths) (section, error) {
			sut.Stop() // the next figures are of this process: nothing else should run
			return applying(ctx, l, filepath.Join(root, "apply"))
		}},
	} {
		say("measuring %s", one.name)
		s, err := one.run(ctx, l)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", one.name, err)
		}
		p.sections = append(p.sections, s)
	}
	return p, nil
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
