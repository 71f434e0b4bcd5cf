package fleet

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// userHz is the unit of the times in /proc/<pid>/stat: 100 on every architecture that Go runs on.
const userHz = 100

// identity names one run of one program. The number alone does not: the kernel gives it to others afterwards.
type identity struct {
	PID int `json:"pid"`
	// Began is when the process started, in 1/100 s since the machine did.
	Began uint64 `json:"began"`
	// Boot is the machine's start that Began counts from.
	Boot string `json:"boot"`
}

// vitals are what the kernel says of a running process.
type vitals struct {
	identity
	paused bool
	// rss is resident memory in bytes.
	rss int64
}

var errGone = errors.New("the process is gone")

// identify makes the identity of a process that was just started.
func identify(pid int) (identity, error) {
	v, err := look(pid)
	return v.identity, err
}

// look reads a process's vitals; errGone when there is none of that number, or only what is left of one until its
// parent asks.
func look(pid int) (vitals, error) {
	boot, err := os.ReadFile("/proc/sys/kernel/random/boot_id")
	if err != nil {
		return vitals{}, fmt.Errorf("a fleet needs the /proc of Linux: %w", err)
	}
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if errors.Is(err, os.ErrNotExist) || errors.Is(err, syscall.ESRCH) {
		return vitals{}, errGone
	}
	if err != nil {
		return vitals{}, err
	}
	v, err := parseStat(string(stat))
	v.PID, v.Boot = pid, string(bytes.TrimSpace(boot))
	return v, err
}

// parseStat reads fields 3 (state), 22 (start) and 24 (pages). The name, field 2, is in brackets and may hold anything.
func parseStat(stat string) (vitals, error) {
	fields := strings.Fields(stat[strings.LastIndexByte(stat, ')')+1:])
	if len(fields) < 22 {
		return vitals{}, fmt.Errorf("unreadable stat: %q", stat)
	}
	began, err := strconv.ParseUint(fields[19], 10, 64)
	if err != nil {
		return vitals{}, err
	}
	pages, err := strconv.ParseInt(fields[21], 10, 64)
	if err != nil {
		return vitals{}, err
	}
	v := vitals{identity: identity{Began: began}, rss: pages * int64(os.Getpagesize())}
	switch fields[0] {
	case "Z", "X", "x":
		return v, errGone
	case "T", "t":
		v.paused = true
	}
	return v, nil
}

// vitals are those of this very run; errGone when it has ended, whoever has its number now.
func (id identity) vitals() (vitals, error) {
	if id.PID <= 0 {
		return vitals{}, errGone
	}
	v, err := look(id.PID)
	if err != nil {
		return vitals{}, err
	}
	if v.identity != id {
		return vitals{}, errGone
	}
	return v, nil
}

func (id identity) alive() bool {
	_, err := id.vitals()
	return err == nil
}

// signal reaches this very run or nobody: the handle is taken first and the identity compared then, so that the
// number cannot change hands between the two.
func (id identity) signal(s syscall.Signal) error {
	if id.PID <= 0 {
		return errGone
	}
	p, err := os.FindProcess(id.PID) // on Linux a pidfd
	if err != nil {
		return err
	}
	defer func() { _ = p.Release() }() // closes the handle
	if _, err := id.vitals(); err != nil {
		return err
	}
	if err := p.Signal(s); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return err
	}
	return nil
}

// age is how long ago the process started.
func (id identity) age() time.Duration {
	text, err := os.ReadFile("/proc/uptime")
	if err != nil {
		return 0
	}
	first, _, _ := strings.Cut(string(text), " ")
	up, err := strconv.ParseFloat(first, 64)
	if err != nil {
		return 0
	}
	return time.Duration((up - float64(id.Began)/userHz) * float64(time.Second))
}

// awaitEnd waits until the run has ended.
func (id identity) awaitEnd(ctx context.Context) error {
	return until(ctx, func(context.Context) error {
		if id.alive() {
			return fmt.Errorf("process %d still runs", id.PID)
		}
		return nil
	})
}

// awaitPaused waits until the run is frozen, or until it is not.
func (id identity) awaitPaused(ctx context.Context, paused bool) error {
	var gone error
	err := until(ctx, func(context.Context) error {
		v, err := id.vitals()
		if gone = err; err == nil && v.paused != paused {
			return fmt.Errorf("process %d has not taken the signal", id.PID)
		}
		return nil
	})
	return errors.Join(gone, err)
}

// until tries until the condition holds or ctx ends; then it tells what the condition said last.
func until(ctx context.Context, holds func(context.Context) error) error {
	tick := time.NewTicker(25 * time.Millisecond)
	defer tick.Stop()
	for {
		last := holds(ctx)
		if last == nil {
			return nil
		}
		select {
		case <-ctx.Done():
			return errors.Join(last, ctx.Err())
		case <-tick.C:
		}
	}
}
