package console

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/greenroomlive/greenroom/internal/flow/command"
)

// The room page shows what hangs in the room; whatever its anchor wrote stands there as text.
func TestWhatHangsInARoomIsShownAsText(t *testing.T) {
	w, c := newWorld(t)
	id, extend, meta := w.newRoom(t, "Night radio", 2), command.NewExtend(w.Anchor), command.Meta{Caller: ops}
	page := func() string {
		got := ask(c, http.MethodGet, "/rooms/"+id.String(), nil)
		if got.Code != http.StatusOK {
			t.Fatalf("answered %d", got.Code)
		}
		return got.Body.String()
	}
	if strings.Contains(page(), `id="announcement"`) || strings.Contains(page(), `id="pinned"`) {
		t.Error("a room in which nothing hangs shows something")
	}
	_, err := extend.Announce(t.Context(), meta, id, `<script>alert(1)</script>`)
	must(t, err)
	_, err = extend.Pin(t.Context(), meta, id, `<img src=x onerror="alert(2)">`)
	must(t, err)
	_, err = extend.GrantBadge(t.Context(), meta, id, "verified", time.Time{}, time.Time{})
	must(t, err)
	got := page()
	for _, want := range []string{
		`<p class="callout" id="announcement">&lt;script&gt;alert(1)&lt;/script&gt;</p>`,
		`&lt;img src=x onerror=&#34;alert(2)&#34;&gt;`, `<span class="chip active">verified</span>`,
	} {
		if !strings.Contains(got, want) {
			t.Errorf("the page lacks %s", want)
		}
	}
	if strings.Contains(got, "<script>alert") || strings.Contains(got, "<img src=x") {
		t.Error("what an anchor wrote is markup")
	}
}
