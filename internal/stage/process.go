// Package stage runs the real programs of a broadcast: greenroom, nginx with its RTMP module, ffmpeg.
//
// The end-to-end tests, `make demo` and `greenroom bench` are built on it. Every program gets a process group of its
// own, so that Kill and Stop reach its children too, and is dead when either returns. Programs are
// known to be ready by what they say or serve, never by waiting a while. Only loopback is used, and
// only the folders that are given are written to.
package stage

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"time"
)

// patience is how long a program may take to end politely before it is killed.
const patience = 10 * time.Second

// keptOutput bounds what is remembered of a program's output: its end is what explains a failure.
const keptOutput = 256 << 10

// Process is a running program.
type Process struct {
	name string
	cmd  *exec.Cmd
	out  output
	done chan struct{}
	err  error
}

// Start runs a program. Each line it writes, to either stream, is given to line, if that is not nil.
func Start(line func(string), dir, name string, args ...string) (*Process, error) {
	p := &Process{name: name, cmd: exec.Command(name, args...), done: make(chan struct{})}
	p.out.line = line
	p.cmd.Dir = dir
	p.cmd.Stdout, p.cmd.Stderr = &p.out, &p.out
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	// A child that was left behind must not hold Wait by the open pipe.
	p.cmd.WaitDelay = time.Second
	if err := p.cmd.Start(); err != nil {
		return nil, fmt.Errorf("start %s: %w", name, err)
	}
	go func() {
		p.err = p.cmd.Wait()
		close(p.done)
	}()
	return p, nil
}

// Pid is the program's process id, for those who look at what it uses.
func (p *Process) Pid() int { return p.cmd.Process.Pid }

// Done is closed when the program has ended.
func (p *Process) Done() <-chan struct{} { return p.done }

// Wait returns how the program ended: nil for exit code 0.
func (p *Process) Wait(ctx context.Context) error {
	select {
	case <-p.done:
		return p.err
	case <-ctx.Done():
		return fmt.Errorf("%s still runs: %w", p.name, ctx.Err())
	}
}

// Kill is kill -9 of the program and all its children.
func (p *Process) Kill() {
	p.Signal(syscall.SIGKILL)
	<-p.done
}

// Stop asks the program to end, and kills it when it does not.
func (p *Process) Stop() {
	p.Signal(syscall.SIGTERM)
	select {
	case <-p.done:
	case <-time.After(patience):
		p.Kill()
	}
}

// Signal reaches the whole group. That it is gone already is what the caller wants.
func (p *Process) Signal(s syscall.Signal) { _ = syscall.Kill(-p.cmd.Process.Pid, s) }

// Output is the end of what the program has written so far.
func (p *Process) Output() string { return p.out.String() }

// output keeps the end of a program's output and cuts it into lines.
type output struct {
	line func(string)

	mu   sync.Mutex
	kept []byte
	rest []byte
}

func (o *output) Write(b []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.kept = append(o.kept, b...)
	if over := len(o.kept) - keptOutput; over > 0 {
		o.kept = bytes.Clone(o.kept[over:])
	}
	o.rest = append(o.rest, b...)
	for {
		line, rest, found := bytes.Cut(o.rest, []byte("\n"))
		if !found {
			return len(b), nil
		}
		o.rest = rest
		if o.line != nil {
			o.line(strings.TrimRight(string(line), "\r"))
		}
	}
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return string(o.kept)
}

// errNotYet is what a condition reports while it does not hold.
var errNotYet = errors.New("not yet")

// Until tries until the condition holds, ctx ends, or the program that it waits for dies.
func (p *Process) Until(ctx context.Context, what string, holds func(context.Context) error) error {
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		last := holds(ctx)
		if last == nil {
			return nil
		}
		select {
		case <-p.done:
			//nolint:errorlint // an end without an error prints, too
			return fmt.Errorf("%s ended (%v) before %s:\n%s", p.name, p.err, what, p.Output())
		case <-ctx.Done():
			return fmt.Errorf("%s: no %s: %w:\n%s", p.name, what, errors.Join(last, ctx.Err()), p.Output())
		case <-tick.C:
		}
	}
}

// listening reports whether somebody takes connections at addr.
func listening(addr string) func(context.Context) error {
	return func(ctx context.Context) error {
		var d net.Dialer
		c, err := d.DialContext(ctx, "tcp", addr)
		if err != nil {
			return err
		}
		return c.Close()
	}
}
