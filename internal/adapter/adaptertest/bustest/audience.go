package bustest

import (
	"reflect"
	"testing"
	"time"

	"github.com/greenroomlive/greenroom/internal/flow/audience"
)

// RunAudience runs the contract of audience.Exchange. open makes a bus that ends with the test, and returns what
// makes one more node on it.
func RunAudience(t *testing.T, open func(t *testing.T) (node func() audience.Exchange)) {
	for _, c := range []struct {
		promise string
		test    func(*testing.T, func() audience.Exchange)
	}{
		{"all other nodes hear a page, the one who tells it does not", allOthersHearThePage},
		{"pages of a node arrive whole and in order", pagesWholeAndInOrder},
		{"who has stopped hears no more pages", stoppedHearingPages},
		{"a page beyond the bounds is not told", noPage},
		{"a page that was told may be written to", thePageIsTheTellers},
	} {
		t.Run(c.promise, func(t *testing.T) { c.test(t, open(t)) })
	}
}

// reader is a node that listens for pages.
type reader struct {
	audience.Exchange
	pages chan *audience.Page
	stop  func()
}

func read(t *testing.T, e audience.Exchange) reader {
	t.Helper()
	r := reader{Exchange: e, pages: make(chan *audience.Page, 1024)}
	stop, err := e.Listen(func(p *audience.Page) { r.pages <- p })
	if err != nil {
		t.Fatal(err)
	}
	r.stop = stop
	return r
}

func (r reader) hears(t *testing.T, want *audience.Page) {
	t.Helper()
	select {
	case got := <-r.pages:
		if !reflect.DeepEqual(got, want) {
			t.Fatalf("heard a page of node %d with %d parts, want %d with %d, or its parts differ", got.Node, len(got.Parts), want.Node, len(want.Parts))
		}
	case <-time.After(patience):
		t.Fatalf("waited in vain for a page of node %d", want.Node)
	}
}

func (r reader) heardNothing(t *testing.T) {
	t.Helper()
	select {
	case got := <-r.pages:
		t.Errorf("heard a page of node %d", got.Node)
	default:
	}
}

func tell(t *testing.T, e audience.Exchange, p *audience.Page) {
	t.Helper()
	if err := e.Tell(p); err != nil {
		t.Fatal(err)
	}
}

// wholePage has each field of a page, with numbers that need all their bits.
func wholePage() *audience.Page {
	return &audience.Page{Node: 1<<64 - 1, New: true, Parts: []audience.Part{
		{
			Room: 1<<63 - 1, Session: 1 << 62, Online: 3, Peak: 7,
			Totals: []audience.Total{{Node: 1<<64 - 1, Likes: 1 << 40, WatchMs: 1<<63 - 1}, {Node: 1, Likes: 2}},
			Sketch: make([]byte, 1<<16), Fresh: []uint64{0, 1<<64 - 1, 42},
		},
		{Room: 1, Session: 2},
	}}
}

func allOthersHearThePage(t *testing.T, node func() audience.Exchange) {
	a, b, c := read(t, node()), read(t, node()), read(t, node())
	first, second := &audience.Page{Node: 1}, &audience.Page{Node: 2}
	tell(t, a, first)
	b.hears(t, first)
	c.hears(t, first)
	tell(t, b, second)
	a.hears(t, second) // and not its own page before
	c.hears(t, second)
	b.heardNothing(t)
}

func pagesWholeAndInOrder(t *testing.T, node func() audience.Exchange) {
	a, b := node(), read(t, node())
	whole := wholePage()
	full := &audience.Page{Node: 9, Parts: make([]audience.Part, audience.MaxParts)}
	for i := range full.Parts {
		full.Parts[i].Room, full.Parts[i].Session = 1<<62, 1<<62
	}
	for n := range 20 {
		tell(t, a, &audience.Page{Node: audience.NodeID(n + 1)})
		tell(t, a, whole)
		tell(t, a, full)
	}
	for n := range 20 {
		b.hears(t, &audience.Page{Node: audience.NodeID(n + 1)})
		b.hears(t, whole)
		b.hears(t, full)
	}
}

func stoppedHearingPages(t *testing.T, node func() audience.Exchange) {
	a, b, c := read(t, node()), read(t, node()), read(t, node())
	p := &audience.Page{Node: 1}
	tell(t, a, p)
	b.hears(t, p)
	c.hears(t, p)
	b.stop()
	tell(t, a, p)
	c.hears(t, p)
	tell(t, a, p)
	c.hears(t, p)
	b.heardNothing(t)
}

func noPage(t *testing.T, node func() audience.Exchange) {
	a, b := node(), read(t, node())
	for what, p := range map[string]*audience.Page{
		"of nobody":        {},
		"many parts":       {Node: 1, Parts: make([]audience.Part, audience.MaxParts+1)},
		"no room":          {Node: 1, Parts: []audience.Part{{Session: 1}}},
		"no session":       {Node: 1, Parts: []audience.Part{{Room: 1}}},
		"a large sketch":   {Node: 1, Parts: []audience.Part{{Room: 1, Session: 1, Sketch: make([]byte, 1<<17)}}},
		"too many viewers": {Node: 1, Parts: []audience.Part{{Room: 1, Session: 1, Fresh: make([]uint64, audience.MaxPageBytes/8)}}},
	} {
		if err := a.Tell(p); err == nil {
			t.Errorf("a page was told: %s", what)
		}
	}
	p := &audience.Page{Node: 1}
	tell(t, a, p)
	b.hears(t, p)
}

func thePageIsTheTellers(t *testing.T, node func() audience.Exchange) {
	a, b := node(), read(t, node())
	p := wholePage()
	tell(t, a, p)
	p.Parts[0].Fresh[0], p.Parts[0].Totals[0].Likes, p.Parts[0].Sketch[0] = 5, 5, 5
	p.Parts[1].Room = 5
	b.hears(t, wholePage())
}
