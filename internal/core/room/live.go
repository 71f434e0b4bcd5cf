package room

// Story: a broadcaster goes live, and stops, even when nobody says so.
//
//	door/hooks or door/commandapi ─▶ command.GoLive ─▶ this file decides ─▶ store commits {state, outbox}
//	─▶ relay publishes WentLive (queue and direct call) ─▶ project.Apply ─▶ room_c ─▶ query L1 ─▶ viewers
//
// IDLE → LIVE → (INTERRUPTED → LIVE)* → IDLE. A session is fenced by its epoch, held by a
// lease, and after a loss waits in its grace for the same publisher's key. Callbacks are
// hints: repeated, late and missing ones are normal, the lease decides.

import (
	"time"

	"github.com/greenroomlive/greenroom/internal/core/event"
	"github.com/greenroomlive/greenroom/internal/core/fault"
	"github.com/greenroomlive/greenroom/internal/core/ident"
	"github.com/greenroomlive/greenroom/internal/core/view"
)

// GoLive lets p publish: it begins a session, resumes the interrupted one when p comes with
// the same key inside the grace, or repeats its yes to a publisher that already holds it.
// Another publisher meets the room's policy: ALREADY_LIVE, or a take-over. ROOM_LOCKED or ROOM_CUT while
// staff bars the room.
func (r *Room) GoLive(by By, p Publisher, next ident.SessionID, terms Terms) error {
	if err := r.MustBeFree(by.Now); err != nil {
		return err
	}
	s := r.Session
	if s != nil && r.overdue(by.Now) {
		r.end(by, s.Lost)
		s = nil
	}
	switch {
	case s == nil:
		r.begin(by, p, next, terms)
	case s.Status == view.Interrupted && s.Publisher.Key == p.Key:
		r.resume(by, p, terms)
	case s.Status == view.Interrupted:
		// Another valid key: not a reconnect. The waiting session ends as it would have.
		r.end(by, s.Lost)
		r.begin(by, p, next, terms)
	case s.Publisher.same(p):
		r.renew(by.Now, terms)
	case r.Policy == TakeOver:
		r.end(by, TakenOver)
		r.begin(by, p, next, terms)
	default:
		return fault.AlreadyLive.New("room %s is live from another publisher", r.ID).
			With("session_id", s.ID.String()).With("policy", "REJECT")
	}
	return nil
}

// Renew proves that p still publishes. It resumes a session whose lease ran out while the
// stream went on. STALE_SESSION if p does not hold the room's session: its stream should be cut.
func (r *Room) Renew(by By, p Publisher, terms Terms) error {
	if err := r.mustHold(p); err != nil {
		return err
	}
	if r.Session.Status == view.Interrupted {
		if r.Session.Lost != LeaseExpired || r.overdue(by.Now) {
			return stale(r.ID, p)
		}
		// The publisher as the session knows it: a report carries neither key nor, from a poll, address.
		r.resume(by, r.Session.Publisher, terms)
		return nil
	}
	r.renew(by.Now, terms)
	return nil
}

// Interrupt is p's unpublish: the grace begins. STALE_SESSION, and nothing changed, when p
// does not hold the session (a late callback of an older one) or it is interrupted already.
func (r *Room) Interrupt(by By, p Publisher, terms Terms) error {
	if err := r.mustHold(p); err != nil {
		return err
	}
	if r.Session.Status == view.Interrupted {
		return stale(r.ID, p)
	}
	r.interrupt(by, Unpublished, by.Now.Add(terms.Grace))
	return nil
}

// Expire does what time alone demands at by.Now; it reports whether anything was due.
func (r *Room) Expire(by By, terms Terms) bool {
	s := r.Session
	if s == nil || s.Due().IsZero() || by.Now.Before(s.Due()) {
		return false
	}
	if s.Status == view.Live {
		// Counted from the lease, not from now: a late look must not stretch the promise lease + grace.
		r.interrupt(by, LeaseExpired, s.LeaseUntil.Add(terms.Grace))
		return true
	}
	r.end(by, s.Lost)
	return true
}

// Stop ends whatever session runs. An idle room stays idle: stopping twice is no fault.
func (r *Room) Stop(by By) {
	if r.Session != nil {
		r.end(by, AnchorStopped)
	}
}

// overdue: an interrupted session whose grace has run out, though nobody has looked yet.
func (r *Room) overdue(now time.Time) bool {
	return r.Session.Status == view.Interrupted && !now.Before(r.Session.GraceUntil)
}

func (r *Room) begin(by By, p Publisher, id ident.SessionID, terms Terms) {
	r.Epoch++
	if r.session == nil {
		r.session = &Session{} // none ran
	}
	r.Session = &Session{
		ID: id, Room: r.ID, Epoch: r.Epoch, Status: view.Live, Publisher: p, StartedAt: by.Now,
	}
	r.Session.dirty = true
	r.renew(by.Now, terms)
	r.record(by, event.WentLive, "")
}

func (r *Room) resume(by By, p Publisher, terms Terms) {
	s := r.touch()
	s.Status, s.Publisher, s.GraceUntil, s.Lost, s.dirty = view.Live, p, time.Time{}, NotEnded, true
	r.renew(by.Now, terms)
	r.record(by, event.LiveResumed, "")
}

func (r *Room) renew(now time.Time, terms Terms) {
	if r.Session.Publisher.MediaServer == Manual {
		return // no stream whose life could be proven: it runs until it is stopped
	}
	s := r.touch()
	s.LeaseUntil = now.Add(terms.Lease)
	s.dirty = true
}

func (r *Room) interrupt(by By, why EndReason, until time.Time) {
	s := r.touch()
	s.Status, s.Lost, s.GraceUntil, s.dirty = view.Interrupted, why, until, true
	r.record(by, event.LiveInterrupted, why.String())
}

func (r *Room) end(by By, why EndReason) {
	s := r.touch()
	s.Status, s.EndReason, s.EndedAt, s.dirty = view.Idle, why, by.Now, true
	r.touched = append(r.touched, *s)
	r.Session = nil
	r.record(by, event.LiveEnded, why.String())
}

// touch is the session for whoever changes it; how it was loaded is kept.
func (r *Room) touch() *Session {
	if r.session == nil {
		was := *r.Session
		r.session = &was
	}
	return r.Session
}

func (r *Room) mustHold(p Publisher) error {
	if r.Session == nil || !r.Session.Publisher.same(p) {
		return stale(r.ID, p)
	}
	return nil
}

func stale(id ident.RoomID, p Publisher) error {
	return fault.StaleSession.New("client %q of %s does not hold the session of room %s", p.ClientID, p.MediaServer, id)
}
