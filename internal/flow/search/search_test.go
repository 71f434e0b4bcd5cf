package search_test

import (
	"context"
	"fmt"
	"runtime"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/greenroomlive/greenroom/internal/core/fault"
	"github.com/greenroomlive/greenroom/internal/core/ident"
	"github.com/greenroomlive/greenroom/internal/flow/search"
)

func TestTheNewestCardsAreShown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		w.run(t)
		w.commit(onAir(titled(1, 1, "chess at night"), 5), onAir(titled(2, 1, "chess at noon"), 3))
		synctest.Wait()
		w.wantFound(t, "chess", true, 1, 2)
		w.commit(titled(1, 2, "poker")) // renamed, and off the air
		synctest.Wait()
		w.wantFound(t, "chess", true, 2)
		w.wantFound(t, "poker", true, 1)

		// Before the index has heard of it, a room may be found by what it was, and is shown as it is.
		w.set(func() { w.cards[2] = titled(2, 2, "cards") })
		a := w.ask(t, search.Question{Text: "chess"})
		if len(a.Rooms) != 1 || !strings.Contains(string(a.Rooms[0].JSON), `"cards"`) {
			t.Errorf("got %v", ids(a))
		}
		if a := w.ask(t, search.Question{Text: "chess", Live: true}); len(a.Rooms) > 0 {
			t.Errorf("a room that is idle is shown among those on air: %v", ids(a))
		}
		w.set(func() { delete(w.cards, 2) })
		w.wantFound(t, "chess", true)
	})
}

func TestAnEndedRoomSinksBelowThoseOnAir(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		w.run(t)
		w.commit(onAir(titled(1, 1, "chess"), 900), onAir(titled(2, 1, "chess with friends"), 1))
		synctest.Wait()
		w.wantFound(t, "chess", true, 1, 2)
		w.commit(titled(1, 2, "chess"))
		synctest.Wait()
		w.wantFound(t, "chess", true, 2, 1)
	})
}

func TestAnAreaTakesWhatIsBelow(t *testing.T) {
	w := newWorld()
	for id := ident.RoomID(0); id <= 4; id++ {
		c := titled(id+1, 1, "chess")
		c.AreaID = ident.AreaID(id)
		w.commit(c)
	}
	w.settle(t)
	for area, want := range map[ident.AreaID][]ident.RoomID{0: {1, 2, 3, 4, 5}, 1: {2, 3}, 2: {3}, 3: {4}, 4: {5}, 5: nil} {
		if got := ids(w.ask(t, search.Question{Text: "chess", Area: area})); !slices.Equal(got, want) {
			t.Errorf("area %d: %v, want %v", area, got, want)
		}
	}
	w.set(func() { w.down = fault.StoreUnavailable.New("down") })
	_, err := w.Ask(context.Background(), search.Question{Text: "chess", Area: 1})
	wantFault(t, err, fault.StoreUnavailable)
}

func TestPages(t *testing.T) {
	w := newWorld()
	for id := ident.RoomID(1); id <= 50; id++ {
		w.commit(onAir(titled(id, 1, "chess"), int64(id)))
	}
	w.settle(t)
	var all []ident.RoomID
	q := search.Question{Text: "chess", PageSize: 20}
	for pages := 1; ; pages++ {
		a := w.ask(t, q)
		all = append(all, ids(a)...)
		if q.PageToken = a.Next; q.PageToken == "" {
			if pages != 3 {
				t.Errorf("50 rooms on %d pages", pages)
			}
			break
		}
	}
	for i, id := range all {
		if id != ident.RoomID(50-i) {
			t.Fatalf("not by audience: %v", all)
		}
	}
	if n := len(w.ask(t, search.Question{Text: "chess"}).Rooms); n != search.DefaultPage {
		t.Errorf("a page has %d rooms", n)
	}
}

func TestPagesEndAtTheBound(t *testing.T) {
	w := newWorld()
	for id := ident.RoomID(1); id <= search.MaxDepth+100; id++ {
		w.commit(titled(id, 1, "chess"))
	}
	w.settle(t)
	for _, size := range []int{search.MaxPage, 99} {
		n, q := 0, search.Question{Text: "chess", PageSize: size}
		for {
			a := w.ask(t, q)
			n += len(a.Rooms)
			if q.PageToken = a.Next; q.PageToken == "" {
				break
			}
		}
		if n != search.MaxDepth {
			t.Errorf("in pages of %d one gets to room %d, want %d", size, n, search.MaxDepth)
		}
	}
}

// settle waits until the index holds the views.
func (w *world) settle(t *testing.T) {
	t.Helper()
	w.run(t)
	for until := time.Now().Add(10 * time.Second); !w.ask(t, search.Question{Text: "settled"}).Complete; runtime.Gosched() {
		if time.Now().After(until) {
			t.Fatal("the index is not filled")
		}
	}
}

func TestQuestionsThatAreRefused(t *testing.T) {
	w := newWorld()
	for id := ident.RoomID(1); id <= 3; id++ {
		w.commit(titled(id, 1, "chess"))
	}
	w.settle(t)
	next := w.ask(t, search.Question{Text: "chess", PageSize: 1}).Next
	for name, tc := range map[string]struct {
		q     search.Question
		field string
	}{
		"no text":          {search.Question{}, "q"},
		"signs only":       {search.Question{Text: " --- # @ !"}, "q"},
		"a long text":      {search.Question{Text: strings.Repeat("世", search.MaxText+1)}, "q"},
		"many words":       {search.Question{Text: strings.Repeat("a ", search.MaxTerms+1)}, "q"},
		"not UTF-8":        {search.Question{Text: "chess\xff"}, "q"},
		"no page":          {search.Question{Text: "chess", PageSize: -1}, "page_size"},
		"a large page":     {search.Question{Text: "chess", PageSize: search.MaxPage + 1}, "page_size"},
		"no area":          {search.Question{Text: "chess", Area: -1}, "area"},
		"a long language":  {search.Question{Text: "chess", Language: strings.Repeat("x", 36)}, "language"},
		"no token":         {search.Question{Text: "chess", PageToken: "bm90"}, "page_token"},
		"a padded token":   {search.Question{Text: "chess", PageToken: next + "="}, "page_token"},
		"of other words":   {search.Question{Text: "poker", PageToken: next}, "page_token"},
		"of those on air":  {search.Question{Text: "chess", Live: true, PageToken: next}, "page_token"},
		"of another area":  {search.Question{Text: "chess", Area: 1, PageToken: next}, "page_token"},
		"of a language":    {search.Question{Text: "chess", Language: "en", PageToken: next}, "page_token"},
		"of moved letters": {search.Question{Text: "hess", Language: "c", PageToken: next}, "page_token"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := w.Ask(context.Background(), tc.q)
			if f := wantFault(t, err, fault.InvalidArgument); f.Details["field"] != tc.field {
				t.Errorf("%v blames %q, want %q", err, f.Details["field"], tc.field)
			}
		})
	}
	for _, text := range []string{strings.Repeat("世", search.MaxText), strings.Repeat("a ", search.MaxTerms), "🎮"} {
		w.ask(t, search.Question{Text: text})
	}
}

// What is resident is shown when nothing can be loaded, and the answer says that it is not all.
func TestWithoutTheDatabase(t *testing.T) {
	for _, code := range []*fault.Code{fault.StoreUnavailable, fault.NotReady} {
		w := newWorld()
		w.commit(onAir(titled(1, 1, "chess"), 1), titled(2, 1, "chess"), onAir(titled(3, 1, "poker"), 1))
		w.settle(t)
		w.set(func() { w.evicted = code.New("down") })
		w.wantFound(t, "chess", false, 1)
		w.wantFound(t, "poker", true, 3)
	}
	w := newWorld()
	w.commit(titled(1, 1, "chess"))
	w.settle(t)
	w.set(func() { w.evicted = fault.Overloaded.New("busy") })
	_, err := w.Ask(context.Background(), search.Question{Text: "chess"})
	wantFault(t, err, fault.Overloaded)
}

func TestSearchesAreFewAndShort(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		var together, tooMany atomic.Int64
		w.index.find = func(ctx context.Context) ([]ident.RoomID, error) {
			if together.Add(1) > 2 {
				tooMany.Add(1)
			}
			defer together.Add(-1)
			<-ctx.Done()
			return nil, ctx.Err()
		}
		errs := make(chan error, 10)
		for range cap(errs) {
			go func() {
				_, err := w.Ask(context.Background(), search.Question{Text: "chess"})
				errs <- err
			}()
		}
		got := map[string]int{}
		for range cap(errs) {
			got[fault.Of(<-errs).Code.Name]++
		}
		// All deadlines lie at one instant, so who waits may still get the place of a search that just ended.
		if got["DEADLINE_EXCEEDED"] < 2 || got["OVERLOADED"] < 1 || len(got) != 2 || tooMany.Load() > 0 {
			t.Errorf("10 searches that never end: %v, %d too many together", got, tooMany.Load())
		}
	})
}

func FuzzAsk(f *testing.F) {
	w := newWorld()
	w.commit(titled(1, 1, "chess 世界杯"))
	f.Add("chess", "", 5)
	f.Add("#tag @42 世界", "AQAAAAAAAA", 0)
	f.Add("\xff", "====", -1)
	f.Fuzz(func(t *testing.T, text, token string, size int) {
		q := search.Question{Text: text, PageToken: token, PageSize: size}
		_, err := w.Ask(context.Background(), q)
		if err == nil {
			return
		}
		f := wantFault(t, err, fault.InvalidArgument)
		if !slices.Contains([]string{"q", "page_token", "page_size"}, f.Details["field"]) {
			t.Fatal(fmt.Sprint(err, f.Details))
		}
	})
}
