package stories

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// The addresses that the documents use; the test listens elsewhere and translates.
const (
	docsCommand = "127.0.0.1:8080"
	docsQuery   = "127.0.0.1:8000"
)

// TestTheGuideIsTrue runs what a reader would type. A block is executable when it is fenced as
// ```console; its lines after "$ " are commands, which share one shell per document, the others what they print.
func TestTheGuideIsTrue(t *testing.T) {
	for _, tool := range []string{"curl", "bash"} {
		if _, err := exec.LookPath(tool); err != nil {
			t.Skipf("the guide uses %s: %v", tool, err)
		}
	}
	guides, err := filepath.Glob("../../docs/guide/*.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range append(guides, "../../README.md") {
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		steps := stepsOf(string(text))
		if len(steps) == 0 {
			continue
		}
		t.Run(filepath.Base(path), func(t *testing.T) { follow(t, steps) })
	}
}

// step is one command and what it prints.
type step struct {
	line    int
	command string
	prints  []string
}

// stepsOf cuts the console blocks out of a document. A command that ends in a backslash goes on.
func stepsOf(text string) []step {
	var out []step
	inside, more := false, false
	for i, line := range strings.Split(text, "\n") {
		switch {
		case strings.HasPrefix(line, "```"):
			inside, more = line == "```console", false
		case !inside:
		case strings.HasPrefix(line, "$ "):
			out = append(out, step{line: i + 1, command: line[2:]})
			more = strings.HasSuffix(line, `\`)
		case more:
			last := &out[len(out)-1]
			last.command += "\n" + line
			more = strings.HasSuffix(line, `\`)
		case len(out) > 0:
			last := &out[len(out)-1]
			last.prints = append(last.prints, line)
		}
	}
	return out
}

// follow plays the reader of one document.
func follow(t *testing.T, steps []step) {
	w := &world{dir: t.TempDir()}
	if err := w.start("--examples"); err != nil {
		t.Fatal(err)
	}
	defer w.stop(false)
	sh := openShell(t, w)
	addresses := [][2]string{{docsCommand, hostOf(t, w.greenroom.CommandURL)}, {docsQuery, hostOf(t, w.greenroom.QueryURL)}}
	for _, s := range steps {
		command := s.command
		for _, a := range addresses {
			command = strings.ReplaceAll(command, a[0], a[1])
		}
		printed := sh.run(t, command)
		for _, a := range addresses {
			printed = strings.ReplaceAll(printed, a[1], a[0])
		}
		if !expectation(s.prints).MatchString(printed) {
			t.Fatalf("line %d: $ %s\nprinted:\n%s\nthe document says:\n%s", s.line, s.command, printed, strings.Join(s.prints, "\n"))
		}
	}
}

// shell is one bash that runs a document's commands, so that a variable set by one is there for the next.
type shell struct {
	in  io.Writer
	out *bufio.Reader
}

func openShell(t *testing.T, w *world) *shell {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), deadline)
	cmd := exec.CommandContext(ctx, "bash")
	cmd.Dir, cmd.Env = w.dir, w.env()
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = in.Close() // ends the shell
		_, _ = io.Copy(io.Discard, out)
		_ = cmd.Wait() // its status is that of the last command, which was looked at
		cancel()
	})
	return &shell{in: in, out: bufio.NewReader(out)}
}

// mark ends the output of a command.
const mark = "--8<-- end of output --8<--"

func (s *shell) run(t *testing.T, command string) string {
	t.Helper()
	if _, err := fmt.Fprintf(s.in, "{ %s\n} </dev/null 2>&1\necho '%s'\n", command, mark); err != nil {
		t.Fatal(err)
	}
	var text strings.Builder
	for {
		line, err := s.out.ReadString('\n')
		if before, found := strings.CutSuffix(line, mark+"\n"); found {
			text.WriteString(before)
			if before != "" {
				text.WriteByte('\n') // as terminals show it: curl ends without one
			}
			return text.String()
		}
		text.WriteString(line)
		if err != nil {
			t.Fatalf("$ %s\n%s\n%v", command, text.String(), err)
		}
	}
}

// What differs from one run to the next, as it looks in a document.
var varying = []struct{ written, means *regexp.Regexp }{
	{regexp.MustCompile(`^…`), regexp.MustCompile(`.*`)},
	{regexp.MustCompile(`^gr_[0-9a-z]+_[a-z2-7]+`), regexp.MustCompile(`gr_[0-9a-z]+_[a-z2-7]+`)},
	{regexp.MustCompile(`^\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(\.\d+)?Z?`), regexp.MustCompile(`\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(?:\.\d+)?Z?`)},
	{regexp.MustCompile(`^\d{15,}`), regexp.MustCompile(`\d{15,}`)},
	{regexp.MustCompile(`^\+[\d.]+(µs|ms|s)\b`), regexp.MustCompile(`(?:\+[\d.]+(?:µs|ms|s)|-)`)}, // a busy machine: not passed yet
	{regexp.MustCompile(`^direct\b`), regexp.MustCompile(`(?:direct|queue|catch-up)`)},            // whichever courier was first
	{regexp.MustCompile(`^[ \t]+`), regexp.MustCompile(`[ \t]+`)},
}

// expectation turns what a document says a command prints into a pattern. "…" stands for anything in a
// line, alone for any lines; ids, times, durations, stream keys, the
// courier that came first and the width of columns may differ.
func expectation(lines []string) *regexp.Regexp {
	var b strings.Builder
	b.WriteString(`^`)
	for _, line := range lines {
		if strings.TrimSpace(line) == "…" {
			b.WriteString(`(?:.*\n)*?`)
			continue
		}
		for rest := strings.TrimRight(line, " "); rest != ""; {
			rest = rest[writePiece(&b, rest):]
		}
		b.WriteString(`[ \t\r]*\n`)
	}
	b.WriteString(`\s*$`) // blank lines at the end say nothing
	return regexp.MustCompile(b.String())
}

// writePiece adds the pattern of the line's first piece and returns the piece's length.
func writePiece(b *strings.Builder, line string) int {
	for _, v := range varying {
		if found := v.written.FindString(line); found != "" {
			b.WriteString(v.means.String())
			return len(found)
		}
	}
	n := len(string([]rune(line)[:1]))
	b.WriteString(regexp.QuoteMeta(line[:n]))
	return n
}

func hostOf(t *testing.T, address string) string {
	t.Helper()
	u, err := url.Parse(address)
	if err != nil {
		t.Fatal(err)
	}
	return u.Host
}

func TestExpectationsCanFail(t *testing.T) {
	for _, c := range []struct {
		written, printed string
		agrees           bool
	}{
		{"room  118349882787364864", "room      99349882787364864\n", true},
		{"room  118349882787364864", "room  42\n", false},
		{"status  LIVE since 2026-11-23 14:00:11, session …", "status LIVE since 2030-01-01 00:00:00, session 1\n", true},
		{"status  LIVE", "status  IDLE\n", false},
		{"a\n…\nz", "a\nb\nc\nz\n", true},
		{"a\n…\nz", "a\nb\n", false},
		{"", "something\n", false},
		{"+1.32ms  direct", "+64.06ms   direct\n", true},
		{`{"stream_key":"gr_abc_def"}`, `{"stream_key":"gr_wdbj615idxc_qea5nik5"}` + "\n", true},
		{`{"a":"b"}`, `{"a":"b"}`, false}, // a line ends; the shell sees to it
	} {
		var lines []string
		if c.written != "" {
			lines = strings.Split(c.written, "\n")
		}
		if got := expectation(lines).MatchString(c.printed); got != c.agrees {
			t.Errorf("%q against %q: %v", c.written, c.printed, got)
		}
	}
}
