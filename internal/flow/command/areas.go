package command

import (
	"context"

	"github.com/greenroomlive/greenroom/internal/core/ident"
	"github.com/greenroomlive/greenroom/internal/core/room"
	"github.com/greenroomlive/greenroom/internal/core/view"
)

// Areas is the committed tree.
func (a *Anchor) Areas(ctx context.Context) ([]view.Area, error) {
	return read(ctx, a, func(rd Reader) ([]view.Area, error) {
		tree, err := rd.AreaTree()
		if err != nil {
			return nil, err
		}
		return tree.View(), nil
	})
}

// CreateArea files a new area below parent (0: the top).
func (a *Anchor) CreateArea(ctx context.Context, m Meta, parent ident.AreaID, name string) (view.Area, error) {
	by := a.by(&m)
	id := ident.AreaID(a.ids.Mint(by.Now))
	return a.changeAreas(ctx, m, "CreateArea", []any{parent, name}, id, func(t *room.AreaTree) error {
		return t.Add(by, id, parent, name)
	})
}

// UpdateArea renames the area, moves it with all below it, or both; nil leaves as it is.
func (a *Anchor) UpdateArea(ctx context.Context, m Meta, id ident.AreaID, name *string, parent *ident.AreaID) (view.Area, error) {
	by := a.by(&m)
	return a.changeAreas(ctx, m, "UpdateArea", []any{id, name, parent}, id, func(t *room.AreaTree) error {
		return t.Change(by, id, name, parent)
	})
}

// SeedAreas fills an empty tree with a few areas, for a first look around in dev. A tree that has any is left alone.
func (a *Anchor) SeedAreas(ctx context.Context, m Meta, names map[string][]string, order []string) error {
	by := a.by(&m)
	return a.write(ctx, m, "SeedAreas", func(tx Tx) error {
		tree, err := tx.AreaTree()
		if err != nil || len(tree.Nodes) > 0 {
			return err
		}
		next := ident.AreaID(0)
		add := func(parent ident.AreaID, name string) error {
			next++ // small ids are easy to type; minted ones start far above
			return tree.Add(by, next, parent, name)
		}
		for _, top := range order {
			if err := add(0, top); err != nil {
				return err
			}
			parent := next
			for _, name := range names[top] {
				if err := add(parent, name); err != nil {
					return err
				}
			}
		}
		return tx.SaveAreaTree(role, tree)
	})
}

func (a *Anchor) changeAreas(ctx context.Context, m Meta, name string, request []any, id ident.AreaID, decide func(*room.AreaTree) error) (view.Area, error) {
	if err := m.Caller.mustBePrivileged("changing areas"); err != nil {
		return view.Area{}, err
	}
	return remembered(ctx, a, m, name, request, func(tx Tx) (view.Area, error) {
		tree, err := tx.AreaTree()
		if err != nil {
			return view.Area{}, err
		}
		if err := decide(tree); err != nil {
			return view.Area{}, err
		}
		return find(tree.View(), id), tx.SaveAreaTree(role, tree)
	})
}

// find looks an area up in a tree that holds it.
func find(areas []view.Area, id ident.AreaID) view.Area {
	for _, a := range areas {
		if a.ID == id {
			return a
		}
		if below := find(a.Children, id); below.ID == id {
			return below
		}
	}
	return view.Area{}
}
