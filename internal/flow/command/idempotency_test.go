package command_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/greenroomlive/greenroom/internal/adapter/memory"
	"github.com/greenroomlive/greenroom/internal/core/fault"
	"github.com/greenroomlive/greenroom/internal/core/ident"
	"github.com/greenroomlive/greenroom/internal/core/room"
	"github.com/greenroomlive/greenroom/internal/flow/command"
)

// call is one command with a body; other is the same command with another body, nil if it has none.
type call struct {
	name        string
	run, other  func(command.Meta) (any, error)
	needsScopes command.Meta
}

// ptr and the erased calls below keep the table one line a command.
func ptr[T any](v T) *T { return &v }

func erased[T any](v T, err error) (any, error) { return v, err }

// calls are all commands that may carry an Idempotency-Key, on a room with a key and an area.
func calls(w *world) []call {
	id := w.create(room.Reject)
	second := w.create(room.Reject)
	key, spare := w.key(id).Key.ID, w.key(id).Key.ID
	area, err := w.anchor.CreateArea(w.ctx(), ops, 0, "Games")
	must(w, area, err)
	ctx, a := w.ctx(), w.anchor
	return []call{
		{"CreateRoom", func(m command.Meta) (any, error) {
			return erased(a.CreateRoom(ctx, m, 7, room.Description{Title: "new", Tags: []string{"a"}}))
		}, func(m command.Meta) (any, error) {
			return erased(a.CreateRoom(ctx, m, 7, room.Description{Title: "newer", Tags: []string{"a"}}))
		}, owner},
		{"UpdateRoom", func(m command.Meta) (any, error) {
			return erased(a.UpdateRoom(ctx, m, id, room.Patch{Title: ptr("b")}))
		},
			func(m command.Meta) (any, error) {
				return erased(a.UpdateRoom(ctx, m, id, room.Patch{Language: ptr("b")}))
			}, owner},
		{"CreateKey", func(m command.Meta) (any, error) { return erased(a.CreateKey(ctx, m, id, "x")) },
			func(m command.Meta) (any, error) { return erased(a.CreateKey(ctx, m, id, "y")) }, owner},
		{"RotateKey", func(m command.Meta) (any, error) { return erased(a.RotateKey(ctx, m, id, key, time.Hour)) },
			func(m command.Meta) (any, error) { return erased(a.RotateKey(ctx, m, id, key, time.Minute)) }, owner},
		{"RevokeKey", func(m command.Meta) (any, error) { return erased(a.RevokeKey(ctx, m, id, spare)) },
			func(m command.Meta) (any, error) { return erased(a.RevokeKey(ctx, m, id, key)) }, owner},
		{"StartRoom", func(m command.Meta) (any, error) { return erased(a.StartRoom(ctx, m, id)) },
			func(m command.Meta) (any, error) { return erased(a.StartRoom(ctx, m, second)) }, owner},
		{"StopRoom", func(m command.Meta) (any, error) { return erased(a.StopRoom(ctx, m, id)) },
			func(m command.Meta) (any, error) { return erased(a.StopRoom(ctx, m, second)) }, owner},
		{"CreateArea", func(m command.Meta) (any, error) { return erased(a.CreateArea(ctx, m, 0, "Music")) },
			func(m command.Meta) (any, error) { return erased(a.CreateArea(ctx, m, 0, "Dance")) }, ops},
		{"UpdateArea", func(m command.Meta) (any, error) { return erased(a.UpdateArea(ctx, m, area.ID, ptr("Play"), nil)) },
			func(m command.Meta) (any, error) { return erased(a.UpdateArea(ctx, m, area.ID, ptr("Rest"), nil)) }, ops},
	}
}

func text(t *testing.T, v any) string {
	t.Helper()
	b, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func TestFirstAnswerAgain(t *testing.T) {
	w := newWorld(t)
	committed := func() int64 {
		h, err := w.store.Head(w.ctx())
		return must(w, h, err).Pending
	}
	for _, c := range calls(w) {
		t.Run(c.name, func(t *testing.T) {
			m := c.needsScopes
			m.IdempotencyKey = "key of " + c.name
			first, err := c.run(m)
			if err != nil {
				t.Fatal(err)
			}
			events := committed()
			w.pass(time.Hour) // and whatever else moves on meanwhile
			again, err := c.run(m)
			if err != nil || text(t, again) != text(t, first) {
				t.Errorf("the second answer is %s, %v\nthe first was %s", text(t, again), err, text(t, first))
			}
			if committed() != events {
				t.Error("the repeat was done a second time")
			}
			_, err = c.other(m)
			w.want(err, fault.IdempotencyConflict)
			if committed() != events {
				t.Error("a conflict changed something")
			}
		})
	}
}

func TestIdempotencyKeysAreTheirCallersAndCommands(t *testing.T) {
	w := newWorld(t)
	id := w.create(room.Reject)
	mine, theirs := owner, ops
	mine.IdempotencyKey, theirs.IdempotencyKey = "the same", "the same"
	a, err := w.anchor.CreateKey(w.ctx(), mine, id, "x")
	must(w, a, err)
	b, err := w.anchor.CreateKey(w.ctx(), theirs, id, "x")
	must(w, b, err)
	if a.Shown == b.Shown {
		t.Error("another caller was shown the first one's key")
	}
	r, err := w.anchor.UpdateRoom(w.ctx(), mine, id, room.Patch{Title: ptr("another command")})
	if err != nil || r.Title != "another command" {
		t.Errorf("another command under the same key: %+v, %v", r, err)
	}
}

func TestIdempotencyKeyWithAnotherCondition(t *testing.T) {
	w := newWorld(t)
	id := w.create(room.Reject)
	m := owner
	m.IdempotencyKey, m.IfMatch = "k", 1
	r, err := w.anchor.UpdateRoom(w.ctx(), m, id, room.Patch{Title: ptr("b")})
	must(w, r, err)
	if r, err = w.anchor.UpdateRoom(w.ctx(), m, id, room.Patch{Title: ptr("b")}); err != nil || r.Version != 2 {
		t.Errorf("the repeat met its own change: %+v, %v", r, err)
	}
	m.IfMatch = 2
	_, err = w.anchor.UpdateRoom(w.ctx(), m, id, room.Patch{Title: ptr("b")})
	w.want(err, fault.IdempotencyConflict)
}

func TestAnswersExpire(t *testing.T) {
	w := newWorld(t)
	id := w.create(room.Reject)
	m := owner
	m.IdempotencyKey = "k"
	create := func() string {
		k, err := w.anchor.CreateKey(w.ctx(), m, id, "x")
		return must(w, k, err).Shown
	}
	first := create()
	w.pass(24*time.Hour - time.Millisecond)
	if again := create(); again != first {
		t.Error("a day was not over, and the answer was another")
	}
	w.pass(time.Millisecond)
	if again := create(); again == first {
		t.Error("a day was over, and the first answer came again")
	}
}

func TestFaultsAreNotRemembered(t *testing.T) {
	w := newWorld(t)
	m := owner
	m.IdempotencyKey = "k"
	try := func() error {
		_, err := w.anchor.CreateRoom(w.ctx(), m, 7, room.Description{Title: "a", Area: 1})
		return err
	}
	w.want(try(), fault.AreaNotFound)
	if err := w.anchor.SeedAreas(w.ctx(), ops, nil, []string{"Games"}); err != nil {
		t.Fatal(err)
	}
	if err := try(); err != nil {
		t.Errorf("a repeat after a fault: %v", err)
	}
}

func TestLongIdempotencyKey(t *testing.T) {
	w := newWorld(t)
	m := owner
	m.IdempotencyKey = strings.Repeat("k", 256)
	_, err := w.anchor.CreateRoom(w.ctx(), m, 7, room.Description{Title: "a"})
	w.want(err, fault.InvalidArgument)
	m.IdempotencyKey = strings.Repeat("k", 255)
	if _, err = w.anchor.CreateRoom(w.ctx(), m, 7, room.Description{Title: "a"}); err != nil {
		t.Error(err)
	}
}

// TestSealedAnswers: whoever has only the database reads neither the stream key nor the
// Idempotency-Key out of it, and has nothing to unseal with.
func TestSealedAnswers(t *testing.T) {
	w := newWorld(t)
	id := w.create(room.Reject)
	m := owner
	m.IdempotencyKey = "a-key-somebody-chose"
	made, err := w.anchor.CreateKey(w.ctx(), m, id, "x")
	must(w, made, err)
	m.IdempotencyKey = "a-key-somebody-chose-2"
	other, err := w.anchor.CreateKey(w.ctx(), m, id, "x")
	must(w, other, err)
	rows := w.store.saved()
	if len(rows) != 2 {
		t.Fatalf("%d answers were kept, want 2", len(rows))
	}
	secret := made.Shown[strings.LastIndex(made.Shown, "_")+1:]
	plain := sha256.Sum256([]byte("a-key-somebody-chose"))
	for _, r := range rows {
		row := append(append(append([]byte{}, r.id[:]...), r.answer.Request[:]...), r.answer.Sealed...)
		for what, clear := range map[string][]byte{"the stream key": []byte(secret), "the Idempotency-Key": []byte("somebody-chose"),
			"its plain hash": plain[:], "the label of the answer": []byte(`"Shown"`)} {
			if bytes.Contains(row, clear) {
				t.Errorf("a row holds %s in clear", what)
			}
		}
	}
	if a, b := rows[0].answer.Sealed, rows[1].answer.Sealed; bytes.Equal(a[:12], b[:12]) {
		t.Error("two answers were sealed under one nonce")
	}
	if bytes.Equal(rows[0].id[:], rows[1].id[:]) {
		t.Error("two Idempotency-Keys have one row")
	}
}

// TestLateUnits: a caller whose time is over gets the fault and nothing else, while the store
// may still be at work for it. The race detector is part of this test.
func TestLateUnits(t *testing.T) {
	store := &late{Rooms: memory.NewRooms("late")}
	a := command.NewAnchor(command.Config{Store: store, IDs: ident.NewMinter(1)})
	early := command.NewAnchor(command.Config{Store: store.Rooms, IDs: ident.NewMinter(2)})
	r, err := early.CreateRoom(t.Context(), owner, 7, room.Description{Title: "a"})
	if err != nil {
		t.Fatal(err)
	}
	k, err := early.CreateKey(t.Context(), owner, r.ID, "")
	if err != nil {
		t.Fatal(err)
	}
	remember := owner
	remember.IdempotencyKey = "k"
	p := publishing(r.ID, k.Shown, "1")
	for name, run := range map[string]func(context.Context) (*room.Room, error){
		"GoLive":    func(ctx context.Context) (*room.Room, error) { return a.GoLive(ctx, media, p) },
		"Renew":     func(ctx context.Context) (*room.Room, error) { return a.Renew(ctx, media, p) },
		"StopRoom":  func(ctx context.Context) (*room.Room, error) { return a.StopRoom(ctx, owner, r.ID) },
		"StartRoom": func(ctx context.Context) (*room.Room, error) { return a.StartRoom(ctx, remember, r.ID) },
	} {
		out, err := run(t.Context())
		if fault.Of(err).Code != fault.DeadlineExceeded || out != nil {
			t.Errorf("%s: %+v, %v", name, out, err)
		}
	}
	made, err := a.CreateKey(t.Context(), remember, r.ID, "late")
	if fault.Of(err).Code != fault.DeadlineExceeded || made.Shown != "" {
		t.Errorf("CreateKey: %+v, %v", made, err)
	}
	store.running.Wait()
}
