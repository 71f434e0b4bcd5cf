package bustest

import (
	"slices"
	"testing"
	"time"

	"github.com/greenroomlive/greenroom/internal/core/ident"
	"github.com/greenroomlive/greenroom/internal/flow/query"
)

// RunHot runs the contract of query.Announcer. open makes a bus that ends with the test, and returns what
// makes one more node on it.
func RunHot(t *testing.T, open func(t *testing.T) (node func() query.Announcer)) {
	for _, c := range []struct {
		promise string
		test    func(*testing.T, func() query.Announcer)
	}{
		{"all other nodes hear a word, the one who says it does not", allOthersHear},
		{"words of a node arrive whole and in order", wholeAndInOrder},
		{"who has stopped hears no more", stoppedHearing},
		{"a word that is none is not said", noWord},
		{"a word nobody hears does no harm", unheard},
	} {
		t.Run(c.promise, func(t *testing.T) { c.test(t, open(t)) })
	}
}

// ear is a node that listens.
type ear struct {
	query.Announcer
	words chan []ident.RoomID
	stop  func()
}

func listen(t *testing.T, a query.Announcer) ear {
	t.Helper()
	e := ear{Announcer: a, words: make(chan []ident.RoomID, 1024)}
	stop, err := a.Listen(func(rooms []ident.RoomID) { e.words <- rooms })
	if err != nil {
		t.Fatal(err)
	}
	e.stop = stop
	return e
}

func (e ear) hears(t *testing.T, want ...ident.RoomID) {
	t.Helper()
	select {
	case got := <-e.words:
		if !slices.Equal(got, want) {
			t.Fatalf("heard %v, want %v", got, want)
		}
	case <-time.After(patience):
		t.Fatalf("waited in vain for %v", want)
	}
}

func (e ear) heardNothing(t *testing.T) {
	t.Helper()
	select {
	case got := <-e.words:
		t.Errorf("heard %v", got)
	default:
	}
}

func say(t *testing.T, a query.Announcer, rooms ...ident.RoomID) {
	t.Helper()
	if err := a.Announce(rooms); err != nil {
		t.Fatal(err)
	}
}

func allOthersHear(t *testing.T, node func() query.Announcer) {
	a, b, c := listen(t, node()), listen(t, node()), listen(t, node())
	say(t, a, 1, 2)
	b.hears(t, 1, 2)
	c.hears(t, 1, 2)
	say(t, b, 3)
	a.hears(t, 3) // and not its own word before
	c.hears(t, 3)
	b.heardNothing(t)
}

func wholeAndInOrder(t *testing.T, node func() query.Announcer) {
	a, b := node(), listen(t, node())
	full := make([]ident.RoomID, query.MaxHot)
	for i := range full {
		full[i] = ident.RoomID(1<<62 + i)
	}
	for id := range ident.RoomID(100) {
		say(t, a, id+1)
		say(t, a, full...)
	}
	for id := range ident.RoomID(100) {
		b.hears(t, id+1)
		b.hears(t, full...)
	}
}

func stoppedHearing(t *testing.T, node func() query.Announcer) {
	a, b, c := node(), listen(t, node()), listen(t, node())
	say(t, a, 1)
	b.hears(t, 1)
	c.hears(t, 1)
	b.stop()
	say(t, a, 2)
	c.hears(t, 2)
	say(t, a, 3)
	c.hears(t, 3)
	b.heardNothing(t)
}

func noWord(t *testing.T, node func() query.Announcer) {
	a, b := node(), listen(t, node())
	for _, rooms := range [][]ident.RoomID{nil, make([]ident.RoomID, query.MaxHot+1), {0}, {1, -1}} {
		if err := a.Announce(rooms); err == nil {
			t.Errorf("%d rooms %v were announced", len(rooms), rooms[:min(len(rooms), 2)])
		}
	}
	say(t, a, 1)
	b.hears(t, 1)
}

func unheard(t *testing.T, node func() query.Announcer) {
	a := node()
	say(t, a, 1)
	b := listen(t, node())
	say(t, a, 2)
	b.hears(t, 2)
}
