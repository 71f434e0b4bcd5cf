package command_test

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/greenroomlive/greenroom/internal/core/audit"
	"github.com/greenroomlive/greenroom/internal/core/fault"
	"github.com/greenroomlive/greenroom/internal/core/ident"
	"github.com/greenroomlive/greenroom/internal/core/room"
	"github.com/greenroomlive/greenroom/internal/core/view"
	"github.com/greenroomlive/greenroom/internal/flow/command"
)

// audited are all entries, the oldest first, of a chain that verifies.
func (w *world) audited() (out []audit.Entry) {
	w.Helper()
	log := command.NewAudit(w.anchor)
	var at audit.Mark
	for {
		lines, last, err := log.Export(w.ctx(), ops, at.Seq)
		if err != nil {
			w.Fatal(err)
		}
		if last == at.Seq {
			return out
		}
		for line := range bytes.Lines(lines) {
			line = bytes.TrimSuffix(line, []byte("\n"))
			if err := at.Follow(line); err != nil {
				w.Fatal(err)
			}
			l, err := audit.ParseLine(line)
			if err != nil {
				w.Fatal(err)
			}
			e, err := l.Decode()
			if err != nil {
				w.Fatal(err)
			}
			out = append(out, e)
		}
	}
}

// deed runs a command and wants exactly one entry of it.
func (w *world) deed(name string, do func(m command.Meta) error) audit.Entry {
	w.Helper()
	before := len(w.audited())
	m := ops
	m.Door, m.From, m.CommandID = "rest", "192.0.2.7", "cmd-"+name
	if err := do(m); err != nil {
		w.Fatalf("%s: %v", name, err)
	}
	after := w.audited()
	if len(after) != before+1 {
		w.Fatalf("%s left %d entries", name, len(after)-before)
	}
	e := after[before]
	want := audit.Deed{Actor: "ops", Scope: "ops", Door: "rest", From: "192.0.2.7", Cause: "cmd-" + name}
	if e.Command != name || e.Deed != want || !e.At.Equal(w.clock()) || len(e.Changes) == 0 {
		w.Errorf("%s is recorded as %+v", name, e)
	}
	return e
}

func (w *world) changed(e audit.Entry, want ...audit.Change) {
	w.Helper()
	for _, c := range want {
		if !slices.Contains(e.Changes, c) {
			w.Errorf("%s: %v is not among\n%v", e.Command, c, e.Changes)
		}
	}
}

// TestKeysStaySecret: of a key the log has everything but what opens a room.
func TestKeysStaySecret(t *testing.T) {
	w := newWorld(t)
	_, keys := w.deedsOnKeys(w.create(room.Reject))
	for _, e := range w.audited() {
		line := string(e.AppendJSON(nil))
		for _, k := range keys {
			if strings.Contains(line, k.Shown) || strings.Contains(line, fmt.Sprintf("%x", k.Key.Hash)) || strings.Contains(line, "stream_key.hash") {
				t.Errorf("%s tells of a key's secret: %s", e.Command, line)
			}
		}
	}
}

// deedsOfAnchors make a room, and leave it live.
func (w *world) deedsOfAnchors() ident.RoomID {
	var r *room.Room
	e := w.deed("CreateRoom", func(m command.Meta) (err error) {
		r, err = w.anchor.CreateRoom(w.ctx(), m, 7, room.Description{Title: "a room", Tags: []string{"x", "y"}})
		return err
	})
	id := r.ID
	w.changed(e, audit.Change{Column: "room.title", After: "a room"}, audit.Change{Column: "room.tags", After: "x, y"},
		audit.Change{Column: "room.version", After: "1"}, audit.Change{Column: "room.anchor_id", After: "7"})
	title := "line\u2028one"
	e = w.deed("UpdateRoom", func(m command.Meta) error {
		_, err := w.anchor.UpdateRoom(w.ctx(), m, id, room.Patch{Title: &title})
		return err
	})
	w.changed(e, audit.Change{Column: "room.title", Before: "a room", After: `line\u{2028}one`})
	if e.Room != id || len(e.Changes) != 2 {
		w.Errorf("a new title is recorded as %+v", e)
	}

	var area view.Area
	w.deed("CreateArea", func(m command.Meta) (err error) { area, err = w.anchor.CreateArea(w.ctx(), m, 0, "Music"); return err })
	name := "Sound"
	e = w.deed("UpdateArea", func(m command.Meta) error { _, err := w.anchor.UpdateArea(w.ctx(), m, area.ID, &name, nil); return err })
	w.changed(e, audit.Change{Column: "area.name", Row: area.ID.String(), Before: "Music", After: "Sound"})
	if len(e.Changes) != 1 || e.Room != 0 {
		w.Errorf("a new name is recorded as %+v", e)
	}
	w.deed("StartRoom", func(m command.Meta) error { _, err := w.anchor.StartRoom(w.ctx(), m, id); return err })
	w.deed("StopRoom", func(m command.Meta) error { _, err := w.anchor.StopRoom(w.ctx(), m, id); return err })
	return id
}

// deedsOnKeys leave one key that opens the room, the last of those made.
func (w *world) deedsOnKeys(id ident.RoomID) (shown string, made []command.NewKey) {
	var key, next command.NewKey
	w.deed("CreateKey", func(m command.Meta) (err error) { key, err = w.anchor.CreateKey(w.ctx(), m, id, "camera"); return err })
	expires := w.clock().Add(time.Minute).Format(time.RFC3339)
	e := w.deed("RotateKey", func(m command.Meta) (err error) {
		next, err = w.anchor.RotateKey(w.ctx(), m, id, key.Key.ID, time.Minute)
		return err
	})
	w.changed(e, audit.Change{Column: "stream_key.expires_at", Row: key.Key.ID.String(), After: expires},
		audit.Change{Column: "stream_key.label", Row: next.Key.ID.String(), After: "camera"})
	w.deed("RevokeKey", func(m command.Meta) error { _, err := w.anchor.RevokeKey(w.ctx(), m, id, key.Key.ID); return err })
	return next.Shown, []command.NewKey{key, next}
}

// deedsOfControl lock a room on air, and let it go.
func (w *world) deedsOfControl(id ident.RoomID) {
	control := command.NewControl(w.anchor)
	shown, _ := w.deedsOnKeys(id)
	session := w.deedsOfASession(id, shown)
	at := w.room(id).Version
	e := w.deed("Intervene", func(m command.Meta) error {
		_, err := control.Intervene(w.ctx(), m, id, view.Locked, raid)
		return err
	})
	// Two roles saved two steps of it: one entry, from the first before to the last after.
	w.changed(e, audit.Change{Column: "room_control.state", Before: "NORMAL", After: "LOCKED"},
		audit.Change{Column: "session.end_reason", Row: session, Before: "NONE", After: "LOCKED"},
		audit.Change{Column: "room.version", Before: at.String(), After: (at + 2).String()})
	if e.Reason != "a raid" {
		w.Errorf("the reason is %q", e.Reason)
	}
	w.deed("Lift", func(m command.Meta) error { _, err := control.Lift(w.ctx(), m, id, view.Locked, "over"); return err })
}

// deedsOfASession goes live, is lost and comes back, and is lost again without a word; then it is live.
func (w *world) deedsOfASession(id ident.RoomID, shown string) (session string) {
	p := publishing(id, shown, "9")
	e := w.deed("GoLive", func(m command.Meta) error {
		r, err := w.anchor.GoLive(w.ctx(), m, p)
		if err == nil {
			session = digits(int64(r.Session.ID))
		}
		return err
	})
	w.changed(e, audit.Change{Column: "room.live_status", Before: "IDLE", After: "LIVE"},
		audit.Change{Column: "session.client_ip", Row: session, After: "127.0.0.1"})
	before := len(w.audited())
	if _, err := w.anchor.Renew(w.ctx(), media, p); err != nil {
		w.Fatal(err)
	}
	if n := len(w.audited()); n != before {
		w.Errorf("a lease that was renewed left %d entries", n-before)
	}
	e = w.deed("Unpublish", func(m command.Meta) error { _, err := w.anchor.Unpublish(w.ctx(), m, p); return err })
	w.changed(e, audit.Change{Column: "session.status", Row: session, Before: "LIVE", After: "INTERRUPTED"})
	w.deed("GoLive", func(m command.Meta) error { _, err := w.anchor.GoLive(w.ctx(), m, p); return err })
	return session
}

func digits(n int64) string { return ident.RoomID(n).String() }

// What is refused, foreseen, repeated, or changes nothing is no write.
func TestWhatChangesNothingIsNotRecorded(t *testing.T) {
	w := newWorld(t)
	id := w.create(room.Reject)
	before := len(w.audited())
	control := command.NewControl(w.anchor)
	same := "a room"
	_, err := w.anchor.UpdateRoom(w.ctx(), owner, id, room.Patch{Title: &same})
	must(w, 0, err)
	_, err = control.ForeseeIntervene(w.ctx(), ops, id, view.Locked, room.Order{Reason: "a raid"})
	must(w, 0, err)
	empty := ""
	_, err = w.anchor.UpdateRoom(w.ctx(), owner, id, room.Patch{Title: &empty})
	w.want(err, fault.InvalidArgument)
	_, err = control.Intervene(w.ctx(), owner, id, view.Locked, room.Order{Reason: "a raid"})
	w.want(err, fault.PermissionDenied)
	if n := len(w.audited()); n != before {
		t.Errorf("%d entries of what changed nothing", n-before)
	}
	keyed := owner
	keyed.IdempotencyKey = "once"
	other := "another"
	for range 3 {
		_, err = w.anchor.UpdateRoom(w.ctx(), keyed, id, room.Patch{Title: &other})
		must(w, 0, err)
	}
	if n := len(w.audited()); n != before+1 {
		t.Errorf("%d entries of a command that was repeated under one key", n-before)
	}
}

// TestWhatTimeDoesIsRecorded: a lease that runs out has no caller, and is found all the same.
func TestWhatTimeDoesIsRecorded(t *testing.T) {
	w := newWorld(t)
	id := w.create(room.Reject)
	_, err := w.anchor.GoLive(w.ctx(), media, publishing(id, w.key(id).Shown, "1"))
	must(w, 0, err)
	w.pass(time.Minute)
	must(w, 0, leases(w).Sweep(w.ctx()))
	all := w.audited()
	e := all[len(all)-1]
	if e.Command != "Expire" || e.Actor != "lease" || e.Door != "clock" || e.Cause == "" || e.Reason == "" {
		t.Errorf("the end of a lease is recorded as %+v", e)
	}
}

func TestTheAuditLogIsFiltered(t *testing.T) {
	w := newWorld(t)
	log := command.NewAudit(w.anchor)
	began := w.clock()
	a := w.create(room.Reject)
	w.pass(time.Minute)
	b := w.create(room.Reject)
	for i := range 10 {
		w.pass(time.Minute)
		title := fmt.Sprint("title ", i)
		m := owner
		if i%2 == 0 {
			m = ops
		}
		_, err := w.anchor.UpdateRoom(w.ctx(), m, []ident.RoomID{a, b}[i%2], room.Patch{Title: &title})
		must(w, 0, err)
	}
	for what, c := range map[string]struct {
		filter command.AuditFilter
		want   []int64
	}{
		"all":     {command.AuditFilter{}, []int64{12, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1}},
		"room":    {command.AuditFilter{Room: b}, []int64{12, 10, 8, 6, 4, 2}},
		"actor":   {command.AuditFilter{Actor: "ops"}, []int64{11, 9, 7, 5, 3}},
		"command": {command.AuditFilter{Command: "createroom"}, []int64{2, 1}},
		"time":    {command.AuditFilter{From: began.Add(time.Minute), To: began.Add(3 * time.Minute)}, []int64{4, 3, 2}},
		"both":    {command.AuditFilter{Room: a, Actor: "ops", From: began.Add(4 * time.Minute)}, []int64{11, 9, 7, 5}},
		"nothing": {command.AuditFilter{Room: 1}, nil},
	} {
		for limit := 1; limit <= 13; limit += 4 {
			var got []int64
			for before := int64(0); ; {
				list, next, err := log.List(w.ctx(), ops, c.filter, before, limit)
				must(w, 0, err)
				for _, e := range list {
					got = append(got, e.Seq)
				}
				if len(list) > limit {
					t.Errorf("%s: %d entries in a page of %d", what, len(list), limit)
				}
				if before = next; next == 0 {
					break
				}
			}
			if !slices.Equal(got, c.want) {
				t.Errorf("%s in pages of %d: %v, want %v", what, limit, got, c.want)
			}
		}
	}
	_, _, err := log.List(w.ctx(), owner, command.AuditFilter{}, 0, 1)
	w.want(err, fault.PermissionDenied)
	_, _, err = log.Export(w.ctx(), owner, 0)
	w.want(err, fault.PermissionDenied)
}

// TestEverySaveIsRecorded: a Save that somebody adds to Tx would pass the recorder by, as it is embedded. So it would
// the spy that sees to it that nothing fails once it wrote.
func TestEverySaveIsRecorded(t *testing.T) {
	recorder, rehearsal := methods(t, "record.go", "recorder"), methods(t, "spy_test.go", "rehearsalTx")
	tx := reflect.TypeFor[command.Tx]()
	for i := range tx.NumMethod() {
		name := tx.Method(i).Name
		if !strings.HasPrefix(name, "Save") || name == "SaveAnswer" {
			continue
		}
		if !recorder[name] {
			t.Errorf("recorder has no method %s: what it saves would not be in the audit log", name)
		}
		if !rehearsal[name] {
			t.Errorf("rehearsalTx has no method %s: a command that fails after it would not be seen", name)
		}
	}
}

// TestThereIsOneWayToTheStore: who writes past write leaves no entry.
func TestThereIsOneWayToTheStore(t *testing.T) {
	found := 0
	for _, name := range sources(t) {
		source, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		n := strings.Count(string(source), "store.Write(")
		if found += n; n > 0 && name != "record.go" {
			t.Errorf("%s writes past the recorder", name)
		}
	}
	if found != 1 {
		t.Errorf("%d ways to the store", found)
	}
}

// sources are the files of the package without those of tests.
func sources(t *testing.T) []string {
	files, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	return slices.DeleteFunc(files, func(name string) bool { return strings.HasSuffix(name, "_test.go") })
}
