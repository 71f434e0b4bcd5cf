package bench

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"runtime/debug"
	"slices"
	"strings"
	"syscall"
	"time"
)

// aptPackages is what the bench needs besides Go, on Debian.
const aptPackages = "wrk redis-server redis-tools util-linux nginx libnginx-mod-rtmp ffmpeg"

// packageOf names the Debian package of a program.
var packageOf = map[string]string{
	"wrk": "wrk", "redis-server": "redis-server", "redis-benchmark": "redis-tools", "redis-cli": "redis-tools", "taskset": "util-linux",
}

// redisPrograms are what a comparison with Redis takes.
var redisPrograms = []string{"redis-server", "redis-benchmark", "redis-cli", "taskset"}

// lacks says what is missing of the programs, and in which Debian packages it is; "" when all are there.
func lacks(programs ...string) string {
	var names, packages []string
	for _, name := range programs {
		if _, err := exec.LookPath(name); err != nil {
			names, packages = append(names, name), append(packages, packageOf[name])
		}
	}
	switch {
	case len(names) > 0:
		slices.Sort(packages)
		return strings.Join(names, ", ") + " not found (Debian: " + strings.Join(slices.Compact(packages), " ") + ")"
	case slices.Contains(programs, "taskset") && runtime.NumCPU() < 2:
		return "this takes two cores, one for the server and one for the load"
	}
	return ""
}

// machine is where and of what the figures are.
type machine struct {
	commit, date, cpu, kernel, disk, redis string
}

// thisMachine asks around. What cannot be found out is "unknown": no figure depends on it.
func thisMachine(ctx context.Context, dir string) machine {
	return machine{
		commit: commit(ctx), date: time.Now().UTC().Format("2006-01-02 15:04 MST"), disk: disk(dir),
		cpu: cpuModel(read("/proc/cpuinfo")), kernel: strings.TrimSpace(read("/proc/sys/kernel/osrelease")),
		redis: said(ctx, "redis-server", "--version"),
	}
}

func (m machine) rows() [][]string {
	return [][]string{
		{"commit", m.commit}, {"date", m.date},
		{"machine", fmt.Sprintf("%s, %d cores, Linux %s", m.cpu, runtime.NumCPU(), m.kernel)},
		{"disk", m.disk}, {"Go", runtime.Version()},
		{"Redis", redisVersion(m.redis)}, {"SQLite", "modernc.org/sqlite " + module("modernc.org/sqlite")},
	}
}

// measured are the files that a run replaces: they do not count as changes.
var measured = []string{":!docs/reference/benchmarks.md", ":!docs/images/overload.svg"}

// commit is what the Go toolchain stamped into the binary; where it stamps nothing, that of the folder, which
// `make bench` has just built.
func commit(ctx context.Context) string {
	settings := map[string]string{}
	if info, ok := debug.ReadBuildInfo(); ok {
		for _, s := range info.Settings {
			settings[s.Key] = s.Value
		}
	}
	hash, changed := settings["vcs.revision"], settings["vcs.modified"] == "true"
	if hash == "" {
		hash = said(ctx, "git", "rev-parse", "HEAD")
		changed = said(ctx, "git", append([]string{"status", "--porcelain", "--untracked-files=no", "--", "."}, measured...)...) != ""
	}
	hash = hash[:min(12, len(hash))]
	if hash != "" && changed {
		return hash + " with changes that are not committed"
	}
	return known(hash)
}

// cpuModel finds the first core's name in /proc/cpuinfo.
func cpuModel(info string) string {
	for line := range strings.Lines(info) {
		if key, value, ok := strings.Cut(line, ":"); ok && strings.TrimSpace(key) == "model name" {
			return strings.TrimSpace(value)
		}
	}
	return runtime.GOARCH
}

// redisVersion finds v=… in what redis-server --version says.
func redisVersion(said string) string {
	for word := range strings.FieldsSeq(said) {
		if v, ok := strings.CutPrefix(word, "v="); ok {
			return v
		}
	}
	return known("")
}

// disk names the file system of dir by its magic number (linux/magic.h).
func disk(dir string) string {
	var s syscall.Statfs_t
	if err := syscall.Statfs(dir, &s); err != nil {
		return known("")
	}
	switch s.Type {
	case 0xef53:
		return "ext4"
	case 0x58465342:
		return "xfs"
	case 0x9123683e:
		return "btrfs"
	case 0x794c7630:
		return "overlay"
	case 0x01021994:
		return "tmpfs: memory, not a disk; the figures over fsync mean nothing"
	}
	return fmt.Sprintf("file system %#x", s.Type)
}

func module(path string) string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return known("")
	}
	for _, m := range info.Deps {
		if m.Path == path {
			return m.Version
		}
	}
	return known("")
}

func read(path string) string {
	b, _ := os.ReadFile(path)
	return string(b)
}

func said(ctx context.Context, name string, args ...string) string {
	out, _ := exec.CommandContext(ctx, name, args...).Output()
	return strings.TrimSpace(string(out))
}

func known(s string) string {
	if s == "" {
		return "unknown"
	}
	return s
}
