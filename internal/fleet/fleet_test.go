package fleet

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/greenroomlive/greenroom/internal/stage"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// engines are what stands without greenroom itself.
var engines = []string{"mariadb", "nats", "redis"}

// newYard is a fleet in a fresh folder, whatever of it is started is dead at the end.
func newYard(t *testing.T) (*yard, *bytes.Buffer) {
	t.Helper()
	missing := stage.MissingRedis()
	if p := stage.MissingMariaDB(); p != "" {
		missing = append(missing, p)
	}
	if len(missing) > 0 {
		if os.Getenv("CI") == "true" {
			t.Fatalf("packages are missing: apt-get install %s", strings.Join(missing, " "))
		}
		t.Skipf("packages are missing: apt-get install %s", strings.Join(missing, " "))
	}
	nats, err := stage.NATSServer(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	t.Setenv("PATH", os.Getenv("PATH")+string(os.PathListSeparator)+filepath.Dir(nats))
	f := &Fleet{Dir: filepath.Join(t.TempDir(), "fleet")}
	if err := (&upCmd{}).found(f.Dir, engines); err != nil {
		t.Fatal(err)
	}
	out := &bytes.Buffer{}
	y, err := f.open(out, engines)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		for _, m := range y.processes() {
			_ = y.run(m).signal(syscall.SIGKILL) // most are gone
		}
	})
	return y, out
}

// of looks a process up.
func (y *yard) of(t *testing.T, name string) *process {
	t.Helper()
	m, err := y.find(name)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// states are those of the engines, by name.
func (y *yard) states(t *testing.T) map[string]string {
	out := map[string]string{}
	for _, r := range y.status(t.Context()) {
		if slices.Contains(engines, r.Kind) {
			out[r.Process] = r.State
		}
	}
	return out
}

// allBut fails the test unless every engine is ready and those named are as they should be.
func (y *yard) allBut(t *testing.T, want map[string]string) {
	t.Helper()
	states := y.states(t)
	if len(states) != 1+natsServers+1+redisServers {
		t.Fatalf("%d engines", len(states))
	}
	for name, state := range states {
		wanted := stateReady
		if w, named := want[name]; named {
			wanted = w
		}
		if state != wanted {
			t.Errorf("%s is %s, want %s", name, state, wanted)
		}
	}
}

// The life of a fleet of engines: up, up again, a death, a start, a pause, down. One test: what costs is the start.
func TestTheLifeOfAFleet(t *testing.T) {
	y, out := newYard(t)
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatalf("%v\n%s", err, out)
		}
	}
	must(y.up(ctx, engines))
	y.allBut(t, nil)
	first := fmt.Sprint(y.state.Runs)
	if n := strings.Count(out.String(), " ready "); n != 11 {
		t.Errorf("%d lines of what got ready:\n%s", n, out)
	}

	out.Reset()
	must(y.up(ctx, engines))
	if again := fmt.Sprint(y.state.Runs); again != first || strings.Contains(out.String(), "ready") {
		t.Errorf("up of what is up has changed %s to %s:\n%s", first, again, out)
	}

	must(y.shoot(ctx, y.of(t, "nats-2"), syscall.SIGKILL))
	must(y.shoot(ctx, y.of(t, "redis-6"), syscall.SIGSTOP))
	y.allBut(t, map[string]string{"nats-2": stateDead, "redis-6": statePaused})
	must(y.shoot(ctx, y.of(t, "redis-6"), syscall.SIGCONT))
	must(y.begin(ctx, []*process{y.of(t, "nats-2")}))
	y.allBut(t, nil)

	// Another command finds the same fleet in the folder.
	reopened, err := (&Fleet{Dir: y.folder}).open(out, nil)
	must(err)
	reopened.allBut(t, nil)

	var pids []int
	for _, id := range y.state.Runs {
		pids = append(pids, id.PID)
	}
	must(y.shoot(ctx, y.of(t, "redis-5"), syscall.SIGSTOP)) // down wakes it
	must(reopened.down(ctx))
	for _, pid := range pids {
		if _, err := look(pid); !errors.Is(err, errGone) {
			t.Errorf("process %d after down: %v", pid, err)
		}
	}
	if len(pids) != 11 || len(reopened.state.Runs) != 0 || strings.Contains(out.String(), "killed") {
		t.Errorf("%d processes were up, %v are left:\n%s", len(pids), reopened.state.Runs, out)
	}

	must(reopened.wipe())
	if _, err := os.Stat(y.folder); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the folder after wipe: %v", err)
	}
}

// bystander is a process that no fleet has started.
func bystander(t *testing.T) (pid int) {
	t.Helper()
	c := exec.Command("sleep", "600")
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = c.Process.Kill() // its only purpose was to live
		_ = c.Wait()
	})
	return c.Process.Pid
}

func TestANumberThatPassedToAnotherIsNotSignalled(t *testing.T) {
	pid := bystander(t)
	now, err := identify(pid)
	if err != nil {
		t.Fatal(err)
	}
	for name, once := range map[string]identity{
		"an earlier start":   {PID: pid, Began: now.Began - 1, Boot: now.Boot},
		"an earlier machine": {PID: pid, Began: now.Began, Boot: "before"},
		"nobody":             {},
	} {
		if err := once.signal(syscall.SIGKILL); !errors.Is(err, errGone) {
			t.Errorf("%s: %v", name, err)
		}
		if once.alive() {
			t.Errorf("%s is alive", name)
		}
	}
	if !now.alive() {
		t.Fatal("the bystander was shot")
	}
	if err := now.signal(syscall.SIGKILL); err != nil { // or the above proves nothing
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	if err := now.awaitEnd(ctx); err != nil {
		t.Error(err)
	}
}

func TestDownLeavesABystanderAlone(t *testing.T) {
	now, err := identify(bystander(t))
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	y := &yard{plan: newPlan(t.TempDir(), firstBlock, programs{}, secrets{}), out: &out}
	y.state.Runs = map[string]identity{"mariadb": {PID: now.PID, Began: now.Began - 1, Boot: now.Boot}}
	if err := y.down(t.Context()); err != nil {
		t.Fatal(err)
	}
	if !now.alive() || len(y.state.Runs) != 0 {
		t.Errorf("alive %t, %v", now.alive(), y.state.Runs)
	}
}

// broken is a fleet of one program that says something and ends, or never gets ready.
func broken(t *testing.T, script string) *yard {
	t.Helper()
	dir := t.TempDir()
	y := &yard{plan: &plan{folder: dir}, state: state{Runs: map[string]identity{}}, out: &bytes.Buffer{}}
	y.mariadb = &process{
		name: "broken", kind: "mariadb", dir: dir, line: []string{"sh", "-c", script},
		probe: func(context.Context) error { return errors.New("not yet") },
	}
	y.waves = []wave{{processes: []*process{y.mariadb}}}
	return y
}

func TestWhatDoesNotStartIsToldWithItsLastLines(t *testing.T) {
	y := broken(t, "echo first run >&2; exit 1")
	err := y.up(t.Context(), kinds)
	if !errors.Is(err, errGone) || !strings.Contains(err.Error(), "first run") {
		t.Errorf("%v", err)
	}
	y.mariadb.line[2] = "echo second run"
	err = y.up(t.Context(), kinds)
	if !errors.Is(err, errGone) || strings.Contains(err.Error(), "first run") || !strings.Contains(err.Error(), "second run") {
		t.Errorf("the words of another run: %v", err)
	}
	y.mariadb.line[2] = "for i in $(seq 40); do echo line $i; done"
	err = y.up(t.Context(), kinds)
	if !strings.HasSuffix(err.Error(), "line 40\n") || strings.Contains(err.Error(), "line 25\n") || !strings.Contains(err.Error(), "line 26\n") {
		t.Errorf("not the last %d lines: %v", shownLines, err)
	}
}

func TestWhatIsMissingIsToldAtOnce(t *testing.T) {
	t.Setenv("PATH", t.TempDir())
	needs := slices.Clone(kinds)
	if lookUp("", "mariadbd") != "" { // Debian keeps it in /usr/sbin, where it is found without a PATH
		needs = slices.DeleteFunc(needs, func(k string) bool { return k == "mariadb" })
	}
	_, err := findPrograms("/nowhere/greenroom", needs)
	if err == nil {
		t.Fatal("nothing is missing")
	}
	for _, want := range []string{"apt-get install", "redis-server redis-tools", "nats-server", "make fleet"} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("no %q in %v", want, err)
		}
	}
	dir := filepath.Join(t.TempDir(), "fleet")
	if err := (&upCmd{}).found(dir, needs); err == nil {
		t.Error("a fleet was made that cannot run")
	}
	if _, err := os.Stat(dir); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("a folder was left behind: %v", err)
	}
	if _, err := findPrograms("/nowhere/greenroom", []string{"xroom"}); err != nil {
		t.Errorf("nodes need no other programs: %v", err)
	}
}

func TestOneCommandAtATimeChangesAFleet(t *testing.T) {
	dir := t.TempDir()
	unlock, err := lock(dir)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := lock(dir); err == nil {
		t.Error("locked twice")
	}
	unlock()
	again, err := lock(dir)
	if err != nil {
		t.Fatal(err)
	}
	again()
}

// What up takes for its own, down --wipe removes.
func TestAFolderOfSomebodyElseIsLeftAlone(t *testing.T) {
	dir := t.TempDir()
	theirs := filepath.Join(dir, "data")
	if err := os.Mkdir(theirs, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := (&upCmd{}).found(dir, nil); err == nil || !strings.Contains(err.Error(), theirs) {
		t.Errorf("somebody's data are taken: %v", err)
	}
	if err := os.Remove(theirs); err != nil {
		t.Fatal(err)
	}
	for range 2 { // and a fleet's own folder is known again
		if err := (&upCmd{}).found(dir, nil); err != nil {
			t.Fatal(err)
		}
		if err := os.MkdirAll(theirs, 0o700); err != nil {
			t.Fatal(err)
		}
	}
}
