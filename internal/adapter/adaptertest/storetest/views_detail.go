package storetest

import (
	"fmt"
	"testing"
	"time"

	"github.com/greenroomlive/greenroom/internal/core/ident"
	"github.com/greenroomlive/greenroom/internal/core/view"
	"github.com/greenroomlive/greenroom/internal/flow/project"
)

// details: rows that carry something are found without the others, not beyond a gap, once, and in every copy.
func details(t *testing.T, w *viewsWorld) {
	until := time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)
	muted := &view.Detail{People: []view.Person{{User: 9, Mute: &view.Sanction{Since: until.Add(-time.Hour), Until: until, Reason: "spam"}}}}
	ruled := &view.Detail{Rules: &view.Rules{SlowMode: 5 * time.Second, BlockedTerms: []string{"buy now"}}}
	carrying := func(seq ident.FeedSeq, d *view.Detail) project.FeedRow {
		r := row(seq, 1, "a line")
		r.Version, r.Detail = ident.Version(seq), d
		return r
	}
	lost := row(4, 2, "unreadable")
	lost.Version, lost.Unread = 8, true
	w.write(project.Batch{Feed: []project.FeedRow{row(1, 1, "one"), carrying(2, muted), carrying(3, ruled), lost, carrying(6, muted)}, Position: at(4)})
	w.write(project.Batch{Feed: []project.FeedRow{carrying(2, ruled)}}) // the first one stands

	read := func(after ident.FeedSeq, limit int) (out []string) {
		t.Helper()
		list, err := w.Store.Details(w.ctx(), after, limit)
		w.must(err)
		for _, r := range list {
			carries := "unread"
			if r.Detail != nil {
				carries = r.Detail.Checksum()
			}
			out = append(out, fmt.Sprintf("%d: room %d at %d carries %s", r.Seq, r.Room, r.Version, carries))
		}
		return out
	}
	want := []string{"2: room 1 at 2 carries " + muted.Checksum(), "3: room 1 at 3 carries " + ruled.Checksum(), "4: room 2 at 8 carries unread"}
	same(t, "all", read(0, 10), want)
	same(t, "a page", read(0, 2), want[:2])
	same(t, "the rest", read(2, 10), want[1:])

	w.must(w.Store.Shadow(w.ctx()))
	w.must(w.Store.WriteShadow(w.ctx(), project.Batch{Feed: []project.FeedRow{row(1, 1, "one"), carrying(2, muted), carrying(3, ruled), lost}}))
	same(t, "beside a shadow", read(0, 10), want)
	w.must(w.Store.Switch(w.ctx()))
	same(t, "after the switch", read(0, 10), want)

	_, err := w.Store.ForgetFeed(w.ctx(), 3)
	w.must(err)
	same(t, "what is kept", read(0, 10), want[1:])
	w.must(w.Store.Reset(w.ctx(), *at(0)))
	w.write(project.Batch{Position: at(9)})
	same(t, "of another log", read(0, 10), []string(nil))
}
