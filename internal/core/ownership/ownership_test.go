package ownership_test

import (
	"errors"
	"slices"
	"testing"

	"github.com/greenroomlive/greenroom/internal/core/event"
	"github.com/greenroomlive/greenroom/internal/core/fault"
	"github.com/greenroomlive/greenroom/internal/core/ownership"
)

func TestOnlyTheOwnerWrites(t *testing.T) {
	for _, c := range ownership.Table {
		if c.Owner == ownership.Everyone {
			continue // counted with each change, written by nobody's wish
		}
		for _, role := range ownership.Roles {
			err := ownership.Check(role, c.Entity, c.Name)
			if role == c.Owner {
				if err != nil {
					t.Errorf("the owner of %s.%s is refused: %v", c.Entity, c.Name, err)
				}
				continue
			}
			f := fault.Of(err)
			if !errors.Is(err, fault.FieldNotOwned) || f.Details["field"] != c.Entity+"."+c.Name || f.Details["owner"] != string(c.Owner) {
				t.Errorf("%s may write %s.%s: %v", role, c.Entity, c.Name, err)
			}
		}
	}
}

func TestUnknownColumnsHaveNoOwner(t *testing.T) {
	for _, role := range slices.Concat(ownership.Roles, []ownership.Role{"", "nobody", ownership.Everyone}) {
		if err := ownership.Check(role, "room", "no_such_column"); !errors.Is(err, fault.FieldNotOwned) {
			t.Errorf("%q writes a column that is not in the table: %v", role, err)
		}
	}
	if err := ownership.Check(ownership.XAnchor, "room", "title", "no_such_column"); !errors.Is(err, fault.FieldNotOwned) {
		t.Errorf("one good column let a bad one through: %v", err)
	}
}

// TestTable: rows are unique, secrets leave B in no form, and what viewers see is carried by known events.
func TestTable(t *testing.T) {
	seen := map[string]bool{}
	for _, c := range ownership.Table {
		name := c.Entity + "." + c.Name
		if seen[name] {
			t.Errorf("%s stands twice", name)
		}
		seen[name] = true
		if c.Secret && (c.Viewers || len(c.Events) > 0 || c.Side != ownership.B) {
			t.Errorf("the secret %s leaves B", name)
		}
		if c.Viewers && c.Side == ownership.B && len(c.Events) == 0 {
			t.Errorf("viewers see %s, and no event brings it", name)
		}
		for _, e := range c.Events {
			if !event.Known(e) {
				t.Errorf("%s is carried by %s, which is no event", name, e)
			}
		}
	}
}
