package command_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"log/slog"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/greenroomlive/greenroom/internal/core/audit"
	"github.com/greenroomlive/greenroom/internal/core/ident"
	"github.com/greenroomlive/greenroom/internal/core/room"
	"github.com/greenroomlive/greenroom/internal/core/view"
	"github.com/greenroomlive/greenroom/internal/flow/calendar"
	"github.com/greenroomlive/greenroom/internal/flow/command"
	"github.com/greenroomlive/greenroom/internal/flow/schemas"
)

// everyDeed has each command of the house done once at least, and leaves what the audit log holds of them.
func everyDeed(t *testing.T) *world {
	w, audience := newWorld(t), told{}
	w.anchor = command.NewAnchor(command.Config{
		Store: w.store, IDs: ident.NewMinter(1), Clock: w.clock, Schemas: schemas.New(), Audience: audience, TwoPersonAbove: 1000,
	})
	w.deed("SeedAreas", func(m command.Meta) error {
		return w.anchor.SeedAreas(w.ctx(), m, map[string][]string{"Games": {"Chess"}}, []string{"Games"})
	})
	id := w.deedsOfAnchors()
	w.deedsOfControl(id)
	w.deedsOfTwo(id, audience)
	w.deedsOnPeople(id)
	w.deedsOnRules(id)
	w.deedsOfPlanning(id)
	w.deedsOfExtension(id)
	w.deedsOfTime(id)
	return w
}

// deedsOfTwo are of a room that more watch than one person may decide about.
func (w *world) deedsOfTwo(id ident.RoomID, audience told) {
	control := command.NewControl(w.anchor)
	r, err := w.anchor.StartRoom(w.ctx(), ops, id)
	audience[must(w, r, err).Session.ID] = 1001
	propose := func() ident.ProposalID {
		_, err := control.Intervene(w.ctx(), staff("ann"), id, view.Warned, raid)
		p := w.proposed(err)
		all := w.audited()
		if last := all[len(all)-1]; last.Command != "Intervene" || last.Actor != "ann" || last.Reason != "a raid" || len(last.Changes) == 0 {
			w.Errorf("what ann only proposed is recorded as %+v", last)
		}
		return p
	}
	p := propose()
	w.deed("Decline", func(m command.Meta) error { _, err := control.Decline(w.ctx(), m, p); return err })
	p = propose()
	e := w.deed("Confirm", func(m command.Meta) error { _, err := control.Confirm(w.ctx(), m, p); return err })
	w.changed(e, audit.Change{Column: "room_control.state", Before: "NORMAL", After: "WARNED"})
	_, err = w.anchor.StopRoom(w.ctx(), ops, id)
	must(w, 0, err)
}

func (w *world) deedsOnPeople(id ident.RoomID) {
	people := command.NewPeople(w.anchor)
	e := w.deed("Sanction", func(m command.Meta) error {
		_, err := people.Sanction(w.ctx(), m, named(id, 8, 9), room.Mute, room.Term{Reason: "spam"})
		return err
	})
	if e.Room != id || !slices.ContainsFunc(e.Changes, func(c audit.Change) bool { return c.Column == "person.content" && c.Row == "8" }) {
		w.Errorf("a mute is recorded as %+v", e)
	}
	w.deed("LiftSanction", func(m command.Meta) error {
		_, err := people.Lift(w.ctx(), m, named(id, 8), room.Mute, "")
		return err
	})
	w.deed("GrantRole", func(m command.Meta) error {
		_, err := people.Grant(w.ctx(), m, named(id, 5), view.VIP, time.Time{}, 0)
		return err
	})
	w.deed("RevokeRole", func(m command.Meta) error { _, err := people.Revoke(w.ctx(), m, named(id, 5)); return err })
	w.deed("Sanction", func(m command.Meta) error {
		_, err := people.Sanction(w.ctx(), m, named(ident.Platform, 9), room.Ban, room.Term{Reason: "fraud"})
		return err
	})
}

func (w *world) deedsOnRules(id ident.RoomID) {
	rules, yes := command.NewRules(w.anchor), true
	w.deed("SetRules", func(m command.Meta) error {
		_, err := rules.Set(w.ctx(), m, id, view.Rules{SlowMode: time.Minute})
		return err
	})
	w.deed("UpdateRules", func(m command.Meta) error {
		_, err := rules.Patch(w.ctx(), m, id, room.RulesPatch{NoLinks: &yes})
		return err
	})
	for _, place := range []ident.RoomID{id, ident.Platform} {
		e := w.deed("ChangeTerms", func(m command.Meta) error {
			_, err := rules.ChangeTerms(w.ctx(), m, place, []string{"spam"}, nil)
			return err
		})
		if e.Room != place {
			w.Errorf("terms of room %s are recorded of room %s", place, e.Room)
		}
	}
}

func (w *world) deedsOfPlanning(id ident.RoomID) {
	planning := command.NewPlanning(w.anchor, &calendar.Calendar{})
	var plan ident.PlanID
	w.deed("Plan", func(m command.Meta) error {
		done, err := planning.Plan(w.ctx(), m, id, weekly)
		plan = done.Plan
		return err
	})
	w.deed("Except", func(m command.Meta) error {
		_, err := planning.Except(w.ctx(), m, id, plan, view.Exception{Original: "2026-11-29T20:00:00"})
		return err
	})
	w.deed("Replan", func(m command.Meta) error {
		edited := weekly
		edited.ID, edited.Title = plan, "Day radio"
		_, err := planning.Replan(w.ctx(), m, id, edited)
		return err
	})
	w.deed("Unplan", func(m command.Meta) error { _, err := planning.Unplan(w.ctx(), m, id, plan); return err })
}

func (w *world) deedsOfExtension(id ident.RoomID) {
	extend := command.NewExtend(w.anchor)
	w.deed("Announce", func(m command.Meta) error { _, err := extend.Announce(w.ctx(), m, id, "hello"); return err })
	w.deed("Pin", func(m command.Meta) error { _, err := extend.Pin(w.ctx(), m, id, "rules"); return err })
	w.deed("GrantBadge", func(m command.Meta) error {
		_, err := extend.GrantBadge(w.ctx(), m, id, "gold", time.Time{}, time.Time{})
		return err
	})
	w.deed("RevokeBadge", func(m command.Meta) error { _, err := extend.RevokeBadge(w.ctx(), m, id, "gold"); return err })
	w.deed("PutWidgetType", func(m command.Meta) error {
		_, err := extend.PutWidgetType(w.ctx(), m, "poll", map[string]any{"type": "object"})
		return err
	})
	w.deed("PutWidget", func(m command.Meta) error {
		_, err := extend.PutWidget(w.ctx(), m, id, "vote", "poll", map[string]any{"question": "again?"}, 0)
		return err
	})
	w.deed("RemoveWidget", func(m command.Meta) error { _, err := extend.RemoveWidget(w.ctx(), m, id, "vote", 0); return err })
	w.deed("RetireWidgetType", func(m command.Meta) error { _, err := extend.RetireWidgetType(w.ctx(), m, "poll"); return err })
}

// deedsOfTime have no caller: what was put off comes true.
func (w *world) deedsOfTime(id ident.RoomID) {
	control, extend, people := command.NewControl(w.anchor), command.NewExtend(w.anchor), command.NewPeople(w.anchor)
	planning, soon := command.NewPlanning(w.anchor, &calendar.Calendar{}), w.clock().Add(time.Hour)
	_, err := control.Intervene(w.ctx(), ops, id, view.Hidden, room.Order{Reason: "a raid", For: time.Hour})
	must(w, 0, err)
	_, err = extend.GrantBadge(w.ctx(), ops, id, "charity", soon, soon.Add(time.Hour))
	must(w, 0, err)
	_, err = people.Sanction(w.ctx(), ops, named(id, 6), room.Mute, room.Term{For: time.Hour})
	must(w, 0, err)
	_, err = planning.Plan(w.ctx(), ops, id, view.Plan{Title: "Night radio", Start: soon.Add(time.Hour).Format(view.WallClock), Zone: "UTC", Length: time.Hour})
	must(w, 0, err)
	p := publishing(id, w.key(id).Shown, "12")
	_, err = w.anchor.GoLive(w.ctx(), media, p)
	must(w, 0, err)
	w.pass(15 * time.Second)
	must(w, 0, leases(w).Sweep(w.ctx()))
	w.deed("Renew", func(m command.Meta) error { _, err := w.anchor.Renew(w.ctx(), m, p); return err }) // the stream went on
	before := len(w.audited())
	w.pass(2 * time.Hour)
	log := slog.New(slog.DiscardHandler)
	must(w, 0, command.NewLifts(w.anchor, log).Sweep(w.ctx()))
	must(w, 0, leases(w).Sweep(w.ctx()))
	w.pass(-time.Minute) // a broadcast that begins now is not told of any more
	must(w, 0, command.NewReminders(planning, log).Sweep(w.ctx()))
	for _, e := range w.audited()[before:] {
		if e.Door != "clock" || e.Actor == "" || e.Cause == "" || len(e.Changes) == 0 {
			w.Errorf("what time did is recorded as %+v", e)
		}
	}
}

// TestNoCommandIsForgotten: every command leaves its entry, and whatever name the package gives a write, the walk above has seen an entry of it.
func TestNoCommandIsForgotten(t *testing.T) {
	recorded := map[string]bool{}
	for _, e := range everyDeed(t).audited() {
		recorded[e.Command] = true
	}
	names := commandNames(t)
	for _, name := range names {
		if !recorded[name] {
			t.Errorf("no test has seen %s in the audit log: add it to everyDeed", name)
		}
		delete(recorded, name)
	}
	if len(names) == 0 || len(recorded) > 0 {
		t.Errorf("of %d names, these are given in a way that the test does not know: %v", len(names), recorded)
	}
}

// commandNames are the names under which the package writes: a word behind the caller's m, as every frame of a
// command takes it, and those of the table of what is put off.
func commandNames(t *testing.T) (names []string) {
	take := func(x ast.Expr) {
		if lit, ok := x.(*ast.BasicLit); ok && lit.Kind == token.STRING {
			name, err := strconv.Unquote(lit.Value)
			if err != nil {
				t.Fatal(err)
			}
			names = append(names, name)
		}
	}
	for _, name := range sources(t) {
		tree, err := parser.ParseFile(token.NewFileSet(), name, nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		ast.Inspect(tree, func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.CallExpr:
				for i, arg := range n.Args[:max(len(n.Args)-1, 0)] {
					if id, ok := arg.(*ast.Ident); ok && id.Name == "m" {
						take(n.Args[i+1])
					}
				}
			case *ast.CompositeLit:
				if of, ok := n.Type.(*ast.ArrayType); ok && isIdent(of.Elt, "deferred") {
					for _, kind := range n.Elts {
						take(kind.(*ast.CompositeLit).Elts[0])
					}
				}
			}
			return true
		})
	}
	slices.Sort(names)
	return slices.Compact(names)
}

func isIdent(x ast.Expr, name string) bool {
	id, ok := x.(*ast.Ident)
	return ok && id.Name == name
}

// methods are those that a file gives a type.
func methods(t *testing.T, file, of string) map[string]bool {
	tree, err := parser.ParseFile(token.NewFileSet(), file, nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	out := map[string]bool{}
	for _, d := range tree.Decls {
		f, ok := d.(*ast.FuncDecl)
		if !ok || f.Recv == nil {
			continue
		}
		if star, ok := f.Recv.List[0].Type.(*ast.StarExpr); ok && isIdent(star.X, of) {
			out[f.Name.Name] = true
		}
	}
	return out
}
