package storetest

import (
	"context"
	"testing"
	"time"

	"github.com/greenroomlive/greenroom/internal/core/event"
	"github.com/greenroomlive/greenroom/internal/core/ident"
	"github.com/greenroomlive/greenroom/internal/core/ownership"
	"github.com/greenroomlive/greenroom/internal/core/room"
	"github.com/greenroomlive/greenroom/internal/flow/command"
	"github.com/greenroomlive/greenroom/internal/flow/project"
	"github.com/greenroomlive/greenroom/internal/flow/relay"
)

// RoomsStore is room_b with all its faces.
type RoomsStore interface {
	command.Store
	relay.Log
	relay.Frontier
	project.Source
	project.PeopleSource
	// Prune forgets log entries committed before keep, but never the newest, and answers that
	// expired at now; more says that it should be called again.
	Prune(ctx context.Context, keep, now time.Time) (more bool, err error)
}

// RoomsLevers is one room_b under test.
type RoomsLevers struct {
	Store RoomsStore
	// Reopen ends the store and opens it again on what it holds.
	Reopen func() RoomsStore
	// AtCommit: events have their feed_seq when they are committed; Sequence only hands them over, to
	// the process that committed them.
	AtCommit bool
	// ManyWriters: commits of different rooms run at once, so they may be announced in another order than they
	// are sequenced in; those of one room never are.
	ManyWriters bool
}

// Rooms runs the suite. open makes an empty store that ends with the test.
func Rooms(t *testing.T, open func(t *testing.T) RoomsLevers) {
	for _, c := range []struct {
		promise string
		test    func(*testing.T, *roomsWorld)
	}{
		{"state and outbox are one", stateAndOutbox},
		{"a unit that fails leaves no trace", failedUnit},
		{"a unit that fails does its neighbours no harm", failedNeighbour},
		{"a unit that panics is INTERNAL and does its neighbours no harm", panickedUnit},
		{"a unit whose context has ended is not run", endedContext},
		{"a stale aggregate is VERSION_CONFLICT", staleAggregate},
		{"nobody writes what another role owns", ownedColumns},
		{"readers see committed snapshots", committedOnly},

		{"the sequencer counts from 1, in commit order, each event once", sequences},
		{"the sequencer goes on after a restart", sequencesOn},
		{"concurrent commits are sequenced in the order of their announcement, or each room's are", sequencesConcurrent},
		{"the log is read in pages and knows its head", readsLog},
		{"subscribers hear of commits in order, before the answer", announces},
		{"subscribers never hear of what was rolled back", announcesNoRollback},
		{"pruning keeps the newest entry and moves the floor", prunes},
		{"the log keeps its epoch", keepsEpoch},
		{"events come out as they went in", keepsEvents},

		{"due sessions are found by lease and by grace", findsDue},
		{"interventions are kept, found by their end and by the strongest", keepsControl},
		{"widgets and their types are kept", keepsWidgets},
		{"proposals are kept, and decided once", keepsProposals},
		{"extensions are kept, and found by the windows of their badges", keepsExtension},
		{"people are kept, and found by user, by kind and by what is due", keepsPeople},
		{"mutes that end with a session are due when it is over", endsWithSession},
		{"people of the platform share the area tree's version", keepsPlatformPeople},
		{"rules are kept with the version of their change", keepsRules},
		{"people and rules of all rooms are paged, each page with the log's head", pagesPeople},
		{"schedules are kept, and found by their next reminder", keepsSchedules},
		{"rooms are paged by id and by anchor", pagesRooms},
		{"sessions are paged from the newest", pagesSessions},
		{"keys are kept, newest first, revoked ones too", keepsKeys},
		{"the area tree is kept whole", keepsAreas},
		{"answers are kept until they expire", keepsAnswers},
		{"an audit entry is one with what it tells of, and each is chained", auditOfWrites},
		{"the audit log of many writers is one chain", auditOfMany},
		{"a switch is turned with its audit entry", auditOfSwitches},
		{"the audit log is read from both ends, and by time", auditPages},
		{"snapshots are paged and equal the rooms", pagesSnapshots},
		{"what was written is there after a restart", survives},
	} {
		t.Run(c.promise, func(t *testing.T) {
			w := &roomsWorld{T: t, RoomsLevers: open(t), now: time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)}
			c.test(t, w)
		})
	}
}

const role = ownership.XAnchor

var terms = room.Terms{Lease: 10 * time.Second, Grace: 30 * time.Second}

// roomsWorld is a store and a hand that writes into it. The tests own the time.
type roomsWorld struct {
	*testing.T
	RoomsLevers
	now  time.Time
	last int64
}

func (w *roomsWorld) ctx() context.Context { return w.Context() }

func (w *roomsWorld) by() room.By {
	return room.By{Now: w.now, Actor: "anchor:7", Cause: "cmd-1", Traceparent: "00-1-2-01"}
}

// id makes ids that grow.
func (w *roomsWorld) id() int64 {
	w.last++
	return 1000 + w.last
}

// draft decides on a room without writing it.
func (w *roomsWorld) draft(title string) *room.Room {
	w.Helper()
	r, err := room.Create(w.by(), ident.RoomID(w.id()), 7, room.Description{Title: title, Tags: []string{"a", "b"}, Language: "en"})
	w.must(err)
	return r
}

// create writes a new room.
func (w *roomsWorld) create(title string) ident.RoomID {
	w.Helper()
	r := w.draft(title)
	w.must(w.Store.Write(w.ctx(), func(tx command.Tx) error { return tx.SaveRoom(role, r) }))
	return r.ID
}

// change loads, decides and saves.
func (w *roomsWorld) change(id ident.RoomID, decide func(*room.Room) error) error {
	return w.Store.Write(w.ctx(), func(tx command.Tx) error {
		r, err := tx.Room(id)
		if err != nil {
			return err
		}
		if err := decide(r); err != nil {
			return err
		}
		return tx.SaveRoom(role, r)
	})
}

func (w *roomsWorld) rename(id ident.RoomID, title string) {
	w.Helper()
	w.must(w.change(id, func(r *room.Room) error { return r.Edit(w.by(), room.Patch{Title: &title}) }))
}

func (w *roomsWorld) goLive(id ident.RoomID, p room.Publisher) {
	w.Helper()
	session := ident.SessionID(w.id())
	w.must(w.change(id, func(r *room.Room) error { return r.GoLive(w.by(), p, session, terms) }))
}

func (w *roomsWorld) room(id ident.RoomID) *room.Room {
	w.Helper()
	return look(w, func(rd command.Reader) (*room.Room, error) { return rd.Room(id) })
}

// head is the log's, and the frontier that the heart beats says the same.
func (w *roomsWorld) head() project.Head {
	w.Helper()
	h, err := w.Store.Head(w.ctx())
	w.must(err)
	epoch, frontier, err := w.Store.Frontier(w.ctx())
	w.must(err)
	if epoch != h.Epoch || frontier != h.Seq+ident.FeedSeq(h.Pending) {
		w.Errorf("the frontier of log %s is %s, its head %+v", epoch, frontier, h)
	}
	return h
}

// stands checks the head: the log goes from floor to seq, pending events wait for the sequencer. Where
// places are given at commit, the pending ones are in the log already.
func (w *roomsWorld) stands(floor, seq ident.FeedSeq, pending int64) {
	w.Helper()
	if w.AtCommit {
		seq, pending = seq+ident.FeedSeq(pending), 0
	}
	if h := w.head(); h.Floor != floor || h.Seq != seq || h.Pending != pending {
		w.Errorf("the head is %+v, want %d to %d and %d pending", h, floor, seq, pending)
	}
}

func (w *roomsWorld) sequence(limit int) []event.RoomEvent {
	w.Helper()
	list, err := w.Store.Sequence(w.ctx(), limit)
	w.must(err)
	return list
}

func (w *roomsWorld) must(err error) {
	w.Helper()
	if err != nil {
		w.Fatal(err)
	}
}

// look reads one snapshot.
func look[T any](w *roomsWorld, f func(command.Reader) (T, error)) T {
	w.Helper()
	var out T
	w.must(w.Store.Read(w.ctx(), func(rd command.Reader) error {
		var err error
		out, err = f(rd)
		return err
	}))
	return out
}

func publisher(client string, key ident.KeyID) room.Publisher {
	return room.Publisher{MediaServer: room.NginxRTMP, ClientID: client, ClientIP: "127.0.0.1", Key: key}
}
