package command_test

import (
	"testing"
	"time"

	"github.com/greenroomlive/greenroom/internal/core/event"
	"github.com/greenroomlive/greenroom/internal/core/fault"
	"github.com/greenroomlive/greenroom/internal/core/room"
	"github.com/greenroomlive/greenroom/internal/core/view"
)

func TestSecondPublisher(t *testing.T) {
	w := newWorld(t)
	id := w.create(room.Reject)
	k := w.key(id)
	first, second := publishing(id, k.Shown, "1"), publishing(id, k.Shown, "2")
	r, err := w.anchor.GoLive(w.ctx(), media, first)
	session := must(w, r, err).Session.ID
	_, err = w.anchor.GoLive(w.ctx(), media, second)
	w.want(err, fault.AlreadyLive)
	_, err = w.anchor.StartRoom(w.ctx(), owner, id)
	w.want(err, fault.AlreadyLive)
	if r, err = w.anchor.GoLive(w.ctx(), media, first); err != nil || r.Session.ID != session || r.Version != 2 {
		t.Errorf("the same publisher asked again: %+v, %v", r, err)
	}
	// Lost, then back inside the grace with the same key, over another connection.
	r, err = w.anchor.Unpublish(w.ctx(), media, first)
	must(w, r, err)
	_, err = w.anchor.Unpublish(w.ctx(), media, first)
	w.want(err, fault.StaleSession) // a repeated callback
	w.pass(29 * time.Second)
	if r, err = w.anchor.GoLive(w.ctx(), media, second); err != nil || r.Session.ID != session || r.Session.Epoch != 1 {
		t.Errorf("a reconnect inside the grace: %+v, %v", r, err)
	}
	_, err = w.anchor.Renew(w.ctx(), media, first)
	w.want(err, fault.StaleSession)
}

func TestTakeOver(t *testing.T) {
	w := newWorld(t)
	id := w.create(room.TakeOver)
	k := w.key(id)
	first, second := publishing(id, k.Shown, "1"), publishing(id, k.Shown, "2")
	r, err := w.anchor.GoLive(w.ctx(), media, first)
	must(w, r, err)
	w.pass(time.Second)
	r, err = w.anchor.GoLive(w.ctx(), media, second)
	if must(w, r, err); r.Epoch != 2 || r.Session.Publisher.ClientID != "edge/2" {
		t.Errorf("after a take-over: %+v %+v", r, r.Session)
	}
	version := r.Version
	// The one that was taken over from goes on talking for a while.
	_, err = w.anchor.Renew(w.ctx(), media, first)
	w.want(err, fault.StaleSession)
	_, err = w.anchor.Unpublish(w.ctx(), media, first)
	w.want(err, fault.StaleSession)
	if got := w.room(id); got.Version != version || got.Session.Status != view.Live {
		t.Errorf("a late callback of the older epoch changed %+v", got)
	}
	list := w.sessions(id)
	if len(list) != 2 || list[1].EndReason != room.TakenOver || !list[1].EndedAt.Equal(list[0].StartedAt) || list[0].Status != view.Live {
		t.Errorf("the sessions are %+v", list)
	}
	var types []event.Type
	for _, e := range w.events(id) {
		types = append(types, e.Type)
	}
	if len(types) != 4 || types[2] != event.LiveEnded || types[3] != event.WentLive {
		t.Errorf("the events are %v", types)
	}
}

func TestManualBroadcast(t *testing.T) {
	w := newWorld(t)
	id := w.create(room.Reject)
	r, err := w.anchor.StartRoom(w.ctx(), owner, id)
	must(w, r, err)
	again, err := w.anchor.StartRoom(w.ctx(), owner, id)
	if must(w, again, err).Version != r.Version {
		t.Error("starting twice is two changes")
	}
	w.pass(1000 * time.Hour)
	if err := leases(w).Sweep(w.ctx()); err != nil || w.room(id).Session == nil {
		t.Errorf("a broadcast without a media server was ended by time: %v", err)
	}
	r, err = w.anchor.StopRoom(w.ctx(), owner, id)
	must(w, r, err)
	again, err = w.anchor.StopRoom(w.ctx(), owner, id)
	if must(w, again, err).Version != r.Version {
		t.Error("stopping twice is two changes")
	}
	if s := w.sessions(id); len(s) != 1 || s[0].EndReason != room.AnchorStopped {
		t.Errorf("the sessions are %+v", s)
	}
}

func TestUnknownStreams(t *testing.T) {
	w := newWorld(t)
	for _, stream := range []string{"99", "gr_zzz_aaaa", "nonsense", ""} {
		p := publishing(99, "", "1")
		p.Stream = stream
		_, err := w.anchor.Renew(w.ctx(), media, p)
		w.want(err, fault.RoomNotFound)
		_, err = w.anchor.Unpublish(w.ctx(), media, p)
		w.want(err, fault.RoomNotFound)
	}
}

// TestReportsByKeyName: encoders with one field only have the key as the stream's name, in reports too.
func TestReportsByKeyName(t *testing.T) {
	w := newWorld(t)
	id := w.create(room.Reject)
	k := w.key(id)
	p := publishing(id, "", "1")
	p.Stream = k.Shown
	r, err := w.anchor.GoLive(w.ctx(), media, p)
	must(w, r, err)
	r, err = w.anchor.Renew(w.ctx(), media, p)
	must(w, r, err)
	r, err = w.anchor.Unpublish(w.ctx(), media, p)
	if must(w, r, err).Session.Lost != room.Unpublished {
		t.Errorf("the session is %+v", r.Session)
	}
	// A store that fails has not said that there is no room: who reports would drop the stream.
	w.store.keyless = fault.StoreUnavailable.New("the connection was lost")
	_, err = w.anchor.Renew(w.ctx(), media, p)
	w.want(err, fault.StoreUnavailable)
}
