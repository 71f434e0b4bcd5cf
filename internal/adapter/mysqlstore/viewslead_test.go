package mysqlstore_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/greenroomlive/greenroom/internal/adapter/mysqlstore"
	"github.com/greenroomlive/greenroom/internal/core/event"
	"github.com/greenroomlive/greenroom/internal/core/fault"
	"github.com/greenroomlive/greenroom/internal/core/ident"
	"github.com/greenroomlive/greenroom/internal/core/view"
	"github.com/greenroomlive/greenroom/internal/flow/follow"
	"github.com/greenroomlive/greenroom/internal/flow/lead"
	"github.com/greenroomlive/greenroom/internal/flow/project"
	"github.com/greenroomlive/greenroom/internal/flow/proof"
)

// batch is one transaction: so many rooms at this version, all on air, and one feed row.
func batch(rooms int, v ident.Version) project.Batch {
	b := project.Batch{Position: &project.Position{Epoch: "e1", Contiguous: ident.FeedSeq(v), Complete: true},
		Feed: []project.FeedRow{{Seq: ident.FeedSeq(v), Room: 1, Type: event.RoomRenamed, JSON: fmt.Appendf(nil, "line %d", v)}}}
	for id := range rooms {
		b.Cards = append(b.Cards, view.RoomCard{ID: ident.RoomID(id + 1), AnchorID: 7, Version: v, Title: fmt.Sprint("version ", v),
			Live: view.LiveState{Status: view.Live, SessionID: 5, Epoch: 1}})
	}
	return b
}

// holds checks that the store holds what batch wrote, and all of it.
func holds(t *testing.T, views *mysqlstore.Leader, rooms int, v ident.Version) {
	t.Helper()
	n := 0
	err := views.OnAir(t.Context(), func(c view.RoomCard) bool {
		if n++; c.Version != v {
			t.Errorf("room %s is at %s, want %s", c.ID, c.Version, v)
		}
		return true
	})
	lines, errFeed := views.Frames(t.Context(), 0, 1000)
	at, errAt := views.Position(t.Context())
	if err := errors.Join(err, errFeed, errAt); err != nil {
		t.Fatal(err)
	}
	if n != rooms || len(lines) != int(v) || at.Contiguous != ident.FeedSeq(v) {
		t.Errorf("the store holds %d rooms, %d lines and stands at %+v; want %d, %s and %s", n, len(lines), at, rooms, v, v)
	}
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// newest is the number of the newest transaction.
func newest(t testing.TB, views *mysqlstore.Leader) int64 {
	t.Helper()
	s, err := views.Standing(t.Context())
	must(t, err)
	return s.Write
}

func write(t testing.TB, views *mysqlstore.Leader, b project.Batch) []ident.RoomID {
	t.Helper()
	taken, err := views.Write(t.Context(), b)
	must(t, err)
	return taken
}

// TestTheFeedsEndStays: a writer that lost the answer to a COMMIT knows less than was stored, and takes the step again in
// other pieces.
func TestTheFeedsEndStays(t *testing.T) {
	c := newRoomC(t)
	views := c.lead()
	for v := range ident.Version(5) {
		write(t, views, batch(1, v+1))
	}
	if taken := write(t, views, batch(1, 3)); len(taken) > 0 {
		t.Errorf("older rooms were taken: %v", taken)
	}
	holds(t, views, 1, 5)
	other := batch(1, 6)
	other.Position.Epoch, other.Position.Contiguous = "e2", 1
	write(t, views, other)
	if at, err := views.Position(t.Context()); err != nil || at.Epoch != "e2" || at.Contiguous != 1 {
		t.Errorf("in another log it stands at %+v, %v", at, err)
	}
}

// TestAnOldLeaderChangesNothing: whatever it still wants to write is NOT_LEADER, and says who leads.
func TestAnOldLeaderChangesNothing(t *testing.T) {
	c := newRoomC(t)
	old := c.lead()
	write(t, old, batch(3, 1))
	must(t, old.Shadow(t.Context()))
	next := c.lead()
	write(t, next, batch(3, 2))
	must(t, next.Shadow(t.Context()))
	before, err := next.Standing(t.Context())
	must(t, err)
	for what, do := range map[string]func() error{
		"Write":       func() error { _, err := old.Write(t.Context(), batch(4, 9)); return err },
		"Prove":       func() error { return old.Prove(t.Context(), proof.Claim{Seq: 9, At: time.UnixMilli(9)}) },
		"Shadow":      func() error { return old.Shadow(t.Context()) },
		"WriteShadow": func() error { return old.WriteShadow(t.Context(), batch(4, 9)) },
		"Switch":      func() error { return old.Switch(t.Context()) },
		"Drop":        func() error { return old.Drop(t.Context()) },
		"Reset":       func() error { return old.Reset(t.Context(), project.Position{Epoch: "e9"}) },
		"Prune":       func() error { _, err := old.Prune(t.Context(), time.Now()); return err },
	} {
		err := do()
		if !errors.Is(err, fault.NotLeader) || fault.Of(err).Details["leader"] != "127.0.0.1:2" {
			t.Errorf("%s of an old leader: %v, %v", what, err, fault.Of(err).Details)
		}
	}
	after, err := next.Standing(t.Context())
	must(t, err)
	if after != before {
		t.Errorf("an old leader moved the store from %+v to %+v", before, after)
	}
	holds(t, next, 3, 2)
	must(t, next.WriteShadow(t.Context(), batch(3, 1)))
	must(t, next.WriteShadow(t.Context(), batch(3, 2)))
	must(t, next.Switch(t.Context())) // nor did it take the new leader's shadow
	holds(t, next, 3, 2)
}

// TestTheLeaseWaitsForTheWriter: once a lease has changed hands, nothing of the old term can still be committed, be it
// that its transaction had begun before.
func TestTheLeaseWaitsForTheWriter(t *testing.T) {
	c := newRoomC(t)
	old := c.lead()
	write(t, old, batch(3, 1))
	stop := make(chan struct{})
	var writer sync.WaitGroup
	writer.Go(func() {
		for v := ident.Version(2); ; v++ {
			if _, err := old.Write(context.WithoutCancel(t.Context()), batch(3, v)); err != nil && !errors.Is(err, fault.NotLeader) {
				t.Error(err)
			}
			select {
			case <-stop:
				return
			default:
			}
		}
	})
	wrote := newest(t, old)
	for range 30 {
		for newest(t, old) == wrote { // it writes
		}
		c.elect()
		wrote = newest(t, old)
		for range 5 {
			if now := newest(t, old); now != wrote {
				t.Fatalf("write %d came after another one was elected at write %d", now, wrote)
			}
		}
		c.exec(`UPDATE lease SET term = 1`)
	}
	close(stop)
	writer.Wait()
}

// stalled lets a change run into a trigger that sleeps, calls meanwhile once it is there, and returns what
// became of the change.
func (c *roomC) stalled(at string, change func() error, meanwhile func()) error {
	c.Helper()
	c.exec(`CREATE TRIGGER stall BEFORE ` + at + ` FOR EACH ROW DO SLEEP(30)`)
	done := make(chan error, 1)
	go func() { done <- change() }()
	for sleeping := 0; sleeping == 0; {
		if err := c.db.QueryRow(`SELECT COUNT(*) FROM information_schema.processlist WHERE state = 'User sleep' AND db = DATABASE()`).Scan(&sleeping); err != nil {
			c.Fatal(err)
		}
		select {
		case err := <-done:
			c.Fatalf("the change did not stall: %v", err)
		default:
		}
	}
	meanwhile()
	return <-done
}

// TestKilledServer: a server that is killed in the middle of a transaction has nothing of it afterwards, says
// STORE_UNAVAILABLE while it is away, and takes the same again once it is back.
func TestKilledServer(t *testing.T) {
	c := newRoomC(t)
	views := c.lead()
	write(t, views, batch(300, 1))
	kill := func() {
		server.Kill()
		for what, ask := range map[string]func() error{
			"Cards":    func() error { _, err := views.Cards(t.Context(), []ident.RoomID{1}); return err },
			"Standing": func() error { _, err := views.Standing(t.Context()); return err },
			"Since":    func() error { _, err := views.Since(t.Context(), follow.Mark{}, 1); return err },
			"Write":    func() error { _, err := views.Write(t.Context(), batch(1, 9)); return err },
			"Reopen":   func() error { _, err := views.Reopen(t.Context()); return err },
		} {
			if err := ask(); !errors.Is(err, fault.StoreUnavailable) {
				t.Errorf("%s without a server: %v", what, err)
			}
		}
	}
	shadow := func() error {
		must(t, views.Shadow(t.Context()))
		return views.WriteShadow(t.Context(), batch(300, 7))
	}
	for _, crash := range []struct {
		at     string
		change func() error
	}{
		{"INSERT ON feed", func() error { _, err := views.Write(t.Context(), batch(300, 2)); return err }},     // its cards are in
		{"UPDATE ON standing", func() error { _, err := views.Write(t.Context(), batch(300, 2)); return err }}, // all but the row is in
		{"UPDATE ON standing", func() error { return views.Switch(t.Context()) }},
	} {
		if crash.at == "UPDATE ON standing" {
			must(t, shadow())
		}
		if err := c.stalled(crash.at, crash.change, kill); !errors.Is(err, fault.StoreUnavailable) {
			t.Errorf("killed at %s: %v", crash.at, err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		must(t, server.Restart(ctx))
		cancel()
		c.exec(`DROP TRIGGER stall`)
		holds(t, views, 300, 1)
		if lost, err := views.Reopen(t.Context()); lost || err != nil {
			t.Errorf("after the crash Reopen says %t, %v", lost, err)
		}
		must(t, views.Drop(t.Context()))
	}
	if taken := write(t, views, batch(300, 2)); len(taken) != 300 {
		t.Errorf("%d of 300 cards were taken", len(taken))
	}
	holds(t, views, 300, 2)
}

// TestAStoreThatWentBack: a failover to a replica that lagged, or a power loss, took the newest transactions. The
// leader finds out before it writes a hole; those who follow miss nothing of what is written then, whoever leads.
func TestAStoreThatWentBack(t *testing.T) {
	c := newRoomC(t)
	leader := c.lead()
	for v := ident.Version(1); v <= 3; v++ {
		write(t, leader, batch(2, v))
	}
	write(t, leader, project.Batch{}) // so that what is taken away was more than what comes
	before, err := leader.Standing(t.Context())
	must(t, err)
	mark := follow.Mark{Write: before.Write, Seq: 3}
	back := func() {
		c.exec(`UPDATE standing SET written = written - 3, contiguous = 1`, `DELETE FROM feed WHERE feed_seq > 1`, `UPDATE card SET version = 1, written = written - 2`)
	}
	back()
	if _, err := leader.Write(t.Context(), batch(2, 4)); !errors.Is(err, fault.StoreUnavailable) {
		t.Errorf("a store that went back took a write: %v", err)
	}
	d, err := leader.Since(t.Context(), mark, 10)
	if err != nil || d.To != mark || len(d.Cards)+len(d.Feed) != 0 || d.More {
		t.Errorf("a store that went back tells %+v, %v", d, err)
	}
	lost, err := leader.Reopen(t.Context())
	at, errAt := leader.Position(t.Context())
	if !lost || err != nil || errAt != nil || at.Contiguous != 1 {
		t.Errorf("of a store that went back Reopen says %t, %v; it stands at %+v, %v", lost, err, at, errAt)
	}
	if lost, err := leader.Reopen(t.Context()); lost || err != nil {
		t.Errorf("what is known is called lost again: %t, %v", lost, err)
	}
	goesOn := func(who string, leader *mysqlstore.Leader) follow.Mark {
		t.Helper()
		b := batch(2, 4)
		b.Feed = append(batch(0, 2).Feed, append(batch(0, 3).Feed, b.Feed...)...)
		write(t, leader, b) // fewer than the store has lost: the number alone would not lie beyond the mark
		d, err := leader.Since(t.Context(), mark, 10)
		if err != nil || len(d.Cards) != 2 || d.Cards[0].Version != 4 || len(d.Feed) != 1 || d.Feed[0].Seq != 4 {
			t.Errorf("when %s went on, a follower was told %+v, %v", who, d, err)
		}
		return follow.Mark{Write: d.To.Write, Seq: 3}
	}
	mark = goesOn("the same leader", leader)
	back()
	goesOn("the next leader", c.lead())
}

// TestAStoreThatWasReplaced: somebody else has begun room_c anew; what the leader knows is of another one.
func TestAStoreThatWasReplaced(t *testing.T) {
	c := newRoomC(t)
	leader := c.lead()
	write(t, leader, batch(3, 5))
	others := []*mysqlstore.Leader{c.lead(), c.lead(), c.lead(), c.lead()}
	c.exec(`UPDATE lease SET term = 1`)
	c.dropTables()
	if _, err := leader.Write(t.Context(), batch(3, 6)); !errors.Is(err, fault.StoreUnavailable) {
		t.Errorf("a store without tables: %v", err)
	}
	if _, err := leader.Cards(t.Context(), []ident.RoomID{1}); !errors.Is(err, fault.StoreUnavailable) {
		t.Errorf("a store without tables: %v", err)
	}
	var all sync.WaitGroup
	for _, other := range others {
		all.Go(func() {
			if lost, err := other.Reopen(t.Context()); err != nil {
				t.Errorf("one of many that begin anew: %t, %v", lost, err)
			}
		})
	}
	all.Wait()
	next := c.lead()
	for range 3 { // it may have come further than the old one had
		write(t, next, project.Batch{})
	}
	c.exec(`UPDATE lease SET term = 1`)
	if _, err := leader.Write(t.Context(), batch(3, 6)); !errors.Is(err, fault.StoreUnavailable) {
		t.Errorf("a store that was replaced: %v", err)
	}
	if lost, err := leader.Reopen(t.Context()); !lost || err != nil {
		t.Errorf("a store that was replaced: %t, %v", lost, err)
	}
	if n, err := leader.Count(t.Context()); n != 0 || err != nil {
		t.Errorf("it holds %d cards, %v", n, err)
	}
	write(t, leader, batch(3, 1))
	holds(t, leader, 3, 1)
}

// TestEachTableIsMissed: whichever was dropped or emptied, Reopen sees it, and what stands afterwards is whole.
func TestEachTableIsMissed(t *testing.T) {
	c := newRoomC(t)
	for _, harm := range []string{`DROP TABLE card`, `DROP TABLE parked`, `DROP TABLE area_tree`, `DROP TABLE lease`, `TRUNCATE card`, `DELETE FROM feed`,
		`DELETE FROM standing`} {
		leader := c.lead()
		write(t, leader, batch(3, 1))
		must(t, leader.Drain(t.Context(), true))
		c.exec(harm)
		if lost, err := leader.Reopen(t.Context()); !lost || err != nil {
			t.Errorf("%s: Reopen says %t, %v", harm, lost, err)
		}
		if s, err := leader.Standing(t.Context()); err != nil || s.Contiguous != 0 || s.Drained {
			t.Errorf("%s: the new store stands at %+v, %v", harm, s, err)
		}
		if _, err := c.lead().Write(t.Context(), batch(3, 1)); err != nil {
			t.Errorf("%s: the new store takes nothing: %v", harm, err)
		}
		must(t, c.lead().Reset(t.Context(), project.Position{}))
	}
}

// TestManyRooms: statements and pages are cut, and nothing is lost at a cut.
func TestManyRooms(t *testing.T) {
	const rooms = 2600 // several statements, and several pages of OnAir
	views := newRoomC(t).lead()
	taken := write(t, views, batch(rooms, 1))
	if len(taken) != rooms || !slices.IsSorted(taken) {
		t.Errorf("%d of %d cards were taken, in order: %t", len(taken), rooms, slices.IsSorted(taken))
	}
	var seen []ident.RoomID
	must(t, views.OnAir(t.Context(), func(c view.RoomCard) bool { seen = append(seen, c.ID); return true }))
	if !slices.Equal(seen, taken) {
		t.Errorf("%d of %d rooms are on air", len(seen), rooms)
	}
	large := project.Batch{}
	for seq := range 40 {
		large.Feed = append(large.Feed, project.FeedRow{Seq: ident.FeedSeq(seq + 2), Room: 1, Type: event.RoomRenamed, JSON: make([]byte, 1<<20)})
	}
	write(t, views, large) // 40 MiB: no server takes that in one statement
	if list, err := views.Frames(t.Context(), 0, 100); err != nil || len(list) != 41 {
		t.Errorf("%d of 41 lines are there, %v", len(list), err)
	}
}

// TestALostLeaseIsTakenAgain: with all its tables room_c has lost the lease, and so whoever would begin it anew.
func TestALostLeaseIsTakenAgain(t *testing.T) {
	c := newRoomC(t)
	old := c.lead()
	write(t, old, batch(3, 1))
	inner, err := mysqlstore.OpenLeases(c.dsn)
	must(t, err)
	t.Cleanup(func() { _ = inner.Close() })
	leases := old.Leases(inner)
	c.dropTables()
	c.exec(`DROP TABLE lease, goose_db_version`)
	got, err := leases.Take(t.Context(), projector, lead.Holder{ID: "next"}, time.Hour)
	if err != nil || got.ID != "next" || got.Term != 1 {
		t.Fatalf("the lease is %+v, %v", got, err)
	}
	if _, err := old.Write(t.Context(), batch(3, 2)); !errors.Is(err, fault.StoreUnavailable) {
		t.Errorf("an old leader whose term came up again: %v", err)
	}
	if again, err := leases.Take(t.Context(), projector, lead.Holder{ID: "third"}, time.Hour); err != nil || again != got {
		t.Errorf("once it is there, the lease is %+v, %v", again, err)
	}
}
