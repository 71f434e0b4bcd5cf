package mysqlstore_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/greenroomlive/greenroom/internal/adapter/mysqlstore"
	"github.com/greenroomlive/greenroom/internal/core/event"
	"github.com/greenroomlive/greenroom/internal/core/ident"
	"github.com/greenroomlive/greenroom/internal/flow/follow"
	"github.com/greenroomlive/greenroom/internal/flow/project"
)

func (c *roomC) count(text string) (n int) {
	c.Helper()
	if err := c.db.QueryRow(text).Scan(&n); err != nil {
		c.Fatalf("%s: %v", text, err)
	}
	return n
}

// prune forgets until there is nothing more.
func prune(t *testing.T, views *mysqlstore.Leader, keep time.Time) (rounds int) {
	t.Helper()
	for more := true; more; rounds++ {
		var err error
		if more, err = views.Prune(t.Context(), keep); err != nil || rounds > 50 {
			t.Fatalf("round %d: %v", rounds, err)
		}
	}
	return rounds
}

func TestPruneForgetsOldLinesAndLetters(t *testing.T) {
	c := newRoomC(t)
	views := c.lead()
	const old, lines = 2500, 3000
	var b project.Batch
	for seq := range lines {
		b.Feed = append(b.Feed, project.FeedRow{Seq: ident.FeedSeq(seq + 1), Room: 1, Type: event.RoomRenamed, JSON: []byte("x")})
	}
	b.Park = []project.Parked{{Room: 1, Reason: "healed long ago"}, {Room: 2, Reason: "open"}, {Room: 3, Reason: "healed now"}}
	write(t, views, b)
	keep := time.Now().Add(-time.Hour)
	write(t, views, project.Batch{Heal: []project.Healing{{Room: 1, By: "x", At: keep.Add(-time.Second)}, {Room: 3, By: "x", At: keep.Add(time.Second)}}})
	c.exec(fmt.Sprintf(`UPDATE feed SET stored_at = 1 WHERE feed_seq <= %d OR feed_seq = %d`, old, lines-1)) // one by a clock that was set back
	if rounds := prune(t, views, keep); rounds < 3 {
		t.Errorf("%d lines were forgotten in %d steps", old, rounds)
	}
	left, err := views.Frames(t.Context(), 0, lines)
	must(t, err)
	if len(left) != lines-old || left[0].Seq != old+1 {
		t.Errorf("%d lines are left, from %d", len(left), left[0].Seq)
	}
	if n := c.count(`SELECT COUNT(*) FROM parked`); n != 2 {
		t.Errorf("%d dead letters are left", n)
	}
	prune(t, views, time.Now().Add(time.Hour))
	if left, err := views.Frames(t.Context(), 0, lines); err != nil || len(left) != 1 || left[0].Seq != lines {
		t.Errorf("when all is old, %d lines are left, %v; want the newest", len(left), err)
	}
	if lost, err := views.Reopen(t.Context()); lost || err != nil {
		t.Errorf("after that Reopen says %t, %v", lost, err)
	}
}

// TestPruneSweepsCopies: what nobody reads goes in small steps, what somebody reads or fills stays.
func TestPruneSweepsCopies(t *testing.T) {
	c := newRoomC(t)
	views := c.lead()
	shadow := func(v ident.Version) {
		t.Helper()
		must(t, views.Shadow(t.Context()))
		must(t, views.WriteShadow(t.Context(), batch(1500, v)))
	}
	write(t, views, batch(1500, 1))
	shadow(2) // and another one over it, which drops it
	shadow(2)
	must(t, views.Switch(t.Context()))
	shadow(3)
	must(t, views.Drop(t.Context()))
	shadow(4)
	if n := c.count(`SELECT COUNT(DISTINCT copy) FROM card`); n != 5 {
		t.Fatalf("there are %d copies", n)
	}
	if rounds := prune(t, views, time.UnixMilli(1)); rounds < 5 {
		t.Errorf("4,500 cards were forgotten in %d steps", rounds)
	}
	if n, of := c.count(`SELECT COUNT(*) FROM card`), c.count(`SELECT COUNT(DISTINCT copy) FROM feed`); n != 3000 || of != 2 {
		t.Errorf("%d cards, and the feed of %d copies are left", n, of)
	}
	must(t, views.Switch(t.Context()))
	if n, err := views.Count(t.Context()); n != 1500 || err != nil {
		t.Errorf("the shadow was swept: %d cards are left of it, %v", n, err)
	}
	shadow(5)
	views = c.lead() // a shadow dies with its leader
	prune(t, views, time.UnixMilli(1))
	if n := c.count(`SELECT COUNT(*) FROM card`); n != 1500 {
		t.Errorf("%d cards are left of a shadow whose leader is gone", n-1500)
	}
}

// TestPlans: what is asked often is answered from an index, in its order, whatever lies beside it.
func TestPlans(t *testing.T) {
	c := newRoomC(t)
	views := c.lead()
	write(t, views, batch(2000, 1))
	must(t, views.Shadow(t.Context()))
	must(t, views.WriteShadow(t.Context(), batch(2000, 1)))
	all := follow.Mark{Write: newest(t, views)}
	write(t, views, batch(5, 2))
	c.exec(`ANALYZE TABLE card`, `ANALYZE TABLE feed`)
	for what, ask := range map[string]func(context.Context) error{
		"Cards":    func(ctx context.Context) error { _, err := views.Cards(ctx, []ident.RoomID{3, 4}); return err },
		"ByAnchor": func(ctx context.Context) error { _, err := views.ByAnchor(ctx, 7, 10); return err },
		"Newest":   func(ctx context.Context) error { _, err := views.Newest(ctx, 1000, 10); return err },
		"Oldest":   func(ctx context.Context) error { _, err := views.Oldest(ctx); return err },
		"Recent":   func(ctx context.Context) error { _, err := views.Recent(ctx, 1, 10); return err },
		"Standing": func(ctx context.Context) error { _, err := views.Standing(ctx); return err },
		"Since":    func(ctx context.Context) error { _, err := views.Since(ctx, all, 2); return err },
		"Reopen":   func(ctx context.Context) error { _, err := views.Reopen(ctx); return err },
	} {
		before := c.rowsRead()
		must(t, ask(t.Context()))
		if n := c.rowsRead() - before; n > 60 {
			t.Errorf("%s read %d rows of 4,000", what, n)
		}
	}
}

// rowsRead is how many rows the server has read so far, of whatever table but its own.
func (c *roomC) rowsRead() (n int) {
	c.Helper()
	rows, err := c.db.Query(`SHOW GLOBAL STATUS LIKE 'Handler_read%'`)
	if err != nil {
		c.Fatal(err)
	}
	defer func() { _ = rows.Close() }()
	for rows.Next() {
		var name string
		var value int
		if err := rows.Scan(&name, &value); err != nil {
			c.Fatal(err)
		}
		if !strings.HasSuffix(name, "_deleted") {
			n += value
		}
	}
	if err := rows.Err(); err != nil {
		c.Fatal(err)
	}
	return n
}
