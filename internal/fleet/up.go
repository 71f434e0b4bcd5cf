package fleet

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"
)

const (
	// startWithin is how long a process may take until it is ready: a cold MariaDB on a busy machine does.
	startWithin = 90 * time.Second
	// endWithin is how long one may take to end politely before it is killed.
	endWithin = 15 * time.Second
	// shownLines is how much of a log explains a failed start.
	shownLines = 15
)

// yard is a fleet in its folder, with what is known of its processes.
type yard struct {
	*plan
	state state
	out   io.Writer // what goes on
}

// run is what is known of a process's last start.
func (y *yard) run(m *process) identity { return y.state.Runs[m.name] }

func (y *yard) say(name, what string, more ...any) {
	fmt.Fprintf(y.out, "%-16s %-10s %s\n", name, what, strings.TrimSpace(fmt.Sprintln(more...)))
}

// up starts what is missing of these kinds, wave after wave.
func (y *yard) up(ctx context.Context, kinds []string) error {
	for _, w := range y.waves {
		members := slices.DeleteFunc(slices.Clone(w.processes), func(m *process) bool { return !slices.Contains(kinds, m.kind) })
		if len(members) == 0 {
			continue
		}
		if err := y.take(ctx, w.before); err != nil {
			return err
		}
		if err := y.begin(ctx, members); err != nil {
			return err
		}
		if err := y.take(ctx, w.after); err != nil {
			return err
		}
	}
	return nil
}

func (y *yard) take(ctx context.Context, s step) error {
	if s.do == nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, startWithin)
	defer cancel()
	began := time.Now()
	if err := s.do(ctx); err != nil {
		return fmt.Errorf("%s: %w", s.name, err)
	}
	y.say(s.name, "done", took(began))
	return nil
}

// begin starts those that do not run, all at once, and waits until each is ready.
func (y *yard) begin(ctx context.Context, members []*process) error {
	began := time.Now()
	logged := map[*process]int64{}
	for _, m := range members {
		v, err := y.run(m).vitals()
		if err == nil && v.paused {
			y.say(m.name, "paused", "pid", v.PID, "- continue it: greenroom fleet kill --signal CONT", m.name)
			continue
		}
		if err == nil {
			y.say(m.name, "runs", "pid", v.PID)
			continue
		}
		if logged[m], err = y.launch(ctx, m); err != nil {
			return fmt.Errorf("%s: %w", m.name, err)
		}
	}
	for _, m := range members {
		from, started := logged[m]
		if !started {
			continue
		}
		if err := y.awaitReady(ctx, m); err != nil {
			return fmt.Errorf("%s did not get ready: %w\n%s", m.name, err, y.lastWords(m, from))
		}
		y.say(m.name, "ready", took(began), "pid", y.run(m).PID)
	}
	return nil
}

func took(since time.Time) string { return fmt.Sprintf("%.1f s", time.Since(since).Seconds()) }

// launch starts a process as a daemon and remembers it. It returns where in the log this run begins.
func (y *yard) launch(ctx context.Context, m *process) (logged int64, err error) {
	if m.prepare != nil {
		if err := m.prepare(ctx); err != nil {
			return 0, err
		}
	}
	if m.conf != "" {
		if err := replace(m.confPath, []byte(m.conf)); err != nil {
			return 0, err
		}
	}
	path := y.log(m)
	if err := errors.Join(os.MkdirAll(m.dir, 0o700), os.MkdirAll(filepath.Dir(path), 0o700)); err != nil {
		return 0, err
	}
	log, err := os.OpenFile(path, os.O_CREATE|os.O_APPEND|os.O_WRONLY, private)
	if err != nil {
		return 0, err
	}
	defer func() { _ = log.Close() }() // the process has its own
	if at, err := log.Stat(); err == nil {
		logged = at.Size()
	}
	// Not CommandContext: it outlives us.
	c := exec.Command(m.line[0], m.line[1:]...)
	c.Dir, c.Env, c.Stdout, c.Stderr = m.dir, environment(), log, log
	c.SysProcAttr = &syscall.SysProcAttr{Setsid: true} // the signals of our terminal are not for it
	if err := c.Start(); err != nil {
		return logged, err
	}
	id, err := identify(c.Process.Pid)
	_ = c.Process.Release() // nobody will wait for it here
	if err != nil {
		return logged, fmt.Errorf("it ended at once: %w\n%s", err, y.lastWords(m, logged))
	}
	y.state.Runs[m.name] = id
	return logged, y.state.save(y.folder)
}

// awaitReady waits until the process is ready, or has died.
func (y *yard) awaitReady(ctx context.Context, m *process) error {
	ctx, cancel := context.WithTimeout(ctx, startWithin)
	defer cancel()
	id := y.run(m)
	var dead error
	err := until(ctx, func(ctx context.Context) error {
		if _, dead = id.vitals(); dead != nil {
			return nil
		}
		return probed(ctx, m)
	})
	return errors.Join(dead, err)
}

// probeWithin bounds one look at a process: one that is frozen takes connections and says nothing.
const probeWithin = time.Second

func probed(ctx context.Context, m *process) error {
	ctx, cancel := context.WithTimeout(ctx, probeWithin)
	defer cancel()
	return m.probe(ctx)
}

// lastWords are the last lines of a run's log.
func (y *yard) lastWords(m *process, from int64) string {
	text, err := tail(y.log(m), from, shownLines)
	if err != nil {
		return err.Error()
	}
	return fmt.Sprintf("The last lines of %s:\n%s", y.log(m), text)
}

// down stops what runs, the last wave first; what does not end when asked is killed.
func (y *yard) down(ctx context.Context) error {
	for _, w := range slices.Backward(y.waves) {
		if err := y.end(ctx, w.processes); err != nil {
			return err
		}
	}
	return nil
}

// end stops processes, all at once, and forgets them.
func (y *yard) end(ctx context.Context, members []*process) error {
	began := time.Now()
	for _, m := range members {
		for _, s := range []syscall.Signal{syscall.SIGTERM, syscall.SIGCONT} { // a frozen one hears it when it goes on
			if err := y.run(m).signal(s); err != nil && !errors.Is(err, errGone) {
				return fmt.Errorf("stop %s: %w", m.name, err)
			}
		}
	}
	within, cancel := context.WithTimeout(ctx, endWithin)
	defer cancel()
	for _, m := range members {
		id, started := y.state.Runs[m.name]
		if !started {
			continue
		}
		how := "stopped"
		if id.awaitEnd(within) != nil {
			how = "killed"
			if err := y.shoot(ctx, m, syscall.SIGKILL); err != nil && !errors.Is(err, errGone) {
				return err
			}
		}
		delete(y.state.Runs, m.name)
		if err := y.state.save(y.folder); err != nil {
			return err
		}
		y.say(m.name, how, took(began))
	}
	return nil
}

// shoot sends a signal and waits until it has done what it is for: a signal takes its time.
func (y *yard) shoot(ctx context.Context, m *process, s syscall.Signal) error {
	id := y.run(m)
	if err := id.signal(s); err != nil {
		return fmt.Errorf("%s: %w", m.name, err)
	}
	ctx, cancel := context.WithTimeout(ctx, endWithin)
	defer cancel()
	var err error
	switch s {
	case syscall.SIGSTOP, syscall.SIGCONT:
		err = id.awaitPaused(ctx, s == syscall.SIGSTOP)
	default:
		err = id.awaitEnd(ctx)
	}
	if err != nil {
		return fmt.Errorf("%s: %w", m.name, err)
	}
	return nil
}
