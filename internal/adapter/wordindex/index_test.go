package wordindex_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"unicode"

	"github.com/greenroomlive/greenroom/internal/adapter/adaptertest/indextest"
	"github.com/greenroomlive/greenroom/internal/adapter/wordindex"
	"github.com/greenroomlive/greenroom/internal/core/ident"
	"github.com/greenroomlive/greenroom/internal/core/view"
	"github.com/greenroomlive/greenroom/internal/flow/search"
)

func TestIndex(t *testing.T) {
	indextest.Run(t, func() search.Index { return wordindex.New() })
}

func TestWordsOfManyScripts(t *testing.T) {
	x := wordindex.New()
	x.Put([]view.RoomCard{
		indextest.Idle(1, "Late Night Chess with Anna", "board games"),
		indextest.Idle(2, "Müller spielt Fußball – größte Tore", "Bundesliga"),
		indextest.Idle(3, "英雄联盟世界杯决赛", "电竞"),
		indextest.Idle(4, "ゲーム実況ガンダム スーパーロボット"),
		indextest.Idle(5, "한국어로 게임 방송합니다"),
		indextest.Idle(6, "مُبَارَاة الْقَاهِرَة الليلة"),
		indextest.Idle(7, "🎮🔥 don't stop 👩‍🚀 LIVE!!!"),
		indextest.Idle(8, "Ночной эфир с Алёной"),
		indextest.Idle(9, "ＦＵＬＬ　ＷＩＤＴＨ Café № 5"),
		indextest.Idle(10, "กีฬาฟุตบอลไทย"),
		indextest.Idle(11, "हिन्दी संगीत"),
		indextest.Idle(12, "Łódź Ærø İstanbul"),
		indextest.Idle(13, "杯"),
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
		indextest.WantFound(t, x, text, want...)
	}
}

func TestASearchForAPrefixEndsWithItsContext(t *testing.T) {
	x := wordindex.New()
	for id := ident.RoomID(1); id <= 3000; id++ {
		x.Put([]view.RoomCard{indextest.Idle(id, fmt.Sprintf("w%d", id))})
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if ids, err := x.Find(ctx, indextest.Match("w"), 10); err != context.Canceled {
		t.Errorf("got %v, %v", ids, err)
	}
}

func FuzzFind(f *testing.F) {
	for _, seed := range []string{"chess", "世界杯", "#tag @42", "👩‍🚀🔥", "e\u0301", "\xff", "ﷺ", "ﾞ", "\u0e33\u0e33", "1️⃣"} {
		f.Add(seed, seed)
	}
	f.Fuzz(func(t *testing.T, title, text string) {
		x := wordindex.New()
		x.Put([]view.RoomCard{indextest.Idle(1, title, text)})
		if _, err := x.Find(context.Background(), indextest.Match(text), 10); err != nil {
			t.Fatal(err)
		}
		plain := func(r rune) bool { return r < 0x80 && (unicode.IsLetter(r) || unicode.IsDigit(r)) }
		itself := search.Match{Terms: []search.Term{{Text: title}}}
		if strings.ContainsFunc(title, plain) && count(t, x, itself) != 1 {
			t.Fatalf("%q is not found by itself", title)
		}
		renamed := indextest.Idle(1, "")
		renamed.Version, renamed.AnchorID = 2, 0
		x.Put([]view.RoomCard{renamed})
		if count(t, x, indextest.Match(text)) > 0 {
			t.Fatalf("%q still finds the room after it lost all its words", text)
		}
	})
}

func count(t testing.TB, x *wordindex.Index, m search.Match) int {
	t.Helper()
	ids, err := x.Find(context.Background(), m, 21)
	if err != nil {
		t.Fatal(err)
	}
	return len(ids)
}
