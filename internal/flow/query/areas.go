package query

import (
	"context"
	"sync"

	"github.com/greenroomlive/greenroom/internal/core/fault"
	"github.com/greenroomlive/greenroom/internal/core/ident"
	"github.com/greenroomlive/greenroom/internal/core/view"
)

// Tree is the area tree, encoded once. Never changed.
type Tree struct {
	Areas []view.Area
	// JSON is the whole body {"areas":[…]}.
	JSON []byte
	// ETag is the checksum of the content, in quotes.
	ETag []byte

	// below has, for each area, itself and all below it.
	below map[ident.AreaID][]ident.AreaID
}

func newTree(areas []view.Area) *Tree {
	body := append(view.AppendAreas([]byte(`{"areas":`), areas), '}')
	t := &Tree{Areas: areas, JSON: body, ETag: []byte(`"` + view.ChecksumOf(body) + `"`), below: map[ident.AreaID][]ident.AreaID{}}
	t.descend(areas)
	return t
}

// descend fills below for the areas and returns all of them with what is below.
func (t *Tree) descend(areas []view.Area) (all []ident.AreaID) {
	for i := range areas {
		branch := append([]ident.AreaID{areas[i].ID}, t.descend(areas[i].Children)...)
		t.below[areas[i].ID] = branch
		all = append(all, branch...)
	}
	return all
}

// within is the area and all below it; an area that is not in the tree is alone. So is each when t is
// nil: of a snapshot cut when no tree was known, which a token made by hand may name.
func (t *Tree) within(id ident.AreaID) []ident.AreaID {
	if t != nil && t.below[id] != nil {
		return t.below[id]
	}
	return []ident.AreaID{id}
}

// tree keeps the newest Tree. It is loaded once; after that events replace it.
type tree struct {
	mu      sync.Mutex
	current *Tree
	// changes counts replacements, so that a load that was overtaken is not kept.
	changes int
}

func (t *tree) get() (*Tree, int) {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.current, t.changes
}

func (t *tree) drop() { t.set(nil) }

func (t *tree) replace(areas []view.Area) { t.set(newTree(areas)) }

func (t *tree) set(n *Tree) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.current = n
	t.changes++
}

// keep stores a loaded tree unless something changed since, and returns the newest.
func (t *tree) keep(loaded *Tree, since int) *Tree {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.changes == since {
		t.current = loaded
	}
	if t.current == nil {
		return loaded
	}
	return t.current
}

// Areas is the area tree. STORE_UNAVAILABLE when it is not resident and cannot be loaded, NOT_READY
// while the views are being filled.
func (r *Rooms) Areas(ctx context.Context) (*Tree, error) {
	current, since := r.tree.get()
	if current != nil {
		return current, nil
	}
	if !r.freshness.Complete() {
		return nil, fault.NotReady.New("the views are being filled; the areas are not there yet")
	}
	areas, err := r.views.Areas(ctx)
	if err != nil {
		return nil, fault.StoreUnavailable.Wrap(err, "the views cannot be read now")
	}
	return r.tree.keep(newTree(areas), since), nil
}

// Branch is an area with all areas below it; one that is not in the tree is alone. It fails as Areas does.
func (r *Rooms) Branch(ctx context.Context, id ident.AreaID) ([]ident.AreaID, error) {
	t, err := r.Areas(ctx)
	if err != nil {
		return nil, err
	}
	return t.within(id), nil
}
