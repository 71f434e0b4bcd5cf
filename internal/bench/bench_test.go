package bench

import (
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"
)

// fasthttp keeps the date of its answers as long as the process lives, and looks after its workers every ten seconds, the last time
// after the end.
func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m, goleak.IgnoreAnyFunction("github.com/valyala/fasthttp.(*workerPool).Start.func2"),
		goleak.IgnoreAnyFunction("github.com/valyala/fasthttp.updateServerDate.func1"))
}

func TestSpreadIsTheMedianBetweenItsExtremes(t *testing.T) {
	for name, tt := range map[string]struct {
		rounds []float64
		want   spread
	}{
		"odd":  {[]float64{3, 1, 2}, spread{2, 1, 3}},
		"even": {[]float64{4, 1, 2, 3}, spread{2.5, 1, 4}},
		"one":  {[]float64{7}, spread{7, 7, 7}},
	} {
		if got := spreadOf(tt.rounds); got != tt.want {
			t.Errorf("%s: %v, want %v", name, got, tt.want)
		}
	}
}

func TestPercentileIsAMeasuredValue(t *testing.T) {
	hundred := make([]time.Duration, 100)
	for i := range hundred {
		hundred[i] = time.Duration(i + 1)
	}
	for _, tt := range []struct {
		sorted []time.Duration
		p      float64
		want   time.Duration
	}{
		{hundred, 0.5, 50}, {hundred, 0.99, 99}, {hundred, 1, 100}, {hundred, 0.001, 1},
		{hundred[:1], 0.99, 1}, {hundred[:3], 0.5, 2}, {nil, 0.5, 0},
	} {
		if got := percentile(tt.sorted, tt.p); got != tt.want {
			t.Errorf("p%v of %d: %d, want %d", 100*tt.p, len(tt.sorted), got, tt.want)
		}
	}
}

func TestDigitsShowsThreeThatCount(t *testing.T) {
	for f, want := range map[float64]string{
		0: "0.00", 0.834: "0.83", 9.99: "9.99", 12.34: "12.3", 123.4: "123", 1234.5: "1,235", 1234567: "1,234,567", -1500: "-1,500",
	} {
		if got := digits(f); got != want {
			t.Errorf("%v: %q, want %q", f, got, want)
		}
	}
}

func TestCPUTimeIsReadBehindTheName(t *testing.T) {
	// The name is what the program likes: here it looks like the end of itself.
	got, err := cpuOfStat("42 (green) room) S 1 42 42 0 -1 4194560 100 0 0 0 150 50 0 0 20 0 8 0 100 1 1")
	if err != nil || got != 2*time.Second {
		t.Errorf("%v, %v; want 2s", got, err)
	}
	for _, broken := range []string{"", "42 (x) S 1", "42 (x) S 1 42 42 0 -1 4194560 100 0 0 0 many 50 0"} {
		if got, err := cpuOfStat(broken); err == nil {
			t.Errorf("%q: %v, want an error", broken, got)
		}
	}
}

func TestCostNeedsAnAnswer(t *testing.T) {
	if _, err := cost(os.Getpid(), func() (int64, error) { return 0, nil }); err == nil {
		t.Error("no error for a load that nobody answered")
	}
	broken := errors.New("broken")
	if _, err := cost(os.Getpid(), func() (int64, error) { return 5, broken }); !errors.Is(err, broken) {
		t.Errorf("%v, want the load's error", err)
	}
}

func TestWrkCountsOnlyWhenAllWentWell(t *testing.T) {
	const good = "Running 4s test @ http://127.0.0.1:8000/v1/rooms/1\n  1 threads and 64 connections\n  412345 requests in 4.00s, 210.11MB read\nRequests/sec: 103086.25\n"
	if n, err := answered(good); n != 412345 || err != nil {
		t.Errorf("%d, %v", n, err)
	}
	for _, bad := range []string{
		good + "  Non-2xx or 3xx responses: 7\n",
		good + "  Socket errors: connect 0, read 3, write 0, timeout 0\n",
		"unable to connect to 127.0.0.1:8000",
	} {
		if n, err := answered(bad); err == nil {
			t.Errorf("%d requests taken from\n%s", n, bad)
		}
	}
}

func TestWhatIsFoundInReportsOfOthers(t *testing.T) {
	metrics := []byte("# TYPE go_sched_gomaxprocs_threads gauge\ngo_sched_gomaxprocs_threads_x 9\ngo_sched_gomaxprocs_threads 1\n")
	if got, ok := metric(metrics, "go_sched_gomaxprocs_threads"); got != 1 || !ok {
		t.Errorf("metric: %v, %v", got, ok)
	}
	if _, ok := metric(metrics, "absent"); ok {
		t.Error("an absent metric was found")
	}
	if got := cpuModel("processor\t: 0\nmodel name\t: A CPU @ 2.50GHz\nmodel name\t: B\n"); got != "A CPU @ 2.50GHz" {
		t.Errorf("cpu: %q", got)
	}
	if got := redisVersion("Redis server v=7.0.15 sha=00000000:0 malloc=jemalloc-5.3.0 bits=64"); got != "7.0.15" {
		t.Errorf("redis: %q", got)
	}
}

func TestAMissingProgramIsNamedWithItsRemedy(t *testing.T) {
	t.Setenv("PATH", t.TempDir())
	if got, want := lacks(redisPrograms[:3]...), "redis-server, redis-benchmark, redis-cli not found (Debian: redis-server redis-tools)"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
	if got := lacks(); got != "" {
		t.Errorf("nothing is lacking: %q", got)
	}
}

func TestAVerdictIsPlain(t *testing.T) {
	for name, tt := range map[string]struct {
		row  row
		want string
	}{
		"no aim":           {row{judged: 9}, ""},
		"below a ceiling":  {row{aim: atMostOf(1.3, ""), judged: 1.3}, "met"},
		"above a ceiling":  {row{aim: atMostOf(1.3, ""), judged: 1.301}, "**not met**"},
		"above a floor":    {row{aim: atLeastOf(3, ""), judged: 3.2}, "met"},
		"just below floor": {row{aim: atLeastOf(3, ""), judged: 2.999}, "**not met**"},
		"none at all":      {row{aim: atMostOf(0, ""), judged: 0}, "met"},
		"one is too many":  {row{aim: atMostOf(0, ""), judged: 1}, "**not met**"},
	} {
		if got := tt.row.verdict(); got != tt.want {
			t.Errorf("%s: %q, want %q", name, got, tt.want)
		}
	}
}

func TestThePageHoldsEveryFigureAndRepeatsThoseWithAims(t *testing.T) {
	p := page{quick: true, machine: machine{commit: "abc"}, sections: []section{{
		title: "Reads", how: []string{"By measuring."},
		rows: []row{
			{what: "aimed", ours: "2 µs", beside: "Redis: 1 µs", ratio: 2, aim: atMostOf(1.5, "×"), judged: 2},
			{what: "a|b", ours: "3 ms"},
		},
	}}}
	var b strings.Builder
	if err := p.write(&b); err != nil {
		t.Fatal(err)
	}
	got := b.String()
	aimed := "| aimed | 2 µs | Redis: 1 µs | 2.00 | ≤ 1.50 × | **not met** |\n"
	if strings.Count(got, aimed) != 2 {
		t.Errorf("not twice %q in\n%s", aimed, got)
	}
	for _, want := range []string{"| a\\|b | 3 ms |  |  |  |  |\n", "## Reads", "By measuring.", "| commit | abc |", "A quick run"} {
		if strings.Count(got, want) != 1 {
			t.Errorf("not once %q in\n%s", want, got)
		}
	}
}

func TestAPageThatFailsLeavesTheOldOne(t *testing.T) {
	path := filepath.Join(t.TempDir(), "docs", "page.md")
	if err := writeFile(path, func(w io.Writer) error { _, err := io.WriteString(w, "old"); return err }); err != nil {
		t.Fatal(err)
	}
	broken := errors.New("broken")
	if err := writeFile(path, func(w io.Writer) error { _, _ = io.WriteString(w, "half"); return broken }); !errors.Is(err, broken) {
		t.Errorf("%v", err)
	}
	if b, err := os.ReadFile(path); string(b) != "old" {
		t.Errorf("%q, %v", b, err)
	}
	if left, _ := filepath.Glob(filepath.Join(filepath.Dir(path), ".benchmarks-*")); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
}
