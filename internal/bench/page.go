package main

import (
	"fmt"
	"io"
	"strings"
)

// aim is a bound of a figure; the zero aim is none.
type aim struct {
	limit float64
	// least: the figure must reach the limit; otherwise it must not exceed it.
	least bool
	unit  string
}

func (a aim) String() string {
	switch {
	case a.limit == 0:
		return ""
	case a.least:
		return strings.TrimSpace("≥ " + digits(a.limit) + " " + a.unit)
	default:
		return strings.TrimSpace("≤ " + digits(a.limit) + " " + a.unit)
	}
}

func (a aim) met(figure float64) bool {
	if a.least {
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

// verdict is plain: an aim that is missed by a hair is missed.
func (r row) verdict() string {
	switch {
	case r.aim.limit == 0:
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
	b.WriteString("Every figure is the median of at least three rounds, with the smallest and the largest in brackets. Its comparison was measured\n" +
		"in the same run on the same machine, turn by turn with it: read the ratios, the rest depends on the machine.\n\n")
	table(&b, []string{"", ""}, p.machine.rows())
	b.WriteString("## Aims\n\n")
	var aimed [][]string
	for _, s := range p.sections {
		for _, r := range s.rows {
			if r.aim.limit != 0 {
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
		table(&b, columns, cells)
		for _, paragraph := range s.how {
			b.WriteString(paragraph + "\n\n")
		}
	}
	b.WriteString(again)
	_, err := io.WriteString(w, b.String())
	return err
}

var columns = []string{"what", "Greenroom", "beside it", "ratio", "aim", "verdict"}

const again = "## Run it yourself\n\n```console\n$ sudo apt-get install -y " + aptPackages + "\n$ make bench\n```\n\n" +
	"It takes about four minutes and both cores: let nothing else run. `go run ./internal/bench -quick` prints a page after half a minute\n" +
	"that shows whether it works, and `-dir` chooses the disk.\n"

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
