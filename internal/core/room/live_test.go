package room_test

import (
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/greenroomlive/greenroom/internal/core/event"
	"github.com/greenroomlive/greenroom/internal/core/fault"
	"github.com/greenroomlive/greenroom/internal/core/ident"
	"github.com/greenroomlive/greenroom/internal/core/room"
	"github.com/greenroomlive/greenroom/internal/core/view"
)

var (
	terms = room.Terms{Lease: 10 * time.Second, Grace: 30 * time.Second}
	start = time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)

	obs     = publisher("1", 100) // the broadcaster
	again   = publisher("2", 100) // the same encoder after a reconnect
	rival   = publisher("3", 200) // somebody with another valid key
	session = ident.SessionID(1)
)

func publisher(client string, key ident.KeyID) room.Publisher {
	p := room.FromNginxRTMP("edge", client, "192.0.2.9")
	p.Key = key
	return p
}

// play is a room in a test: time moves only when the test says so, and ids count up.
type play struct {
	t    *testing.T
	r    *room.Room
	now  time.Time
	next ident.SessionID
}

func newPlay(t *testing.T, policy room.PublisherPolicy) *play {
	t.Helper()
	p := &play{t: t, now: start}
	r, err := room.Create(p.by(), 42, 7, room.Description{Title: "Morning show", Policy: policy})
	if err != nil {
		t.Fatal(err)
	}
	p.r = r
	p.commit()
	return p
}

func (p *play) by() room.By { return room.By{Now: p.now, Actor: "test", Cause: "c"} }

// commit is what a store does between two commands: the aggregate is loaded anew.
func (p *play) commit() {
	p.t.Helper()
	fresh := *p.r
	p.r = reload(&fresh)
}

// reload copies the exported state into a new aggregate, as a store would.
func reload(r *room.Room) *room.Room {
	out := &room.Room{
		ID: r.ID, Anchor: r.Anchor, Title: r.Title, Area: r.Area, CoverURL: r.CoverURL, Tags: r.Tags, Language: r.Language,
		Policy: r.Policy, Epoch: r.Epoch, Version: r.Version, CreatedAt: r.CreatedAt, UpdatedAt: r.UpdatedAt,
		Interventions: slices.Clone(r.Interventions), Extension: r.Extension,
	}
	if s := r.Session; s != nil {
		out.Session = &room.Session{
			ID: s.ID, Room: s.Room, Epoch: s.Epoch, Status: s.Status, Publisher: s.Publisher, StartedAt: s.StartedAt,
			LeaseUntil: s.LeaseUntil, GraceUntil: s.GraceUntil, Lost: s.Lost,
		}
	}
	out.Loaded()
	return out
}

func (p *play) goLive(who room.Publisher) error {
	p.next++
	return p.r.GoLive(p.by(), who, p.next, terms)
}

// The steps a case is written in.
type step func(p *play) error

func publish(who room.Publisher) step {
	return func(p *play) error { return p.goLive(who) }
}

func update(who room.Publisher) step {
	return func(p *play) error { return p.r.Renew(p.by(), who, terms) }
}

func done(who room.Publisher) step {
	return func(p *play) error { return p.r.Interrupt(p.by(), who, terms) }
}

func stop(p *play) error { p.r.Stop(p.by()); return nil }

func sweep(p *play) error { p.r.Expire(p.by(), terms); return nil }

func after(d time.Duration, s step) step {
	return func(p *play) error { p.now = p.now.Add(d); return s(p) }
}

// What the last step must leave behind.
type outcome struct {
	fault   *fault.Code
	status  view.LiveStatus
	session ident.SessionID
	epoch   ident.Epoch
	events  []event.Type
	ended   room.EndReason // of the session that ended in this step
}

func TestLive(t *testing.T) {
	const second = time.Second
	cases := []struct {
		name   string
		policy room.PublisherPolicy
		given  []step
		when   step
		then   outcome
	}{
		{"an idle room goes live", room.Reject, nil, publish(obs),
			outcome{nil, view.Live, 1, 1, []event.Type{event.WentLive}, 0}},
		{"a repeated on_publish is a plain yes", room.Reject, []step{publish(obs)}, publish(obs),
			outcome{nil, view.Live, 1, 1, nil, 0}},
		{"a second publisher is refused", room.Reject, []step{publish(obs)}, publish(rival),
			outcome{fault.AlreadyLive, view.Live, 1, 1, nil, 0}},
		{"the same key from a second encoder is a second publisher", room.Reject, []step{publish(obs)}, publish(again),
			outcome{fault.AlreadyLive, view.Live, 1, 1, nil, 0}},
		{"a second publisher takes over", room.TakeOver, []step{publish(obs)}, publish(rival),
			outcome{nil, view.Live, 2, 2, []event.Type{event.LiveEnded, event.WentLive}, room.TakenOver}},
		{"who was taken over cannot renew", room.TakeOver, []step{publish(obs), publish(rival)}, update(obs),
			outcome{fault.StaleSession, view.Live, 2, 2, nil, 0}},
		{"the late publish_done of who was taken over changes nothing", room.TakeOver, []step{publish(obs), publish(rival)}, done(obs),
			outcome{fault.StaleSession, view.Live, 2, 2, nil, 0}},

		{"an update renews without an event", room.Reject, []step{publish(obs)}, after(5*second, update(obs)),
			outcome{nil, view.Live, 1, 1, nil, 0}},
		{"a renewed lease is not swept", room.Reject, []step{publish(obs), after(9*second, update(obs))}, after(9*second, sweep),
			outcome{nil, view.Live, 1, 1, nil, 0}},
		{"an update of another client is stale", room.Reject, []step{publish(obs)}, update(rival),
			outcome{fault.StaleSession, view.Live, 1, 1, nil, 0}},
		{"an update of an idle room is stale", room.Reject, nil, update(obs),
			outcome{fault.StaleSession, view.Idle, 0, 0, nil, 0}},

		{"publish_done begins the grace", room.Reject, []step{publish(obs)}, done(obs),
			outcome{nil, view.Interrupted, 1, 1, []event.Type{event.LiveInterrupted}, 0}},
		{"a repeated publish_done is late", room.Reject, []step{publish(obs), done(obs)}, done(obs),
			outcome{fault.StaleSession, view.Interrupted, 1, 1, nil, 0}},
		{"an update after publish_done is stale", room.Reject, []step{publish(obs), done(obs)}, update(obs),
			outcome{fault.StaleSession, view.Interrupted, 1, 1, nil, 0}},
		{"a reconnect inside the grace keeps the session", room.Reject, []step{publish(obs), done(obs)}, after(29*second, publish(again)),
			outcome{nil, view.Live, 1, 1, []event.Type{event.LiveResumed}, 0}},
		{"the publish_done of the connection before a reconnect is late", room.Reject, []step{publish(obs), done(obs), publish(again)}, done(obs),
			outcome{fault.StaleSession, view.Live, 1, 1, nil, 0}},
		{"another key inside the grace ends and begins", room.Reject, []step{publish(obs), done(obs)}, after(second, publish(rival)),
			outcome{nil, view.Live, 2, 2, []event.Type{event.LiveEnded, event.WentLive}, room.Unpublished}},
		{"a reconnect after the grace, unswept, is a new session", room.Reject, []step{publish(obs), done(obs)}, after(30*second, publish(again)),
			outcome{nil, view.Live, 2, 2, []event.Type{event.LiveEnded, event.WentLive}, room.Unpublished}},
		{"the grace runs out", room.Reject, []step{publish(obs), done(obs)}, after(30*second, sweep),
			outcome{nil, view.Idle, 0, 1, []event.Type{event.LiveEnded}, room.Unpublished}},
		{"and not before", room.Reject, []step{publish(obs), done(obs)}, after(30*second-1, sweep),
			outcome{nil, view.Interrupted, 1, 1, nil, 0}},

		{"a lease runs out", room.Reject, []step{publish(obs)}, after(10*second, sweep),
			outcome{nil, view.Interrupted, 1, 1, []event.Type{event.LiveInterrupted}, 0}},
		{"and not before", room.Reject, []step{publish(obs)}, after(10*second-1, sweep),
			outcome{nil, view.Live, 1, 1, nil, 0}},
		{"the grace of a lost lease ends it", room.Reject, []step{publish(obs), after(10*second, sweep)}, after(30*second, sweep),
			outcome{nil, view.Idle, 0, 1, []event.Type{event.LiveEnded}, room.LeaseExpired}},
		{"a late look does not stretch lease + grace", room.Reject, []step{publish(obs), after(25*second, sweep)}, after(15*second, sweep),
			outcome{nil, view.Idle, 0, 1, []event.Type{event.LiveEnded}, room.LeaseExpired}},
		{"a stream that ran on resumes by its update", room.Reject, []step{publish(obs), after(10*second, sweep)}, after(second, update(obs)),
			outcome{nil, view.Live, 1, 1, []event.Type{event.LiveResumed}, 0}},
		{"but not after the grace", room.Reject, []step{publish(obs), after(10*second, sweep)}, after(30*second, update(obs)),
			outcome{fault.StaleSession, view.Interrupted, 1, 1, nil, 0}},
		{"publish_done after a lost lease is late", room.Reject, []step{publish(obs), after(10*second, sweep)}, done(obs),
			outcome{fault.StaleSession, view.Interrupted, 1, 1, nil, 0}},

		{"the anchor stops", room.Reject, []step{publish(obs)}, stop,
			outcome{nil, view.Idle, 0, 1, []event.Type{event.LiveEnded}, room.AnchorStopped}},
		{"stopping twice is no fault", room.Reject, []step{publish(obs), stop}, stop,
			outcome{nil, view.Idle, 0, 1, nil, 0}},
		{"after a stop the running stream is stale", room.Reject, []step{publish(obs), stop}, update(obs),
			outcome{fault.StaleSession, view.Idle, 0, 1, nil, 0}},
		{"a broadcast without a media server has no lease", room.Reject, []step{publish(room.Publisher{MediaServer: room.Manual})}, after(time.Hour, sweep),
			outcome{nil, view.Live, 1, 1, nil, 0}},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			p := newPlay(t, c.policy)
			for i, s := range c.given {
				if err := s(p); err != nil {
					t.Fatalf("given %d: %v", i, err)
				}
				p.commit()
			}
			before := *p.r
			p.then(c.when(p), &before, c.then)
		})
	}
}

func (p *play) then(err error, before *room.Room, want outcome) {
	p.t.Helper()
	if want.fault != nil && !errors.Is(err, want.fault) || want.fault == nil && err != nil {
		p.t.Fatalf("fault %v, want %v", err, want.fault)
	}
	card := p.r.Card()
	if card.Live.Status != want.status || card.Live.SessionID != want.session || card.Live.Epoch != want.epoch {
		p.t.Fatalf("is %+v, want %v of session %d in epoch %d", card.Live, want.status, want.session, want.epoch)
	}
	var got []event.Type
	for _, e := range p.r.Events() {
		got = append(got, e.Type)
	}
	if len(got) != len(want.events) {
		p.t.Fatalf("events %v, want %v", got, want.events)
	}
	for i := range got {
		if got[i] != want.events[i] {
			p.t.Fatalf("events %v, want %v", got, want.events)
		}
	}
	if err != nil && (p.r.Version != before.Version || len(p.r.Sessions()) != 0) {
		p.t.Fatalf("a refused step left version %d (was %d) and sessions %+v", p.r.Version, before.Version, p.r.Sessions())
	}
	mustTellOneStory(p.t, before.Version, p.r)
	mustHaveEnded(p.t, p.r, want.ended, p.now)
}

func mustHaveEnded(t *testing.T, r *room.Room, want room.EndReason, now time.Time) {
	t.Helper()
	var got room.EndReason
	for _, s := range r.Sessions() {
		if s.Status != view.Idle {
			continue
		}
		got = s.EndReason
		if !s.EndedAt.Equal(now) {
			t.Fatalf("ended at %v, want %v", s.EndedAt, now)
		}
	}
	if got != want {
		t.Fatalf("ended by %v, want %v", got, want)
	}
}

func TestAPollKeepsWhatTheSessionKnows(t *testing.T) {
	p := newPlay(t, room.Reject)
	for _, s := range []step{publish(obs), after(10*time.Second, sweep), update(room.FromNginxRTMP("edge", "1", ""))} {
		if err := s(p); err != nil {
			t.Fatal(err)
		}
		p.commit()
	}
	if p.r.Session.Publisher != obs {
		t.Fatalf("publisher is %+v, want %+v", p.r.Session.Publisher, obs)
	}
}

func TestTwoServersCountTheirClientsApart(t *testing.T) {
	p := newPlay(t, room.Reject)
	if err := p.goLive(obs); err != nil {
		t.Fatal(err)
	}
	if err := p.r.Interrupt(p.by(), room.FromNginxRTMP("other", "1", ""), terms); !errors.Is(err, fault.StaleSession) {
		t.Fatalf("client 1 of another server ended client 1 of ours: %v", err)
	}
	if p.r.Session.ID != session {
		t.Fatalf("session %d", p.r.Session.ID)
	}
}
