package follow

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/greenroomlive/greenroom/internal/core/event"
	"github.com/greenroomlive/greenroom/internal/core/ident"
	"github.com/greenroomlive/greenroom/internal/flow/project"
	"github.com/greenroomlive/greenroom/internal/flow/proof"
	"github.com/greenroomlive/greenroom/internal/flow/station"
)

// place is how far the audience is.
type place struct {
	// copy and seen are which room_c was looked at last, and where its feed ended then: it never goes back.
	copy string
	seen ident.FeedSeq
	// mark is what was told: all cards that transactions up to mark.Write wrote, and the feed up to mark.Seq.
	mark Mark
	// owed: room_c lost what was told of it and is being filled again; once it is complete, what was told before is
	// void. lost is when that was found out.
	owed bool
	lost time.Time
	// left is the projector's proof as room_c has it, claim the same as of the moment at which it was first seen: one
	// from a clock that runs ahead must not grow younger with each look.
	left, claim proof.Claim
}

// look brings the audience to where room_c stands.
func (f *Follower) look(ctx context.Context) error {
	s, err := f.standing(ctx)
	if err != nil {
		return err
	}
	f.drained.Store(s.Drained)
	if s.Epoch == "" && f.log.Load() == nil {
		return nil // nobody has written anything yet
	}
	f.align(s)
	listed, err := f.list(ctx, s)
	if err != nil {
		return err
	}
	for more := !listed || s.Write > f.at.mark.Write || s.Contiguous > f.at.mark.Seq; more; {
		d, err := f.since(ctx)
		if err != nil {
			return err
		}
		if s = d.Standing; f.align(s) {
			return nil // the mark that it was read for is of another copy; the next look begins at the new one's
		}
		if listed, err = f.list(ctx, s); err != nil {
			return err
		}
		if f.at.owed && f.found(s) {
			break // void is what was told, and rows must not speak of cards that are told with a reset only
		}
		f.tell(&d, listed)
		more = d.More || !listed
	}
	f.settle(s)
	f.once()
	return nil
}

// once opens Placed.
func (f *Follower) once() {
	select {
	case <-f.placed:
	default:
		close(f.placed)
	}
}

// align finds out whether this is the room_c that was followed until now. If it is another, the audience is told
// what that means, and the mark is the new one's.
func (f *Follower) align(s Standing) (another bool) {
	at := &f.at
	log := f.log.Load()
	known := log != nil && (s.Epoch == *log || s.Epoch == "")
	if known && s.Copy == at.copy && s.Write >= at.mark.Write && s.Contiguous >= at.seen {
		at.seen = s.Contiguous
		return false
	}
	exchanged := s.Copy != at.copy
	at.copy, at.seen = s.Copy, s.Contiguous
	f.held.relist()
	switch {
	case !known || f.wentBack.Swap(false):
		f.log.Store(&s.Epoch)
		f.proof.Void(s.Epoch, 0)
		f.reset(0, s.Write) // no place in the feed of another log is one in this
		f.advance(project.Change{Contiguous: s.Contiguous})
	case exchanged && s.Complete && s.Contiguous >= at.mark.Seq:
		f.renew(s)
	default:
		f.lose(s)
	}
	return true
}

// lose keeps what readers have while room_c lacks it.
func (f *Follower) lose(s Standing) {
	at := &f.at
	at.owed, at.lost = true, f.Clock()
	at.mark.Write = 0 // rows may soon speak of cards that the new copy has taken already
	f.proof.Void(*f.log.Load(), at.mark.Seq)
	if s.Complete { // it went back, and readers who ask it are given what is older than was proven
		at.mark.Write = s.Write
		f.proof.Forget()
	}
}

// found reports whether a room_c that had lost something has all of it again; or never will, because the log itself was
// put back from a backup: then its projector proves that it ends before what was told.
func (f *Follower) found(s Standing) bool {
	return s.Complete && (s.Contiguous >= f.at.mark.Seq || s.Proven.At.After(f.at.lost))
}

// renew makes void what was told of another copy of the same log.
func (f *Follower) renew(s Standing) {
	if s.Contiguous < f.at.mark.Seq { // what was proven of the rest never happened
		f.proof.Void(s.Epoch, s.Contiguous)
		f.proof.Forget()
	}
	f.reset(s.Contiguous, s.Write)
}

// reset empties the audience. What it reads itself from now on is at least as new as the transaction.
func (f *Follower) reset(end ident.FeedSeq, write int64) {
	f.at.owed, f.at.mark = false, Mark{Write: write, Seq: end}
	f.Audience.Changed(project.Change{Reset: true, Contiguous: end})
	f.Count(Resets, 1)
}

// tell passes a page on. Rows of the feed wait until all cards of their snapshot are told, and until it is known which
// rooms were parked in it: whoever follows the feed and asks for a room must find what the feed said, or be told that
// it is not proven.
func (f *Follower) tell(d *Delta, listed bool) {
	c := project.Change{Cards: d.Cards, Areas: d.Areas, Contiguous: f.at.mark.Seq}
	f.at.mark.Write = d.To.Write
	if listed && d.To.Write >= d.Write {
		c.Feed, c.Contiguous = d.Feed, d.To.Seq
	}
	read := f.Clock()
	f.advance(c)
	f.observe(c.Feed, read)
}

func (f *Follower) advance(c project.Change) {
	if len(c.Cards)+len(c.Feed) > 0 || c.Areas != nil || c.Contiguous != f.at.mark.Seq {
		f.Audience.Changed(c)
	}
	f.at.mark.Seq = c.Contiguous
	f.Count(Cards, len(c.Cards))
	f.Count(Rows, len(c.Feed))
}

// settle draws the consequences of a snapshot: everything that it shows is told, and its parked rooms are known.
func (f *Follower) settle(s Standing) {
	at := &f.at
	if !s.Complete || at.owed && !f.found(s) {
		f.proof.Void(*f.log.Load(), at.mark.Seq)
		return
	}
	if at.owed {
		f.renew(s)
	}
	f.held.free()
	f.proof.Stands(s.Epoch, at.mark.Seq)
	f.proof.Filled()
	if s.Proven != at.left {
		at.left, at.claim = s.Proven, s.Proven.HeldBack(f.Clock())
	}
	if !at.claim.At.IsZero() {
		f.proof.Take(s.Epoch, at.claim)
	}
}

// list makes sure that the rooms are held that were parked in the snapshot. It answers whether they were already; else
// one that was parked in it may have been healed since, and is not on the list.
func (f *Follower) list(ctx context.Context, s Standing) (before bool, err error) {
	if f.held.listedAt(s.ParkedWrite) {
		return true, nil
	}
	ctx, cancel := context.WithTimeout(ctx, answerWithin)
	defer cancel()
	rooms, err := f.Store.Held(ctx)
	if err != nil {
		return false, fmt.Errorf("which rooms are parked: %w", err)
	}
	f.held.hold(rooms, s.ParkedWrite)
	return false, nil
}

// passed is what stations tell of a line of the feed.
type passed struct {
	Room        ident.RoomID  `json:"room_id,string"`
	Version     ident.Version `json:"version,string"`
	Epoch       string        `json:"epoch"`
	Type        event.Type    `json:"type"`
	Actor       string        `json:"actor"`
	OccurredAt  time.Time     `json:"occurred_at"`
	CommittedAt time.Time     `json:"committed_at"`
	PublishedAt time.Time     `json:"published_at"`
	Traceparent string        `json:"traceparent"`
	Reason      string        `json:"reason"`
}

// observe says that events have become visible here. A line that cannot be read is shown all the same.
func (f *Follower) observe(rows []project.FeedRow, read time.Time) {
	if f.Observer == nil || len(rows) == 0 {
		return
	}
	visible := f.Clock()
	for i := range rows {
		var l passed
		if json.Unmarshal(rows[i].JSON, &l) != nil {
			continue
		}
		f.Observer.Passed(station.Passage{
			Station: station.Visible, Courier: station.RoomC, ReceivedAt: read, At: visible,
			Event: &event.RoomEvent{
				RoomID: l.Room, Version: l.Version, FeedSeq: rows[i].Seq, Epoch: l.Epoch, Type: l.Type, Actor: l.Actor, Traceparent: l.Traceparent,
				OccurredAt: l.OccurredAt, CommittedAt: l.CommittedAt, PublishedAt: l.PublishedAt, Reason: l.Reason,
			},
		})
	}
}
