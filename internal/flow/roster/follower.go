package roster

import (
	"context"
	"log/slog"
	"sync/atomic"

	"github.com/greenroomlive/greenroom/internal/core/ident"
	"github.com/greenroomlive/greenroom/internal/core/view"
	"github.com/greenroomlive/greenroom/internal/flow/project"
	"github.com/greenroomlive/greenroom/internal/flow/speak"
)

// Follower holds a node's court at what room_c says. Make it with NewFollower.
type Follower struct {
	store  Reader
	logger *slog.Logger

	court atomic.Pointer[speak.Court]
	// What the court holds: of which fill, and how far.
	of  Mark
	seq atomic.Int64
}

// NewFollower makes one that has no court yet.
func NewFollower(store Reader, logger *slog.Logger) *Follower {
	return &Follower{store: store, logger: logger}
}

// Court is who judges; nil until the first fill is loaded.
func (f *Follower) Court() *speak.Court { return f.court.Load() }

// Seq is the position of the feed up to which the court has heard of everything.
func (f *Follower) Seq() ident.FeedSeq { return ident.FeedSeq(f.seq.Load()) }

// Run follows until ctx ends, and then returns nil.
func (f *Follower) Run(ctx context.Context) error {
	return repeat(ctx, f.look, func(err error) {
		f.logger.Warn("roster: people and rules cannot be read now; what is known of them still holds", "error", err)
	})
}

func (f *Follower) look(ctx context.Context) error {
	s, err := f.store.RosterStanding(ctx)
	if err != nil || !s.Complete {
		return err // while a fill runs, what was known holds on
	}
	court := f.court.Load()
	if court == nil || s.Log != f.of.Log || s.Fill != f.of.Fill || s.lacks(f.Seq()) {
		return f.load(ctx, s)
	}
	seq, err := f.tell(ctx, court, f.Seq())
	f.seq.Store(int64(max(seq, min(s.Seq, s.Contiguous)))) // what the tables have followed without a detail needs no telling
	return err
}

// load fills another court, and puts it in the place of the one there is.
func (f *Follower) load(ctx context.Context, s Standing) error {
	court := speak.New()
	for after := (project.PersonKey{}); ; {
		list, err := f.store.Persons(ctx, after, page)
		if err != nil {
			return err
		}
		if len(list) == 0 {
			break
		}
		for i := range list {
			f.put(court, list[i].Room, &view.Detail{People: []view.Person{list[i].Person}})
		}
		last := list[len(list)-1]
		after = project.PersonKey{Room: last.Room, User: last.Person.User}
	}
	for from := ident.RoomID(0); ; {
		list, err := f.store.SpeechRules(ctx, from, page)
		if err != nil {
			return err
		}
		if len(list) == 0 {
			break
		}
		for i := range list {
			f.put(court, list[i].Room, &view.Detail{Rules: &list[i].Rules})
		}
		from = list[len(list)-1].Room + 1
	}
	// The pages may be newer than the standing; what is told again ends where they are.
	seq, err := f.tell(ctx, court, s.Seq)
	if err != nil {
		return err
	}
	f.of = s.Mark
	f.seq.Store(int64(seq))
	f.court.Store(court)
	return nil
}

// tell brings a court what the details behind a position say, and returns how far that was.
func (f *Follower) tell(ctx context.Context, court *speak.Court, after ident.FeedSeq) (ident.FeedSeq, error) {
	for {
		rows, err := f.store.Details(ctx, after, page)
		if err != nil || len(rows) == 0 {
			return after, err
		}
		for i := range rows {
			if rows[i].Detail != nil { // else the Keeper begins a fill
				f.put(court, rows[i].Room, rows[i].Detail)
			}
			after = rows[i].Seq
		}
	}
}

func (f *Follower) put(court *speak.Court, room ident.RoomID, d *view.Detail) {
	if err := court.Tell(room, d); err != nil {
		f.logger.Error("roster: rules cannot be used, those before stay in force", "room", room, "error", err)
	}
}
