package wordindex_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
	"unicode"

	"pgregory.net/rapid"

	"github.com/greenroomlive/greenroom/internal/adapter/wordindex"
	"github.com/greenroomlive/greenroom/internal/core/ident"
	"github.com/greenroomlive/greenroom/internal/core/view"
	"github.com/greenroomlive/greenroom/internal/flow/search"
)

// idle makes a room that is off the air, with a title and tags.
func idle(id ident.RoomID, title string, tags ...string) view.RoomCard {
	return view.RoomCard{ID: id, AnchorID: ident.AnchorID(1000 + id), Version: 1, Title: title, Tags: tags, UpdatedAt: time.UnixMilli(int64(id)).UTC()}
}

// onAir puts a room on the air before an audience.
func onAir(c view.RoomCard, online int64) view.RoomCard {
	c.Live = view.LiveState{Status: view.Live, StartedAt: time.UnixMilli(5000).UTC()}
	c.Audience.Online = online
	return c
}

// match reads words as somebody types them; the last one may be unfinished.
func match(text string) search.Match {
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

func find(t rapid.TB, x *wordindex.Index, m search.Match, limit int) []ident.RoomID {
	t.Helper()
	ids, err := x.Find(context.Background(), m, limit)
	if err != nil {
		t.Fatal(err)
	}
	return ids
}

func wantFound(t rapid.TB, x *wordindex.Index, text string, want ...ident.RoomID) {
	t.Helper()
	if got := find(t, x, match(text), 100); !slices.Equal(got, want) {
		t.Errorf("%q finds %v, want %v", text, got, want)
	}
}

func TestWordsOfManyScripts(t *testing.T) {
	x := wordindex.New()
	x.Put([]view.RoomCard{
		idle(1, "Late Night Chess with Anna", "board games"),
		idle(2, "Müller spielt Fußball – größte Tore", "Bundesliga"),
		idle(3, "英雄联盟世界杯决赛", "电竞"),
		idle(4, "ゲーム実況ガンダム スーパーロボット"),
		idle(5, "한국어로 게임 방송합니다"),
		idle(6, "مُبَارَاة الْقَاهِرَة الليلة"),
		idle(7, "🎮🔥 don't stop 👩‍🚀 LIVE!!!"),
		idle(8, "Ночной эфир с Алёной"),
		idle(9, "ＦＵＬＬ　ＷＩＤＴＨ Café № 5"),
		idle(10, "กีฬาฟุตบอลไทย"),
		idle(11, "हिन्दी संगीत"),
		idle(12, "Łódź Ærø İstanbul"),
		idle(13, "杯"),
	})
	for text, want := range map[string][]ident.RoomID{
		"chess": {1}, "CHESS": {1}, "ches": {1}, "anna chess": {1}, "anna ches": {1}, "ann chess": nil, "chess poker": nil,
		"hess": nil, "games": {1}, "gam": {1},
		"muller": {2}, "MÜLLER": {2}, "fussball": {2}, "Fußb": {2}, "grosste": {2}, "tore": {2},
		"世界杯": {3}, "世界": {3}, "界世": nil, "英": {3}, "赛": {3}, "杯": {13, 3}, "电竞": {3}, "#电": {3}, "联盟 决赛": {3},
		"ガンダム": {4}, "ｶﾞﾝﾀﾞﾑ": {4}, "カンタム": nil, "ロボ": {4}, "スーパー": {4}, "ー": {4},
		"게임": {5}, "방송": {5}, "한": {5}, "국어": {5},
		"مباراة": {6}, "القاهر": {6},
		"🎮": {7}, "🔥🎮": {7}, "👩‍🚀": {7}, "dont": {7}, "don’t": {7}, "🏆": nil,
		"эфир ален": {8}, "АЛЁНА": nil, "алёной": {8},
		"full width": {9}, "cafe\u0301": {9}, "caf": {9}, "5": {9},
		"ฟุตบอล": {10}, "संगीत": {11}, "lodz": {12}, "aero": {12}, "istanb": {12},
	} {
		wantFound(t, x, text, want...)
	}
}

func TestTagsAndAnchors(t *testing.T) {
	x := wordindex.New()
	in := idle(1, "evening", "jazz", "late night")
	of42, title42 := idle(2, "quiet"), idle(3, "42 questions")
	of42.AnchorID = 42
	x.Put([]view.RoomCard{in, of42, title42, idle(4, "jazz", "jazzdance")})
	wantFound(t, x, "#jazz", 1, 4)
	wantFound(t, x, "#jazzd", 4)
	wantFound(t, x, "#night", 1)
	wantFound(t, x, "#evening")
	wantFound(t, x, "evening #jazz", 1)
	wantFound(t, x, "@42", 2)
	wantFound(t, x, "@4")
	wantFound(t, x, "42", 3, 2)
}

func TestTheOrderOfAnAnswer(t *testing.T) {
	x := wordindex.New()
	x.Put([]view.RoomCard{
		idle(1, "chess"), idle(2, "chess for two"), idle(3, "chess for two"), idle(4, "cards", "chess"), idle(5, "chessboards"),
		onAir(idle(11, "chess"), 1), onAir(idle(12, "chess for two"), 1), onAir(idle(13, "chess for two"), 9), onAir(idle(14, "cards", "chess"), 99),
		onAir(idle(15, "chessboards"), 999), onAir(idle(16, "poker"), 9999),
	})
	// On air: just these words, in the title by audience, by a tag, by a prefix; then the same off the air, newest first.
	wantFound(t, x, "chess", 11, 13, 12, 14, 15, 1, 3, 2, 4, 5)
	m := match("chess")
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

func TestFilters(t *testing.T) {
	x := wordindex.New()
	a, b, c := idle(1, "chess"), idle(2, "chess"), idle(3, "chess")
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
		m := match("chess")
		m.Areas, m.Language = tc.areas, tc.language
		if got := find(t, x, m, 9); !slices.Equal(got, tc.want) {
			t.Errorf("areas %v, language %q: %v, want %v", tc.areas, tc.language, got, tc.want)
		}
	}
}

func TestAChangeIsSeenAndAnOlderCardIsNot(t *testing.T) {
	x := wordindex.New()
	old, renamed := idle(1, "old name", "tag"), idle(1, "new name", "tag")
	renamed.Version, renamed.AnchorID = 2, 5
	x.Put([]view.RoomCard{old})
	x.Put([]view.RoomCard{renamed})
	x.Put([]view.RoomCard{old})
	wantFound(t, x, "old")
	wantFound(t, x, "new name", 1)
	wantFound(t, x, "#tag", 1)
	wantFound(t, x, "@5", 1)
	wantFound(t, x, "@1001")

	live, watched := onAir(renamed, 3), onAir(renamed, 300) // audiences move without a version
	other := onAir(idle(2, "new name"), 30)
	x.Put([]view.RoomCard{live, other})
	wantFound(t, x, "new", 2, 1)
	x.Put([]view.RoomCard{watched})
	wantFound(t, x, "new", 1, 2)
	renamed.Version = 3
	x.Put([]view.RoomCard{renamed})
	wantFound(t, x, "new", 2, 1)
}

func TestAHiddenRoomIsNotFound(t *testing.T) {
	x := wordindex.New()
	shown := onAir(idle(1, "secret", "tag"), 1)
	hidden := shown
	hidden.Version, hidden.Control.State = 2, view.Hidden
	x.Put([]view.RoomCard{shown})
	x.Put([]view.RoomCard{hidden})
	x.Put([]view.RoomCard{shown}) // late: it may not bring it back
	for _, text := range []string{"secret", "#tag", "@1001"} {
		wantFound(t, x, text)
	}
	back := shown
	back.Version = 3
	x.Put([]view.RoomCard{back})
	wantFound(t, x, "secret", 1)
}

func TestATurnReplacesWhatItBringsAndDropsTheRest(t *testing.T) {
	x := wordindex.New()
	high := idle(1, "first")
	high.Version = 30
	x.Put([]view.RoomCard{high, idle(2, "gone")})
	x.Begin()
	x.Put([]view.RoomCard{idle(1, "second"), idle(3, "third")})
	wantFound(t, x, "gone", 2) // until the end
	x.End()
	wantFound(t, x, "first")
	wantFound(t, x, "second", 1)
	wantFound(t, x, "gone")
	wantFound(t, x, "@1002")
	if n := x.Len(); n != 2 {
		t.Errorf("%d rooms, want 2", n)
	}
	x.Put([]view.RoomCard{idle(4, "fourth")}) // into the place of the one that is gone
	wantFound(t, x, "fourth", 4)
	wantFound(t, x, "gone")
}

func TestAWordOfSignsOnly(t *testing.T) {
	x := wordindex.New()
	x.Put([]view.RoomCard{idle(1, "chess"), idle(2, "")})
	wantFound(t, x, "---")
	wantFound(t, x, "")
	wantFound(t, x, "chess --", 1)
	wantFound(t, x, "\xff\xfe")
}

func TestASearchEndsWithItsContext(t *testing.T) {
	x := wordindex.New()
	for id := ident.RoomID(1); id <= 3000; id++ {
		x.Put([]view.RoomCard{idle(id, fmt.Sprintf("w%d", id))})
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if ids, err := x.Find(ctx, match("w"), 10); err != context.Canceled {
		t.Errorf("got %v, %v", ids, err)
	}
}

// Whatever is put in whatever order, the index finds what a walk over all rooms finds.
func TestItFindsWhatAWalkFinds(t *testing.T) {
	vocabulary := []string{"a", "ab", "abc", "b", "世", "世界", "界世", "é"}
	rapid.Check(t, func(t *rapid.T) {
		x, rooms := wordindex.New(), map[ident.RoomID]view.RoomCard{}
		turn := map[ident.RoomID]bool{}
		word := rapid.SampledFrom(vocabulary)
		for range rapid.IntRange(1, 60).Draw(t, "steps") {
			if rapid.IntRange(0, 20).Draw(t, "kind") == 0 {
				x.End() // of the turn
				for id := range rooms {
					if !turn[id] {
						delete(rooms, id)
					}
				}
				x.Begin()
				turn = map[ident.RoomID]bool{}
			}
			c := idle(ident.RoomID(rapid.IntRange(1, 150).Draw(t, "id")), strings.Join(rapid.SliceOfN(word, 0, 3).Draw(t, "title"), " "), rapid.SliceOfN(word, 0, 2).Draw(t, "tags")...)
			c.Version = ident.Version(rapid.IntRange(1, 4).Draw(t, "version"))
			x.Put([]view.RoomCard{c})
			if !turn[c.ID] || rooms[c.ID].Version <= c.Version {
				rooms[c.ID], turn[c.ID] = c, true
			}
		}
		m := match(strings.Join(rapid.SliceOfN(word, 1, 3).Draw(t, "words"), " "))
		var want []ident.RoomID
		for id, c := range rooms {
			if fits(&c, m) {
				want = append(want, id)
			}
		}
		got := find(t, x, m, 1000)
		slices.Sort(got)
		slices.Sort(want)
		if !slices.Equal(got, want) {
			t.Fatalf("found %v\nwant  %v", got, want)
		}
	})
}

// fits looks for the words of a match in the plainest way.
func fits(c *view.RoomCard, m search.Match) bool {
	var has []string
	for _, part := range append([]string{c.Title}, c.Tags...) {
		has = append(has, strings.Fields(strings.ReplaceAll(part, "é", "e"))...)
	}
	return !slices.ContainsFunc(m.Terms, func(t search.Term) bool {
		want := strings.ReplaceAll(t.Text, "é", "e")
		return !slices.ContainsFunc(has, func(w string) bool {
			return w == want || t.Prefix && strings.HasPrefix(w, want) || want > "z" && strings.Contains(w, want)
		})
	})
}

func TestSearchesRunBesideChanges(t *testing.T) {
	x := wordindex.New()
	var all sync.WaitGroup
	for w := range 2 {
		all.Go(func() {
			for i := range 2000 {
				c := onAir(idle(ident.RoomID(i%200+1), fmt.Sprintf("both %s%d", "ab"[w:w+1], i)), int64(i))
				c.Version = ident.Version(i)
				x.Put([]view.RoomCard{c})
			}
		})
		all.Go(func() {
			for range 200 {
				ids := find(t, x, match("both"), 50)
				slices.Sort(ids)
				if n := len(slices.Compact(slices.Clone(ids))); n != len(ids) {
					t.Errorf("a room is found twice: %v", ids)
				}
			}
		})
	}
	all.Wait()
	wantFound(t, x, "a0")
	if n := len(find(t, x, match("both"), 1000)); n != 200 {
		t.Errorf("%d rooms, want 200", n)
	}
}

func FuzzFind(f *testing.F) {
	for _, seed := range []string{"chess", "世界杯", "#tag @42", "👩‍🚀🔥", "e\u0301", "\xff", "ﷺ", "ﾞ", "\u0e33\u0e33", "1️⃣"} {
		f.Add(seed, seed)
	}
	f.Fuzz(func(t *testing.T, title, text string) {
		x := wordindex.New()
		x.Put([]view.RoomCard{idle(1, title, text)})
		if _, err := x.Find(context.Background(), match(text), 10); err != nil {
			t.Fatal(err)
		}
		plain := func(r rune) bool { return r < 0x80 && (unicode.IsLetter(r) || unicode.IsDigit(r)) }
		itself := search.Match{Terms: []search.Term{{Text: title}}}
		if strings.ContainsFunc(title, plain) && len(find(t, x, itself, 10)) != 1 {
			t.Fatalf("%q is not found by itself", title)
		}
		renamed := idle(1, "")
		renamed.Version, renamed.AnchorID = 2, 0
		x.Put([]view.RoomCard{renamed})
		if ids := find(t, x, match(text), 10); len(ids) > 0 {
			t.Fatalf("%q still finds the room after it lost all its words", text)
		}
	})
}
