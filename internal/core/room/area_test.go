package room_test

import (
	"errors"
	"slices"
	"strconv"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/greenroomlive/greenroom/internal/core/fault"
	"github.com/greenroomlive/greenroom/internal/core/ident"
	"github.com/greenroomlive/greenroom/internal/core/room"
	"github.com/greenroomlive/greenroom/internal/core/view"
)

// tree is Games (1) over Strategy (2) over Chess (3), beside Music (4).
func tree(t *testing.T) *room.AreaTree {
	t.Helper()
	out := &room.AreaTree{}
	for _, n := range []room.AreaNode{{ID: 1, Name: "Games"}, {ID: 2, Parent: 1, Name: "Strategy"}, {ID: 3, Parent: 2, Name: "Chess"}, {ID: 4, Name: "Music"}} {
		if err := out.Add(room.By{Now: start}, n.ID, n.Parent, n.Name); err != nil {
			t.Fatal(err)
		}
	}
	return &room.AreaTree{Version: out.Version, Nodes: out.Nodes} // as a store loads it
}

func TestAreas(t *testing.T) {
	name := func(s string) *string { return &s }
	below := func(id ident.AreaID) *ident.AreaID { return &id }
	cases := []struct {
		name  string
		when  func(*room.AreaTree) error
		fault *fault.Code
		shape string
	}{
		{"a new area", func(t *room.AreaTree) error { return t.Add(room.By{}, 5, 1, "Arcade") }, nil, "Games(Arcade Strategy(Chess)) Music"},
		{"a name twice, apart", func(t *room.AreaTree) error { return t.Add(room.By{}, 5, 4, "Chess") }, nil, "Games(Strategy(Chess)) Music(Chess)"},
		{"a name twice, together", func(t *room.AreaTree) error { return t.Add(room.By{}, 5, 0, "music") }, fault.AreaConflict, ""},
		{"below nothing", func(t *room.AreaTree) error { return t.Add(room.By{}, 5, 9, "x") }, fault.AreaNotFound, ""},
		{"without a name", func(t *room.AreaTree) error { return t.Add(room.By{}, 5, 0, " ") }, fault.InvalidArgument, ""},
		{"a name too long", func(t *room.AreaTree) error { return t.Add(room.By{}, 5, 0, strings.Repeat("x", 65)) }, fault.InvalidArgument, ""},
		{"renamed", func(t *room.AreaTree) error { return t.Change(room.By{}, 4, name("Art"), nil) }, nil, "Art Games(Strategy(Chess))"},
		{"moved with all below", func(t *room.AreaTree) error { return t.Change(room.By{}, 2, nil, below(4)) }, nil, "Games Music(Strategy(Chess))"},
		{"moved to the top", func(t *room.AreaTree) error { return t.Change(room.By{}, 3, nil, below(0)) }, nil, "Chess Games(Strategy) Music"},
		{"below itself", func(t *room.AreaTree) error { return t.Change(room.By{}, 1, nil, below(1)) }, fault.AreaConflict, ""},
		{"below its own child", func(t *room.AreaTree) error { return t.Change(room.By{}, 1, nil, below(3)) }, fault.AreaConflict, ""},
		{"moved below nothing", func(t *room.AreaTree) error { return t.Change(room.By{}, 1, nil, below(9)) }, fault.AreaNotFound, ""},
		{"nobody knows it", func(t *room.AreaTree) error { return t.Change(room.By{}, 9, name("x"), nil) }, fault.AreaNotFound, ""},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			given := tree(t)
			before := slices.Clone(given.Nodes)
			err := c.when(given)
			if c.fault != nil {
				if !errors.Is(err, c.fault) || !slices.Equal(given.Nodes, before) || len(given.Events()) != 0 {
					t.Fatalf("fault %v, want %s and nothing changed", err, c.fault.Name)
				}
				return
			}
			if err != nil || shape(given.View()) != c.shape {
				t.Fatalf("%s: %v; want %s", shape(given.View()), err, c.shape)
			}
			mustCarryTheTree(t, given, 4)
		})
	}
}

func TestAnUnchangedAreaSaysNothing(t *testing.T) {
	given, same := tree(t), "Games"
	if err := given.Change(room.By{}, 1, &same, nil); err != nil || len(given.Events()) != 0 || given.Version != 4 {
		t.Fatalf("version %d, events %v: %v", given.Version, given.Events(), err)
	}
}

func TestTheTreeIsBounded(t *testing.T) {
	given := &room.AreaTree{}
	for i := range room.MaxAreas {
		given.Nodes = append(given.Nodes, room.AreaNode{ID: ident.AreaID(i + 1), Name: strconv.Itoa(i)})
	}
	if err := given.Add(room.By{}, 5000, 0, "one more"); !errors.Is(err, fault.AreaConflict) {
		t.Fatalf("fault %v", err)
	}
}

// TestAnyTree moves areas about at random: none is ever lost, and none ever hangs below itself.
func TestAnyTree(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		grown, next := &room.AreaTree{}, ident.AreaID(0)
		id := rapid.Custom(func(t *rapid.T) ident.AreaID {
			return ident.AreaID(rapid.Int64Range(0, int64(next)).Draw(t, "id"))
		})
		t.Repeat(map[string]func(*rapid.T){
			"add": func(t *rapid.T) {
				if grown.Add(room.By{}, next+1, id.Draw(t, "parent"), rapid.StringN(1, 3, 8).Draw(t, "name")) == nil {
					next++
				}
			},
			"move": func(t *rapid.T) {
				to := id.Draw(t, "to")
				_ = grown.Change(room.By{}, id.Draw(t, "from"), nil, &to) // refused or done, the tree must stay whole
			},
			"": func(t *rapid.T) {
				if n := count(grown.View()); n != int(next) {
					t.Fatalf("%d areas can be reached, %d were made", n, next)
				}
				mustCarryTheTree(t, grown, 0)
			},
		})
	})
}

func mustCarryTheTree(t failer, tree *room.AreaTree, base ident.Version) {
	t.Helper()
	at := base
	for _, e := range tree.Events() {
		if e.RoomID != ident.AreaTree || e.PrevVersion != at || e.Version != at+1 || e.Checksum != e.Sum() {
			t.Fatalf("event %+v at version %d", e, at)
		}
		at = e.Version
	}
	if at != tree.Version {
		t.Fatalf("events end at %d, the tree is at %d", at, tree.Version)
	}
}

func shape(areas []view.Area) string {
	var out []string
	for _, a := range areas {
		s := a.Name
		if len(a.Children) > 0 {
			s += "(" + shape(a.Children) + ")"
		}
		out = append(out, s)
	}
	return strings.Join(out, " ")
}

func count(areas []view.Area) int {
	n := len(areas)
	for _, a := range areas {
		n += count(a.Children)
	}
	return n
}
