package query

import (
	"testing"
	"time"

	"github.com/greenroomlive/greenroom/internal/core/ident"
	"github.com/greenroomlive/greenroom/internal/core/view"
)

// TestTheSlowestCrawlerLosesItsSnapshotNotTheNodeItsMemory: what has left the list is kept for a
// crawler that is never idle, but not without end; and when nobody needs it, it goes.
func TestTheSlowestCrawlerLosesItsSnapshotNotTheNodeItsMemory(t *testing.T) {
	b, now := newBoard(), time.Unix(0, 0)
	b.filled()
	var kept snapshots
	kept.init()
	first := kept.of(b, nil, now).id
	restart := func(i int) {
		c := view.RoomCard{ID: ident.RoomID(i%1000 + 1), Version: ident.Version(i + 1)}
		c.Live = view.LiveState{Status: view.Live, StartedAt: time.UnixMilli(int64(i))}
		c.Audience.Online = int64(i)
		b.apply(&c)
		kept.tidy(b, 1, now)
		kept.of(b, nil, now) // sees it, so that it cannot be forgotten at once
		now = now.Add(time.Millisecond)
	}
	i := 0
	for ; ; i++ {
		if _, ok := kept.named(first, now); !ok {
			break
		}
		if restart(i); b.past.len() > fewPast+sweptPerCard {
			t.Fatalf("%d stays are kept", b.past.len())
		}
	}
	// A thousand a second restarted, two stays each: twice the promised minute.
	if i < 120_000 {
		t.Errorf("the snapshot was gone after %d restarts", i)
	}
	now = now.Add(snapshotLife)
	for end := i + fewPast/2; i < end; i++ {
		c := view.RoomCard{ID: 2000, Version: ident.Version(i + 1)}
		b.apply(&c)
		kept.tidy(b, 1, now)
	}
	if n, rows := b.past.len(), b.shelves[label{}].orders[ByOnline].Len(); n != 0 || rows != 1000 || len(kept.byID) != 0 {
		t.Errorf("without readers %d stays, %d rows and %d snapshots are kept", n, rows, len(kept.byID))
	}
}

// TestAShelfGoesWithItsLastRoom: tags come and go; those that nobody uses cost nothing.
func TestAShelfGoesWithItsLastRoom(t *testing.T) {
	b, now := newBoard(), time.Unix(0, 0)
	b.filled()
	var kept snapshots
	kept.init()
	c := view.RoomCard{ID: 1, Version: 1, Tags: []string{"chess"}, Live: view.LiveState{Status: view.Live}}
	b.apply(&c)
	kept.of(b, nil, now)
	c.Version, c.Tags = 2, []string{"go"}
	b.apply(&c)
	kept.tidy(b, 1, now)
	if b.shelves[tagLabel("chess")] == nil {
		t.Error("a snapshot shows the room still")
	}
	kept.tidy(b, 1, now.Add(snapshotLife))
	if b.shelves[tagLabel("chess")] != nil || b.shelves[tagLabel("go")] == nil {
		t.Errorf("shelves %v", b.shelves)
	}
	c.Version, c.Live = 3, view.LiveState{}
	b.apply(&c)
	if len(b.shelves) != 0 || len(b.rooms) != 0 {
		t.Errorf("an empty board has %d shelves and %d rooms", len(b.shelves), len(b.rooms))
	}
}

// TestATokenMadeByHandBreaksNothing: it names a snapshot that was cut before the area tree was known.
func TestATokenMadeByHandBreaksNothing(t *testing.T) {
	b, now := newBoard(), time.Unix(0, 0)
	b.filled()
	c := view.RoomCard{ID: 1, Version: 1, AreaID: 7, Live: view.LiveState{Status: view.Live}}
	b.apply(&c)
	var kept snapshots
	kept.init()
	v := kept.of(b, nil, now).read(LiveQuery{Area: 7})
	if ids, _, _ := v.page(make([]ident.RoomID, 0, 1), beginning()); len(ids) != 1 {
		t.Errorf("rooms %v", ids)
	}
}

// TestACrowdsTotalIsItsSnapshots: with very many crawlers the next ones share a snapshot that is a little old,
// and its size is what they are told, not that of the list of now.
func TestACrowdsTotalIsItsSnapshots(t *testing.T) {
	b, now := newBoard(), time.Unix(0, 0)
	b.filled()
	var kept snapshots
	kept.init()
	start := func(id int) {
		b.apply(&view.RoomCard{ID: ident.RoomID(id), Version: 1, Tags: []string{"chess"}, Live: view.LiveState{Status: view.Live}})
	}
	for id := range calmSnapshots {
		start(id + 1)
		kept.of(b, nil, now)
	}
	start(calmSnapshots + 1)
	crowded := kept.of(b, nil, now)
	if crowded.at == b.now {
		t.Fatal("the snapshot is of now: there is no crowd")
	}
	for _, q := range []LiveQuery{{}, {Tag: "chess"}} {
		v := crowded.read(q)
		ids, _, more := v.page(make([]ident.RoomID, 0, 2*calmSnapshots), v.after)
		if len(ids) != calmSnapshots || more || (v.total != int64(len(ids)) && (q.unfiltered() || v.total >= 0)) {
			t.Errorf("%+v: %d rooms are listed, %d are announced", q, len(ids), v.total)
		}
	}
	b.apply(&view.RoomCard{ID: 1, Version: 2})
	now = now.Add(cutEvery)
	if v := kept.of(b, nil, now).read(LiveQuery{Tag: "chess"}); v.total != calmSnapshots {
		t.Errorf("a fresh snapshot announces %d rooms, want %d", v.total, calmSnapshots)
	}
}
