package indextest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/greenroomlive/greenroom/internal/adapter/memory"
	"github.com/greenroomlive/greenroom/internal/core/ident"
	"github.com/greenroomlive/greenroom/internal/core/view"
	"github.com/greenroomlive/greenroom/internal/flow/search"
)

// Run runs the suite; open makes an empty index.
func Run(t *testing.T, open func() search.Index) {
	for _, c := range []struct {
		promise string
		test    func(*testing.T, search.Index)
	}{
		{"words, tags and anchors are found", finds},
		{"the best come first, those on air before all", orders},
		{"filters narrow", filters},
		{"a change is seen, an older card is not", changes},
		{"a hidden room is not found", func(t *testing.T, x search.Index) { withholds(t, x, view.Hidden) }},
		{"a locked room is not found", func(t *testing.T, x search.Index) { withholds(t, x, view.Locked) }},
		{"a turn replaces what it brings and drops the rest", turns},
		{"signs are no words", signs},
		{"a search ends with its context", ends},
		{"searches run beside changes", concurrent},
	} {
		t.Run(c.promise, func(t *testing.T) { c.test(t, open()) })
	}
	t.Run("it finds what a walk finds, in that order", func(t *testing.T) { walks(t, open) })
}

// Idle makes a room that is off the air, with a title and tags.
func Idle(id ident.RoomID, title string, tags ...string) view.RoomCard {
	return view.RoomCard{ID: id, AnchorID: ident.AnchorID(1000 + id), Version: 1, Title: title, Tags: tags, UpdatedAt: time.UnixMilli(int64(id)).UTC()}
}

// OnAir puts a room on the air before an audience.
func OnAir(c view.RoomCard, online int64) view.RoomCard {
	c.Live = view.LiveState{Status: view.Live, StartedAt: time.UnixMilli(5000).UTC()}
	c.Audience.Online = online
	return c
}

// Match reads words as somebody types them; the last one may be unfinished.
func Match(text string) search.Match {
	var m search.Match
	for word := range strings.FieldsSeq(text) {
		t := search.Term{Text: word}
		if rest, tag := strings.CutPrefix(word, "#"); tag {
			t = search.Term{Text: rest, Field: search.InTag}
		} else if rest, anchor := strings.CutPrefix(word, "@"); anchor {
			t = search.Term{Text: rest, Field: search.OfAnchor}
		}
		m.Terms = append(m.Terms, t)
	}
	if n := len(m.Terms); n > 0 {
		m.Terms[n-1].Prefix = true
	}
	return m
}

func find(t rapid.TB, x search.Index, m search.Match, limit int) []ident.RoomID {
	t.Helper()
	ids, err := x.Find(context.Background(), m, limit)
	if err != nil {
		t.Fatal(err)
	}
	return ids
}

// WantFound searches for a text.
func WantFound(t rapid.TB, x search.Index, text string, want ...ident.RoomID) {
	t.Helper()
	if got := find(t, x, Match(text), 100); !slices.Equal(got, want) {
		t.Errorf("%q finds %v, want %v", text, got, want)
	}
}

func finds(t *testing.T, x search.Index) {
	in := Idle(1, "evening", "jazz", "late night")
	of42, title42 := Idle(2, "quiet"), Idle(3, "42 questions")
	of42.AnchorID = 42
	x.Put([]view.RoomCard{in, of42, title42, Idle(4, "jazz", "jazzdance")})
	WantFound(t, x, "#jazz", 1, 4)
	WantFound(t, x, "#jazzd", 4)
	WantFound(t, x, "#night", 1)
	WantFound(t, x, "#evening")
	WantFound(t, x, "evening #jazz", 1)
	WantFound(t, x, "@42", 2)
	WantFound(t, x, "@4")
	WantFound(t, x, "42", 3, 2)
}

func orders(t *testing.T, x search.Index) {
	x.Put([]view.RoomCard{
		Idle(1, "chess"), Idle(2, "chess for two"), Idle(3, "chess for two"), Idle(4, "cards", "chess"), Idle(5, "chessboards"),
		OnAir(Idle(11, "chess"), 1), OnAir(Idle(12, "chess for two"), 1), OnAir(Idle(13, "chess for two"), 9), OnAir(Idle(14, "cards", "chess"), 99),
		OnAir(Idle(15, "chessboards"), 999), OnAir(Idle(16, "poker"), 9999),
	})
	// On air: just these words, in the title by audience, by a tag, by a prefix; then the same off the air, newest first.
	WantFound(t, x, "chess", 11, 13, 12, 14, 15, 1, 3, 2, 4, 5)
	m := Match("chess")
	for limit := range 12 {
		if got, want := find(t, x, m, limit), find(t, x, m, 100); !slices.Equal(got, want[:min(limit, len(want))]) {
			t.Errorf("the best %d of %v are said to be %v", limit, want, got)
		}
	}
	m.Live = true
	if got := find(t, x, m, 100); !slices.Equal(got, []ident.RoomID{11, 13, 12, 14, 15}) {
		t.Errorf("on air: %v", got)
	}
}

func filters(t *testing.T, x search.Index) {
	a, b, c := Idle(1, "chess"), Idle(2, "chess"), Idle(3, "chess")
	a.AreaID, a.Language, b.AreaID, b.Language, c.Language = 7, "zh", 8, "zh-Hans", "zho"
	x.Put([]view.RoomCard{a, b, c})
	for _, tc := range []struct {
		areas    []ident.AreaID
		language string
		want     []ident.RoomID
	}{
		{nil, "", []ident.RoomID{3, 2, 1}},
		{[]ident.AreaID{7}, "", []ident.RoomID{1}},
		{[]ident.AreaID{6, 7, 8}, "", []ident.RoomID{2, 1}},
		{nil, "ZH", []ident.RoomID{2, 1}},
		{nil, "zh-hans", []ident.RoomID{2}},
		{[]ident.AreaID{7}, "zh-Hans", []ident.RoomID{}},
	} {
		m := Match("chess")
		m.Areas, m.Language = tc.areas, tc.language
		if got := find(t, x, m, 9); !slices.Equal(got, tc.want) {
			t.Errorf("areas %v, language %q: %v, want %v", tc.areas, tc.language, got, tc.want)
		}
	}
}

func changes(t *testing.T, x search.Index) {
	old, renamed := Idle(1, "old name", "tag"), Idle(1, "new name", "tag")
	renamed.Version, renamed.AnchorID = 2, 5
	x.Put([]view.RoomCard{old})
	x.Put([]view.RoomCard{renamed})
	x.Put([]view.RoomCard{old})
	WantFound(t, x, "old")
	WantFound(t, x, "new name", 1)
	WantFound(t, x, "#tag", 1)
	WantFound(t, x, "@5", 1)
	WantFound(t, x, "@1001")

	live, watched := OnAir(renamed, 3), OnAir(renamed, 300) // audiences move without a version
	other := OnAir(Idle(2, "new name"), 30)
	x.Put([]view.RoomCard{live, other})
	WantFound(t, x, "new", 2, 1)
	x.Put([]view.RoomCard{watched})
	WantFound(t, x, "new", 1, 2)
	renamed.Version = 3
	x.Put([]view.RoomCard{renamed})
	WantFound(t, x, "new", 2, 1)
}

func withholds(t *testing.T, x search.Index, state view.ControlState) {
	shown := OnAir(Idle(1, "secret", "tag"), 1)
	hidden := shown
	hidden.Version, hidden.Control.State = 2, state
	x.Put([]view.RoomCard{shown})
	x.Put([]view.RoomCard{hidden})
	x.Put([]view.RoomCard{shown}) // late: it may not bring it back
	for _, text := range []string{"secret", "#tag", "@1001"} {
		WantFound(t, x, text)
	}
	back := shown
	back.Version = 3
	x.Put([]view.RoomCard{back})
	WantFound(t, x, "secret", 1)
}

func turns(t *testing.T, x search.Index) {
	high := Idle(1, "first")
	high.Version = 30
	x.Put([]view.RoomCard{high, Idle(2, "gone")})
	x.Begin()
	x.Put([]view.RoomCard{Idle(1, "second"), Idle(3, "third")})
	WantFound(t, x, "gone", 2) // until the end
	x.End()
	WantFound(t, x, "first")
	WantFound(t, x, "second", 1)
	WantFound(t, x, "gone")
	WantFound(t, x, "@1002")
	if n := x.Len(); n != 2 {
		t.Errorf("%d rooms, want 2", n)
	}
	x.Put([]view.RoomCard{Idle(4, "fourth")}) // into the place of the one that is gone
	WantFound(t, x, "fourth", 4)
	WantFound(t, x, "gone")
}

func signs(t *testing.T, x search.Index) {
	x.Put([]view.RoomCard{Idle(1, "chess"), Idle(2, "")})
	WantFound(t, x, "---")
	WantFound(t, x, "")
	WantFound(t, x, "chess --", 1)
	WantFound(t, x, "\xff\xfe")
}

func ends(t *testing.T, x search.Index) {
	x.Put([]view.RoomCard{Idle(1, "chess")})
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if ids, err := x.Find(ctx, Match("chess"), 10); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, %v", ids, err)
	}
}

// walks draws changes and a question, and compares with the index that walks.
func walks(t *testing.T, open func() search.Index) {
	rapid.Check(t, func(t *rapid.T) {
		x, model := open(), memory.NewIndex()
		both := []search.Index{x, model}
		word := rapid.SampledFrom([]string{"a", "ab", "abc", "b", "bab", "7"})
		for range rapid.IntRange(1, 60).Draw(t, "steps") {
			if rapid.IntRange(0, 20).Draw(t, "kind") == 0 {
				for _, x := range both {
					x.End()
					x.Begin()
				}
			}
			c := Idle(ident.RoomID(rapid.IntRange(1, 150).Draw(t, "id")), strings.Join(rapid.SliceOfN(word, 0, 3).Draw(t, "title"), " "), rapid.SliceOfN(word, 0, 2).Draw(t, "tags")...)
			c.Version = ident.Version(rapid.IntRange(1, 4).Draw(t, "version"))
			c.AnchorID = ident.AnchorID(rapid.IntRange(1, 9).Draw(t, "anchor"))
			if rapid.Bool().Draw(t, "live") {
				c = OnAir(c, rapid.Int64Range(0, 3).Draw(t, "online"))
			}
			if rapid.IntRange(0, 9).Draw(t, "control") == 0 {
				c.Control.State = view.Hidden
			}
			for _, x := range both {
				x.Put([]view.RoomCard{c})
			}
		}
		m := Match(strings.Join(rapid.SliceOfN(word, 1, 3).Draw(t, "words"), rapid.SampledFrom([]string{" ", " #"}).Draw(t, "field")))
		m.Live = rapid.Bool().Draw(t, "only live")
		limit := rapid.IntRange(1, 200).Draw(t, "limit")
		if got, want := find(t, x, m, limit), find(t, model, m, limit); !slices.Equal(got, want) {
			t.Fatalf("%+v\nfound %v\nwant  %v", m, got, want)
		}
		if x.Len() != model.Len() {
			t.Fatalf("%d rooms, want %d", x.Len(), model.Len())
		}
	})
}

func concurrent(t *testing.T, x search.Index) {
	var all sync.WaitGroup
	for w := range 2 {
		all.Go(func() {
			for i := range 2000 {
				c := OnAir(Idle(ident.RoomID(i%200+1), fmt.Sprintf("both %s%d", "ab"[w:w+1], i)), int64(i))
				c.Version = ident.Version(i)
				x.Put([]view.RoomCard{c})
			}
		})
		all.Go(func() {
			for range 200 {
				ids := find(t, x, Match("both"), 50)
				slices.Sort(ids)
				if n := len(slices.Compact(slices.Clone(ids))); n != len(ids) {
					t.Errorf("a room is found twice: %v", ids)
				}
			}
		})
	}
	all.Wait()
	WantFound(t, x, "a0")
	if n := len(find(t, x, Match("both"), 1000)); n != 200 {
		t.Errorf("%d rooms, want 200", n)
	}
}
