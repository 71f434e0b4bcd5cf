package console

import (
	"strings"
	"testing"

	"github.com/chromedp/chromedp"
)

func TestSearchPage(t *testing.T) {
	w, c := newWorld(t)
	w.newRoom(t, "Morning <b>sets</b>", 3, "vinyl")
	for range foundRooms + 1 {
		w.newRoom(t, "Chess", 2)
	}
	for name, tc := range map[string]struct {
		words, says, not string
	}{
		"nothing typed":  {"", `name="q" value=""`, "those on air first"},
		"by title":       {"morning", "1 room.", "Chess"},
		"its area":       {"morning", "Speedruns", "<b>sets"},
		"by tag":         {"%23vinyl", "Morning &lt;b&gt;sets", "Chess"},
		"none":           {"knitting", "No room has these words.", "<table"},
		"more than fit":  {"chess", "The best 50, those on air first.", "51 rooms"},
		"words are text": {"%22%3E%3Cscript%3E", `value="&#34;&gt;&lt;script&gt;"`, "\"><script>"},
		"too long":       {strings.Repeat("a", 121), "This has 121 characters, at most 120.", "<table"},
	} {
		t.Run(name, func(t *testing.T) {
			got := ask(c, "GET", "/search?q="+tc.words, nil)
			if text := got.Body.String(); got.Code != 200 || !strings.Contains(text, tc.says) || strings.Contains(text, tc.not) {
				t.Errorf("answered %d, want %q and not %q:\n%s", got.Code, tc.says, tc.not, text)
			}
		})
	}
	w.stale = true
	if got := ask(c, "GET", "/search?q=chess", nil).Body.String(); !strings.Contains(got, "Rooms may be missing") {
		t.Error("an incomplete answer does not say so")
	}
}

func TestSearchWhileTyping(t *testing.T) {
	w, c := newWorld(t)
	srv := serve(t, c)
	w.newRoom(t, "Morning sets", 0)
	w.newRoom(t, "Late night chess", 2)
	ctx, seen := browser(t)
	run(t, ctx, chromedp.Navigate(srv.URL), typed(".search input", "sets\r"), has("#found", "1 room"), has("#found .room-name", "Morning sets"),
		script(`window.unreloaded = true; document.querySelector(".search input").value = ""`),
		typed(".search input", "chess"), has("#found .room-name", "Late night chess"), holds(`location.search === "?q=chess"`), holds(`window.unreloaded === true && document.querySelectorAll("main").length === 1`),
		click("#found .room-name a"), has("h1", "Late night chess"))
	seen.none(t)
}
