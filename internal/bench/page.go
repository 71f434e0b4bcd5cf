package bench

import (
	"fmt"
	"io"
	"strings"
)

// aim is a bound of a figure; the zero aim is none.
type aim struct {
	sense
	limit float64
	unit  string
}

type sense uint8

const (
	atMostLimit sense = iota + 1
	atLeastLimit
)

func atMostOf(limit float64, unit string) aim  { return aim{atMostLimit, limit, unit} }
func atLeastOf(limit float64, unit string) aim { return aim{atLeastLimit, limit, unit} }

func (a aim) String() string {
	limit := digits(a.limit)
	if a.limit == 0 {
		limit = "0"
	}
	switch a.sense {
	case atMostLimit:
		return strings.TrimSpace("≤ " + limit + " " + a.unit)
	case atLeastLimit:
		return strings.TrimSpace("≥ " + limit + " " + a.unit)
	}
	return ""
}

func (a aim) met(figure float64) bool {
	if a.sense == atLeastLimit {
		return figure >= a.limit
	}
	return figure <= a.limit
}

// row is one figure beside its comparison.
type row struct {
	what, ours, beside string
	// ratio of ours to the comparison's median; 0 for a figure without one.
	ratio float64
	// aim bounds judged: the ratio, or the figure itself.
	aim    aim
	judged float64
}

// against sets a cost beside that of something else; the aim is one of the ratio.
func against(what, beside string, ours, theirs spread, a aim) row {
	ratio := ours.median / theirs.median
	return row{what, ours.show("µs CPU"), beside + ": " + theirs.show("µs CPU"), ratio, a, ratio}
}

// figure is a number of its own with an aim.
func figure(what, ours, beside string, judged float64, a aim) row {
	return row{what: what, ours: ours, beside: beside, aim: a, judged: judged}
}

// verdict is plain: an aim that is missed by a hair is missed.
func (r row) verdict() string {
	switch {
	case r.aim.sense == 0:
		return ""
	case r.aim.met(r.judged):
		return "met"
	default:
		return "**not met**"
	}
}

func (r row) cells() []string {
	ratio := ""
	if r.ratio != 0 {
		ratio = digits(r.ratio)
	}
	return []string{r.what, r.ours, r.beside, ratio, r.aim.String(), r.verdict()}
}

// section is one measurement: its figures and how they came about.
type section struct {
	title string
	rows  []row
	// how holds paragraphs.
	how []string
	// picture is a file beside the page; "": none.
	picture string
}

// page is docs/reference/benchmarks.md.
type page struct {
	machine  machine
	quick    bool
	sections []section
}

func (p *page) write(w io.Writer) error {
	var b strings.Builder
	b.WriteString("# Benchmarks\n\n<!-- Written by `make bench`. Do not edit: run it. -->\n\n")
	if p.quick {
		b.WriteString("**A quick run: it shows that the bench works. Its rounds are too short for its figures to mean anything.**\n\n")
	}
	b.WriteString("A figure with brackets is the median of at least three rounds, with the smallest and the largest in them; one without was measured once.\n" +
		"Its comparison was measured in the same run on the same machine, turn by turn where both take rounds: read the ratios, the rest\n" +
		"depends on the machine.\n\n")
	table(&b, []string{"", ""}, p.machine.rows())
	b.WriteString("## Aims\n\n")
	var aimed [][]string
	for _, s := range p.sections {
		for _, r := range s.rows {
			if r.aim.sense != 0 {
				aimed = append(aimed, r.cells())
			}
		}
	}
	table(&b, columns, aimed)
	for _, s := range p.sections {
		fmt.Fprintf(&b, "## %s\n\n", s.title)
		cells := make([][]string, len(s.rows))
		for i, r := range s.rows {
			cells[i] = r.cells()
		}
		if len(cells) > 0 {
			table(&b, columns, cells)
		}
		if s.picture != "" {
			fmt.Fprintf(&b, "![%s](%s)\n\n", s.title, s.picture)
		}
		for _, paragraph := range s.how {
			b.WriteString(paragraph + "\n\n")
		}
	}
	b.WriteString(inGo + again)
	_, err := io.WriteString(w, b.String())
	return err
}

var columns = []string{"what", "Greenroom", "beside it", "ratio", "aim", "verdict"}

const again = "## Run it yourself\n\n```console\n$ sudo apt-get install -y " + aptPackages + "\n$ make bench\n```\n\n" +
	"It takes less than ten minutes and both cores: let nothing else run. `greenroom bench --quick` prints a page after a minute or two that\n" +
	"shows whether it works, `--only reads,batch` measures a part, and `--dir` chooses the disk. `greenroom bench --check` measures nothing and\n" +
	"compares a hundred million answers with the truth.\n"

// inGo names the benchmarks that need no server, and what holds their allocations.
const inGo = "## In Go\n\nSingle parts have benchmarks of their own: `go test -run '^$' -bench NAME PACKAGE`.\n\n" +
	"| what | benchmarks | package | allocations |\n|---|---|---|---|\n" +
	"| lookup, with the detector in front | `BenchmarkLookup` | `internal/adapter/ottercache` | none: `TestLookupWithTheDetectorDoesNotAllocate`, `TestLookupDoesNotAllocate` |\n" +
	"| a read on the fast lane | `BenchmarkLane` | `internal/door/queryapi` | none: `TestTheHotPathDoesNotAllocate` |\n" +
	"| apply | `BenchmarkApply` | `internal/adapter/sqlitestore` | reported |\n" +
	"| list insert, page, crawl | `BenchmarkChanged`, `BenchmarkLive`, `BenchmarkCrawl` | `internal/flow/query` | reported |\n" +
	"| detector | `BenchmarkCount` | `internal/guard/hotkey` | none: `TestCountDoesNotAllocate` |\n" +
	"| limiter | `BenchmarkTake` | `internal/guard/limit` | none: `TestTakeDoesNotAllocate` |\n" +
	"| admission | `BenchmarkAdmit` | `internal/guard/shed` | none: `TestAdmitDoesNotAllocate` |\n" +
	"| heartbeat, memory of a viewer | `BenchmarkBeat`, `BenchmarkViewer` | `internal/flow/audience` | reported |\n" +
	"| who may speak, memory of a mute | `BenchmarkCheck`, `BenchmarkMemory` | `internal/flow/speak` | reported |\n" +
	"| the checker's look at a card | `BenchmarkScan` | `internal/bench/proof` | none: `TestLookingAtCardsDoesNotAllocate` |\n\n"

// table writes a Markdown table; a bar inside a cell would end the cell.
func table(b *strings.Builder, head []string, rows [][]string) {
	line := func(cells []string) {
		for _, c := range cells {
			b.WriteString("| " + strings.ReplaceAll(c, "|", "\\|") + " ")
		}
		b.WriteString("|\n")
	}
	line(head)
	b.WriteString(strings.Repeat("|---", len(head)) + "|\n")
	for _, r := range rows {
		line(r)
	}
	b.WriteByte('\n')
}
