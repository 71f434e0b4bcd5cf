package command_test

import (
	"testing"
	"time"

	"github.com/greenroomlive/greenroom/internal/core/fault"
	"github.com/greenroomlive/greenroom/internal/core/ident"
	"github.com/greenroomlive/greenroom/internal/core/room"
	"github.com/greenroomlive/greenroom/internal/flow/command"
)

// opens asks with a shown key, and leaves the room idle.
func (w *world) opens(id ident.RoomID, shown string) bool {
	w.Helper()
	_, err := w.anchor.GoLive(w.ctx(), media, publishing(id, shown, "probe"))
	if err != nil {
		w.want(err, fault.KeyRefused)
		return false
	}
	r, err := w.anchor.StopRoom(w.ctx(), ops, id)
	must(w, r, err)
	return true
}

func TestRotation(t *testing.T) {
	w := newWorld(t)
	id := w.create(room.Reject)
	old := w.key(id)
	next, err := w.anchor.RotateKey(w.ctx(), owner, id, old.Key.ID, time.Hour)
	must(w, next, err)
	if next.Key.Label != "camera" || next.Key.ID == old.Key.ID || next.Shown == old.Shown {
		t.Errorf("%+v was rotated into %+v", old, next)
	}
	if !w.opens(id, old.Shown) || !w.opens(id, next.Shown) {
		t.Error("in the overlap not both keys open")
	}
	w.pass(time.Hour - time.Millisecond)
	if !w.opens(id, old.Shown) {
		t.Error("the old key closed before the overlap was over")
	}
	w.pass(time.Millisecond)
	if w.opens(id, old.Shown) || !w.opens(id, next.Shown) {
		t.Error("after the overlap the old key opens, or the new one does not")
	}
	_, err = w.anchor.RotateKey(w.ctx(), owner, id, old.Key.ID, time.Hour)
	w.want(err, fault.KeyNotFound) // it has expired
}

func TestRotationShortensOnly(t *testing.T) {
	w := newWorld(t)
	id := w.create(room.Reject)
	old := w.key(id)
	for _, overlap := range []time.Duration{time.Hour, 24 * time.Hour} { // the second must not give it more life
		k, err := w.anchor.RotateKey(w.ctx(), owner, id, old.Key.ID, overlap)
		must(w, k, err)
	}
	w.pass(time.Hour)
	if w.opens(id, old.Shown) {
		t.Error("a second rotation prolonged the key")
	}
}

func TestRevocation(t *testing.T) {
	w := newWorld(t)
	id := w.create(room.Reject)
	k, kept := w.key(id), w.key(id)
	r, err := w.anchor.GoLive(w.ctx(), media, publishing(id, k.Shown, "1"))
	must(w, r, err)
	revoked, err := w.anchor.RevokeKey(w.ctx(), owner, id, k.Key.ID)
	if must(w, revoked, err).RevokedAt.IsZero() {
		t.Error("a revoked key has no time of revocation")
	}
	if s := w.room(id).Session; s == nil || s.Publisher.Key != k.Key.ID {
		t.Errorf("the stream that ran on the key was ended: %+v", s)
	}
	r, err = w.anchor.StopRoom(w.ctx(), owner, id)
	must(w, r, err)
	if w.opens(id, k.Shown) || !w.opens(id, kept.Shown) {
		t.Error("the revoked key opens, or the other one does not")
	}
	w.pass(time.Hour)
	again, err := w.anchor.RevokeKey(w.ctx(), owner, id, k.Key.ID)
	if !must(w, again, err).RevokedAt.Equal(revoked.RevokedAt) {
		t.Error("revoking twice moved the time of revocation")
	}
	_, err = w.anchor.RotateKey(w.ctx(), owner, id, k.Key.ID, time.Hour)
	w.want(err, fault.KeyNotFound)
	list, err := w.anchor.ListKeys(w.ctx(), owner, id)
	if must(w, list, err); len(list) != 2 || list[0].ID != kept.Key.ID {
		t.Errorf("the keys, newest first, revoked ones too: %+v", list)
	}
}

func TestKeyOfAnotherRoom(t *testing.T) {
	w := newWorld(t)
	mine, other := w.create(room.Reject), w.create(room.Reject)
	k := w.key(other)
	_, err := w.anchor.RevokeKey(w.ctx(), owner, mine, k.Key.ID)
	w.want(err, fault.KeyNotFound)
	_, err = w.anchor.RotateKey(w.ctx(), owner, mine, k.Key.ID, time.Hour)
	w.want(err, fault.KeyNotFound)
	if !w.opens(other, k.Shown) {
		t.Error("the key was touched through another room")
	}
}

func TestKeyLimit(t *testing.T) {
	w := newWorld(t)
	id := w.create(room.Reject)
	var last command.NewKey
	for range room.MaxKeys {
		last = w.key(id)
	}
	_, err := w.anchor.CreateKey(w.ctx(), owner, id, "one too many")
	w.want(err, fault.KeyLimit)
	_, err = w.anchor.RotateKey(w.ctx(), owner, id, last.Key.ID, time.Hour)
	w.want(err, fault.KeyLimit) // both would be usable in the overlap
	if !w.opens(id, last.Shown) {
		t.Error("a refused rotation retired the key")
	}
	next, err := w.anchor.RotateKey(w.ctx(), owner, id, last.Key.ID, 0)
	must(w, next, err) // without an overlap there is room for one
	revoked, err := w.anchor.RevokeKey(w.ctx(), owner, id, next.Key.ID)
	must(w, revoked, err)
	w.key(id)
}

// TestAdmission: an encoder with a key that does not open learns nothing about why.
func TestAdmission(t *testing.T) {
	w := newWorld(t)
	id, other := w.create(room.Reject), w.create(room.Reject)
	good, revoked, expired, foreign := w.key(id), w.key(id), w.key(id), w.key(other)
	k, err := w.anchor.RevokeKey(w.ctx(), owner, id, revoked.Key.ID)
	must(w, k, err)
	rotated, err := w.anchor.RotateKey(w.ctx(), owner, id, expired.Key.ID, time.Second)
	must(w, rotated, err)
	w.pass(time.Second)

	at := func(stream, key string) command.Publishing {
		return command.Publishing{Stream: stream, Key: key, Publisher: room.FromNginxRTMP("edge", "1", "")}
	}
	var texts []string
	for name, p := range map[string]command.Publishing{
		"unknown key":         at(id.String(), "gr_zzz_aaaa"),
		"wrong secret":        at(id.String(), good.Shown+"a"),
		"no key at all":       at(id.String(), ""),
		"no form of a key":    at(id.String(), "hunter2"),
		"another room's key":  at(id.String(), foreign.Shown),
		"unknown room":        at("99", good.Shown),
		"no room":             at("", good.Shown),
		"revoked":             at(id.String(), revoked.Shown),
		"expired":             at(id.String(), expired.Shown),
		"revoked, as stream":  at(revoked.Shown, ""),
		"unknown, as stream":  at("gr_zzz_aaaa", ""),
		"key as both":         at(good.Shown, good.Shown),
		"room of another key": at(other.String(), good.Shown),
	} {
		_, err := w.anchor.GoLive(w.ctx(), media, p)
		w.want(err, fault.KeyRefused)
		if err != nil {
			texts = append(texts, err.Error())
		}
		if t.Failed() {
			t.Fatalf("by %s", name)
		}
	}
	for _, text := range texts {
		if text != texts[0] {
			t.Errorf("an encoder can tell %q from %q", text, texts[0])
		}
	}
	if r := w.room(id); r.Session != nil || r.Version != 1 {
		t.Errorf("a refusal changed the room: %+v", r)
	}
	for name, p := range map[string]command.Publishing{"room and key": at(id.String(), good.Shown), "key as stream": at(good.Shown, "")} {
		r, err := w.anchor.GoLive(w.ctx(), media, p)
		if err != nil || r.ID != id || r.Session.Publisher.Key != good.Key.ID {
			t.Errorf("%s: %+v, %v", name, r, err)
		}
	}
}
