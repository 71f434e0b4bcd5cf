package room

// Story: operators grow and rearrange the area tree. The tree is one small aggregate with
// one version: every change carries it whole.

import (
	"cmp"
	"slices"
	"strings"

	"github.com/greenroomlive/greenroom/internal/core/event"
	"github.com/greenroomlive/greenroom/internal/core/fault"
	"github.com/greenroomlive/greenroom/internal/core/ident"
	"github.com/greenroomlive/greenroom/internal/core/view"
)

// MaxAreas bounds the tree: it travels whole in an event and an answer.
const MaxAreas = 1000

// AreaNode is one row of the tree; Parent 0 is the top.
type AreaNode struct {
	ID     ident.AreaID
	Parent ident.AreaID
	Name   string
}

// AreaTree is the aggregate of all areas.
type AreaTree struct {
	Version ident.Version
	Nodes   []AreaNode

	events []event.RoomEvent
}

// Add files a new area below parent.
func (t *AreaTree) Add(by By, id, parent ident.AreaID, name string) error {
	if len(t.Nodes) >= MaxAreas {
		return fault.AreaConflict.New("there are %d areas, at most %d", len(t.Nodes), MaxAreas)
	}
	if parent != 0 && !t.Has(parent) {
		return noArea(parent).With("field", "parent_id")
	}
	if err := t.nameFits(id, parent, name); err != nil {
		return err
	}
	t.Nodes = append(t.Nodes, AreaNode{ID: id, Parent: parent, Name: name})
	t.record(by)
	return nil
}

// Change renames the area, moves it with all below it, or both; nil leaves as it is.
func (t *AreaTree) Change(by By, id ident.AreaID, name *string, parent *ident.AreaID) error {
	i := slices.IndexFunc(t.Nodes, func(n AreaNode) bool { return n.ID == id })
	if i < 0 {
		return noArea(id)
	}
	next := t.Nodes[i]
	set(&next.Name, name)
	set(&next.Parent, parent)
	if next == t.Nodes[i] {
		return nil
	}
	if next.Parent != 0 && !t.Has(next.Parent) {
		return noArea(next.Parent).With("field", "parent_id")
	}
	for up := next.Parent; up != 0; up = t.parentOf(up) {
		if up == id {
			return fault.AreaConflict.New("area %s cannot move below itself", id).With("field", "parent_id")
		}
	}
	if err := t.nameFits(id, next.Parent, next.Name); err != nil {
		return err
	}
	t.Nodes = slices.Clone(t.Nodes)
	t.Nodes[i] = next
	t.record(by)
	return nil
}

// Has reports whether the tree holds the area.
func (t *AreaTree) Has(id ident.AreaID) bool {
	return slices.ContainsFunc(t.Nodes, func(n AreaNode) bool { return n.ID == id })
}

// Events are what was recorded since the tree was loaded.
func (t *AreaTree) Events() []event.RoomEvent { return t.events }

// Rearranged reports whether areas changed since the tree was loaded, and not only people of the platform.
func (t *AreaTree) Rearranged() bool {
	return slices.ContainsFunc(t.events, func(e event.RoomEvent) bool { return e.Type == event.AreaTreeChanged })
}

// View is the tree as viewers see it: siblings by name.
func (t *AreaTree) View() []view.Area { return t.below(0) }

func (t *AreaTree) below(parent ident.AreaID) []view.Area {
	var out []view.Area
	for _, n := range t.Nodes {
		if n.Parent == parent {
			out = append(out, view.Area{ID: n.ID, Name: n.Name, Children: t.below(n.ID)})
		}
	}
	slices.SortFunc(out, func(a, b view.Area) int { return cmp.Or(cmp.Compare(a.Name, b.Name), cmp.Compare(a.ID, b.ID)) })
	return out
}

func (t *AreaTree) parentOf(id ident.AreaID) ident.AreaID {
	for _, n := range t.Nodes {
		if n.ID == id {
			return n.Parent
		}
	}
	return 0
}

func (t *AreaTree) nameFits(id, parent ident.AreaID, name string) error {
	if strings.TrimSpace(name) == "" {
		return invalid("name", "an area needs a name")
	}
	if err := text("name", name, 64); err != nil {
		return err
	}
	for _, n := range t.Nodes {
		if n.Parent == parent && n.ID != id && strings.EqualFold(n.Name, name) {
			return fault.AreaConflict.New("there is an area %q there already", n.Name).With("field", "name")
		}
	}
	return nil
}

func (t *AreaTree) record(by By) {
	t.recordAs(by, event.AreaTreeChanged, "").Changed = []string{"areas"}
}

// recordAs closes a step. Whatever it was, its event carries the whole tree: it is what a card is to a room.
func (t *AreaTree) recordAs(by By, as event.Type, reason string) *event.RoomEvent {
	t.Version++
	e := event.RoomEvent{
		RoomID: ident.AreaTree, Version: t.Version, PrevVersion: t.Version - 1, Type: as, Areas: t.View(), Reason: reason,
		Actor: by.Actor, Cause: by.Cause, Traceparent: by.Traceparent, OccurredAt: by.Now,
	}
	e.Checksum = e.Sum()
	t.events = append(t.events, e)
	return &t.events[len(t.events)-1]
}

func noArea(id ident.AreaID) *fault.Error {
	return fault.AreaNotFound.New("there is no area %s", id).With("field", "area_id")
}
