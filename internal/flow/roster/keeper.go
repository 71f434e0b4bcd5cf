package roster

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"time"

	"github.com/greenroomlive/greenroom/internal/core/ident"
	"github.com/greenroomlive/greenroom/internal/flow/project"
)

const (
	// lookEvery is how often Run looks for details; what was decided holds that much later.
	lookEvery = 100 * time.Millisecond
	// waitMost bounds the pause after failures.
	waitMost = 5 * time.Second
	// markEvery is how often the mark follows a feed that carries nothing: it must not fall behind what the feed keeps.
	markEvery = time.Minute
	// page bounds one read and one transaction, in details, people or rules.
	page = 512
)

var errAnotherLog = errors.New("the people come from another log than the views")

// Keeper keeps the tables of room_c. All fields but Clock are required.
type Keeper struct {
	Store  Store
	Source project.PeopleSource
	Logger *slog.Logger
	// Clock is time.Now unless it is set.
	Clock func() time.Time

	marked time.Time
}

// Run keeps the tables until ctx ends, and then returns nil.
func (k *Keeper) Run(ctx context.Context) error {
	if k.Clock == nil {
		k.Clock = time.Now
	}
	return repeat(ctx, k.look, func(err error) {
		k.Logger.Warn("roster: people and rules cannot be kept up now, will try again", "error", err)
	})
}

// repeat looks again and again until ctx ends; after failures it waits longer, and tells the first of them.
func repeat(ctx context.Context, look func(context.Context) error, failed func(error)) error {
	wait := lookEvery
	for {
		switch err := look(ctx); {
		case err == nil:
			wait = lookEvery
		case ctx.Err() == nil:
			if wait == lookEvery {
				failed(err)
			}
			wait = min(2*wait, waitMost)
		}
		timer := time.NewTimer(wait)
		select {
		case <-ctx.Done():
			timer.Stop()
			return nil
		case <-timer.C:
		}
	}
}

// look brings the tables to where the details are.
func (k *Keeper) look(ctx context.Context) error {
	for {
		s, err := k.Store.RosterStanding(ctx)
		if err != nil || s.Views == "" {
			return err
		}
		if s.Log != s.Views || !s.Complete || s.lacks(s.Seq) {
			return k.fill(ctx, s.Views)
		}
		rows, err := k.Store.Details(ctx, s.Seq, page)
		if err != nil {
			return err
		}
		if len(rows) == 0 {
			return k.mark(ctx, s)
		}
		for i := range rows {
			if rows[i].Detail == nil {
				k.Logger.Warn("roster: nobody knows what an event carried; copying all people and rules from B", "room", rows[i].Room, "feed_seq", rows[i].Seq)
				return k.fill(ctx, s.Views)
			}
		}
		if err := k.Store.KeepRoster(ctx, batchOf(rows)); err != nil {
			return err
		}
	}
}

// lacks reports whether details behind a position may be missing.
func (s *Standing) lacks(seq ident.FeedSeq) bool { return s.Oldest > seq+1 || s.Contiguous < seq }

// mark moves the mark along a feed that carries nothing.
func (k *Keeper) mark(ctx context.Context, s Standing) error {
	now := k.Clock()
	if s.Seq == s.Contiguous || now.Sub(k.marked) < markEvery {
		return nil
	}
	k.marked = now
	return k.Store.KeepRoster(ctx, Batch{Seq: s.Contiguous})
}

// fill copies what B has. Until it is complete, nodes go on with what they have.
func (k *Keeper) fill(ctx context.Context, log string) error {
	first, err := k.Source.People(ctx, project.PersonKey{}, page)
	if err != nil {
		return err
	}
	if first.Head.Epoch != log {
		return fmt.Errorf("%w: %s, not %s", errAnotherLog, first.Head.Epoch, log)
	}
	if err := k.Store.BeginRoster(ctx, log, 1+rand.Int64N(1<<62)); err != nil {
		return err
	}
	for people := first.People; len(people) > 0; {
		if err := k.Store.KeepRoster(ctx, Batch{People: people}); err != nil {
			return err
		}
		last := people[len(people)-1]
		next, err := k.Source.People(ctx, project.PersonKey{Room: last.Room, User: last.Person.User}, page)
		if err != nil {
			return err
		}
		people = next.People
	}
	for from := ident.RoomID(0); ; {
		next, err := k.Source.Rules(ctx, from, page)
		if err != nil {
			return err
		}
		if len(next.Rules) == 0 {
			break
		}
		if err := k.Store.KeepRoster(ctx, Batch{Rules: next.Rules}); err != nil {
			return err
		}
		from = next.Rules[len(next.Rules)-1].Room + 1
	}
	return k.Store.KeepRoster(ctx, Batch{Seq: first.Head.Seq, Complete: true})
}

// batchOf is what details come to: of each entry the newest.
func batchOf(rows []project.DetailRow) Batch {
	b := Batch{Seq: rows[len(rows)-1].Seq}
	people, rules := map[project.PersonKey]int{}, map[ident.RoomID]int{}
	for i := range rows {
		r := &rows[i]
		for _, p := range r.Detail.People {
			key := project.PersonKey{Room: r.Room, User: p.User}
			at, known := people[key]
			if !known {
				at = len(b.People)
				people[key], b.People = at, append(b.People, project.RoomPerson{})
			}
			b.People[at] = project.RoomPerson{Room: r.Room, Version: r.Version, Person: p}
		}
		if r.Detail.Rules != nil {
			at, known := rules[r.Room]
			if !known {
				at = len(b.Rules)
				rules[r.Room], b.Rules = at, append(b.Rules, project.RoomRules{})
			}
			b.Rules[at] = project.RoomRules{Room: r.Room, Version: r.Version, Rules: *r.Detail.Rules}
		}
	}
	return b
}
