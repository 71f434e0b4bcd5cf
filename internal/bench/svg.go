package bench

import (
	"fmt"
	"io"
	"math"
	"strings"

	"github.com/greenroomlive/greenroom/internal/bench/overload"
)

// The picture is as wide as a phone shows it without turning: large type, two panels one below the other.
const (
	svgWidth, svgHeight = 640, 760
	panelLeft           = 90
	panelWidth          = 510
	panelHeight         = 240
)

// drawOverload draws what came of a crowd: goodput, and who entered, over what was offered. Colours follow the
// reader's, light or dark.
func drawOverload(w io.Writer, shipped, open []overload.Point) error {
	var b strings.Builder
	fmt.Fprintf(&b, `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %d" role="img" aria-labelledby="title desc" font-family="system-ui, sans-serif" font-size="18">
<title id="title">What a node does when it is asked for more than it can answer</title>
<desc id="desc">%s</desc>
<style>
  :root { color-scheme: light dark; --ink: #1c2024; --faint: #d5d9de; --ours: #0b7a4b; --theirs: #b3541e; --paper: #ffffff; }
  @media (prefers-color-scheme: dark) { :root { --ink: #e8eaed; --faint: #3a4047; --ours: #4cc38a; --theirs: #f0955b; --paper: #111418; } }
  .paper { fill: var(--paper); } text { fill: var(--ink); } .grid { stroke: var(--faint); } .axis { stroke: var(--ink); }
  .ours { stroke: var(--ours); } .theirs { stroke: var(--theirs); stroke-dasharray: 8 6; } path.curve { fill: none; stroke-width: 4; stroke-linejoin: round; }
  circle.ours { fill: var(--ours); } circle.theirs { fill: var(--theirs); }
</style>
<rect class="paper" width="%d" height="%d" rx="8"/>
`, svgWidth, svgHeight, described(shipped), svgWidth, svgHeight)
	most := max(peak(shipped), peak(open), 1)
	goodput := func(p overload.Point) float64 { return 100 * p.Goodput / most }
	entered := func(p overload.Point) float64 { return 100 * p.Entered }
	legend(&b, 34)
	panel(&b, 80, "Goodput, % of the highest", shipped, open, goodput)
	panel(&b, 430, "Viewers who enter, %", shipped, open, entered)
	fmt.Fprintf(&b, "<text x=\"%d\" y=\"%d\" text-anchor=\"middle\">Offered load, in multiples of what the node can answer</text>\n</svg>\n", panelLeft+panelWidth/2, svgHeight-16)
	_, err := io.WriteString(w, b.String())
	return err
}

// described says the picture in words.
func described(points []overload.Point) string {
	var parts []string
	for _, p := range points {
		parts = append(parts, fmt.Sprintf("%gx: %.0f answered a second, %.2f %% of entering viewers", p.Times, p.Goodput, 100*p.Entered))
	}
	return strings.Join(parts, "; ")
}

func legend(b *strings.Builder, y int) {
	for i, l := range []struct{ class, text string }{{"ours", "as shipped"}, {"theirs", "without admission"}} {
		x := panelLeft + i*200
		fmt.Fprintf(b, "<path class=\"curve %s\" d=\"M%d %dh40\"/><text x=\"%d\" y=\"%d\">%s</text>\n", l.class, x, y, x+50, y+6, l.text)
	}
}

// across is where a load stands: each doubling is as wide as the one before.
func across(times, least, most float64) float64 {
	return panelLeft + panelWidth*math.Log(times/least)/math.Log(most/least)
}

// panel draws percents over the loads.
func panel(b *strings.Builder, top int, title string, shipped, open []overload.Point, of func(overload.Point) float64) {
	least, most := shipped[0].Times, shipped[len(shipped)-1].Times
	up := func(percent float64) float64 { return float64(top) + 24 + panelHeight*(1-percent/100) }
	fmt.Fprintf(b, "<text x=\"%d\" y=\"%d\" font-weight=\"600\">%s</text>\n", panelLeft, top+4, title)
	for percent := 0.0; percent <= 100; percent += 25 {
		y := up(percent)
		fmt.Fprintf(b, "<path class=\"grid\" d=\"M%d %.1fh%d\"/><text x=\"%d\" y=\"%.1f\" text-anchor=\"end\">%.0f</text>\n", panelLeft, y, panelWidth, panelLeft-10, y+6, percent)
	}
	for _, p := range shipped {
		x := across(p.Times, least, most)
		fmt.Fprintf(b, "<path class=\"axis\" d=\"M%.1f %.1fv6\"/><text x=\"%.1f\" y=\"%.1f\" text-anchor=\"middle\">%g×</text>\n", x, up(0), x, up(0)+26, p.Times)
	}
	fmt.Fprintf(b, "<path class=\"axis\" d=\"M%d %.1fh%d\"/>\n", panelLeft, up(0), panelWidth)
	for _, c := range []struct {
		class  string
		points []overload.Point
	}{{"theirs", open}, {"ours", shipped}} {
		var line strings.Builder
		for i, p := range c.points {
			fmt.Fprintf(&line, "%c%.1f %.1f", "ML"[min(i, 1)], across(p.Times, least, most), up(of(p)))
		}
		fmt.Fprintf(b, "<path class=\"curve %s\" d=\"%s\"/>\n", c.class, line.String())
		for _, p := range c.points {
			fmt.Fprintf(b, "<circle class=\"%s\" cx=\"%.1f\" cy=\"%.1f\" r=\"5\"/>\n", c.class, across(p.Times, least, most), up(of(p)))
		}
	}
}
