package bench

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strconv"
	"strings"
	"time"
)

// userHz is the unit of /proc/<pid>/stat: 100 on every architecture that Go runs on.
const userHz = 100

// cpuOf is the CPU time, user and system, that all threads of a process have spent.
func cpuOf(pid int) (time.Duration, error) {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return 0, err
	}
	return cpuOfStat(string(stat))
}

// cpuOfStat reads fields 14 and 15. The name, field 2, is in brackets and may hold anything.
func cpuOfStat(stat string) (time.Duration, error) {
	fields := strings.Fields(stat[strings.LastIndexByte(stat, ')')+1:])
	if len(fields) < 13 {
		return 0, fmt.Errorf("unreadable stat: %q", stat)
	}
	user, err := strconv.ParseInt(fields[11], 10, 64)
	if err != nil {
		return 0, err
	}
	system, err := strconv.ParseInt(fields[12], 10, 64)
	return time.Duration(user+system) * time.Second / userHz, err
}

// cost runs the load and returns the CPU time of pid per request that was answered, in microseconds.
func cost(pid int, load func() (requests int64, err error)) (float64, error) {
	before, err := cpuOf(pid)
	if err != nil {
		return 0, err
	}
	n, err := load()
	if err != nil {
		return 0, err
	}
	after, err := cpuOf(pid)
	if err == nil && n == 0 {
		err = fmt.Errorf("no request was answered")
	}
	return micros(after-before) / float64(n), err
}

// pin moves all threads of a process to these cores.
func pin(ctx context.Context, pid int, cores string) error {
	if out, err := exec.CommandContext(ctx, "taskset", "-acp", cores, strconv.Itoa(pid)).CombinedOutput(); err != nil {
		return fmt.Errorf("taskset: %w: %s", err, out)
	}
	return nil
}

// onlyOnCore0 leaves core 1 to the load.
func onlyOnCore0(ctx context.Context, pids ...int) error {
	for _, pid := range pids {
		if err := pin(ctx, pid, "0"); err != nil {
			return err
		}
	}
	return nil
}

// everyCore undoes pin.
func everyCore() string { return "0-" + strconv.Itoa(runtime.NumCPU()-1) }

// onCore is a command line that runs on one core.
func onCore(core int, name string, args ...string) []string {
	return append([]string{"taskset", "-c", strconv.Itoa(core), name}, args...)
}

// output runs a command line and returns what it wrote to stdout; stderr stands in the error.
func output(ctx context.Context, line []string) (string, error) {
	cmd := exec.CommandContext(ctx, line[0], line[1:]...)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		return "", fmt.Errorf("%s: %w: %s", strings.Join(line[:min(len(line), 4)], " "), err, stderr.String())
	}
	return string(out), nil
}

// metric finds the value of a metric without labels in a Prometheus page.
func metric(page []byte, name string) (float64, bool) {
	for lines := bufio.NewScanner(bytes.NewReader(page)); lines.Scan(); {
		if key, value, ok := strings.Cut(lines.Text(), " "); ok && key == name {
			f, err := strconv.ParseFloat(value, 64)
			return f, err == nil
		}
	}
	return 0, false
}
