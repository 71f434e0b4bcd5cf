package memory

import (
	"cmp"
	"context"
	"errors"
	"maps"
	"slices"
	"sync"

	"github.com/greenroomlive/greenroom/internal/core/ident"
	"github.com/greenroomlive/greenroom/internal/core/view"
	"github.com/greenroomlive/greenroom/internal/flow/feed"
	"github.com/greenroomlive/greenroom/internal/flow/project"
	"github.com/greenroomlive/greenroom/internal/flow/proof"
)

// Views is room_c in memory: project.Views, query.Views, feed.Store, and for those who follow it follow.Store and
// follow.Witness.
type Views struct {
	// Fail, when set, is asked before each write with its batch; an error leaves no trace.
	Fail func(b project.Batch) error

	mu       sync.Mutex
	is, next viewTables
	shadowed bool
	areas    []view.Area
	areasAt  ident.Version
	at       project.Position
	parked   []letter
	lost     bool
	points   map[pointKey]view.Count
	kept     kept
	followed
}

type viewTables struct {
	cards map[ident.RoomID]view.RoomCard
	// written is the number of the newest transaction that wrote a card.
	written map[ident.RoomID]int64
	feed    map[ident.FeedSeq]project.FeedRow
}

func emptyTables() viewTables {
	return viewTables{map[ident.RoomID]view.RoomCard{}, map[ident.RoomID]int64{}, map[ident.FeedSeq]project.FeedRow{}}
}

// NewViews makes empty views.
func NewViews() *Views {
	return &Views{is: emptyTables(), kept: noneKept(), points: map[pointKey]view.Count{}, Fail: func(project.Batch) error { return nil }}
}

// Lose is what deleting the file is: whoever has it open reads and writes on, into nothing,
// until Reopen looks.
func (v *Views) Lose() {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.lost = true
}

// Reopen is project.Views.
func (v *Views) Reopen(context.Context) (bool, error) {
	v.mu.Lock()
	defer v.mu.Unlock()
	lost := v.lost
	if lost {
		v.is, v.shadowed, v.areas, v.areasAt, v.at, v.parked, v.lost = emptyTables(), false, nil, 0, project.Position{}, nil, false
		v.kept = noneKept()
		v.followed = followed{copy: v.copy + 1}
	}
	return lost, nil
}

func (t viewTables) put(b project.Batch, number int64) (taken []ident.RoomID) {
	for _, c := range b.Cards {
		if c.Version > t.cards[c.ID].Version {
			t.cards[c.ID], t.written[c.ID] = c, number
			taken = append(taken, c.ID)
		}
	}
	for _, r := range b.Feed {
		if _, found := t.feed[r.Seq]; !found {
			t.feed[r.Seq] = r
		}
	}
	return taken
}

// Write is project.Views.
func (v *Views) Write(_ context.Context, b project.Batch) ([]ident.RoomID, error) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if err := v.Fail(b); err != nil {
		return nil, err
	}
	v.write++
	taken := v.is.put(b, v.write)
	if v.shadowed {
		v.next.put(b, v.write)
	}
	if b.AreasVersion > v.areasAt {
		v.areas, v.areasAt, v.areasWrite = b.Areas, b.AreasVersion, v.write
	}
	if b.Position != nil {
		v.at = *b.Position
	}
	for _, p := range b.Park {
		p.ID = int64(len(v.parked)) + 1
		v.parked = append(v.parked, letter{p, v.proven.At})
	}
	if len(b.Park)+len(b.Heal) > 0 {
		v.parkedWrite = v.write
	}
	for _, h := range b.Heal {
		v.heal(h)
	}
	return taken, nil
}

func (v *Views) heal(h project.Healing) {
	for i := range v.parked {
		p := &v.parked[i]
		if p.Room != h.Room || !p.HealedAt.IsZero() {
			continue
		}
		p.Attempts++
		if h.By != "" {
			p.HealedAt, p.HealedBy = h.At, h.By
		}
	}
}

// Versions is project.Views.
func (v *Views) Versions(_ context.Context, ids []ident.RoomID) (map[ident.RoomID]ident.Version, error) {
	v.mu.Lock()
	defer v.mu.Unlock()
	out := map[ident.RoomID]ident.Version{}
	for _, id := range ids {
		if c, found := v.is.cards[id]; found {
			out[id] = c.Version
		}
	}
	return out, nil
}

// ForgetFeed is project.Views.
func (v *Views) ForgetFeed(_ context.Context, before ident.FeedSeq) (more bool, err error) {
	v.mu.Lock()
	defer v.mu.Unlock()
	old := func(seq ident.FeedSeq, _ project.FeedRow) bool { return seq < before }
	maps.DeleteFunc(v.is.feed, old)
	maps.DeleteFunc(v.next.feed, old)
	return false, nil
}

// AreasVersion is project.Views.
func (v *Views) AreasVersion(context.Context) (ident.Version, error) {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.areasAt, nil
}

// Position is project.Views.
func (v *Views) Position(context.Context) (project.Position, error) {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.at, nil
}

// Parked is project.Views.
func (v *Views) Parked(_ context.Context, q project.ParkedQuery) ([]project.Parked, error) {
	v.mu.Lock()
	defer v.mu.Unlock()
	var out []project.Parked
	for _, p := range slices.Backward(v.parked) {
		if (q.ID == 0 || p.ID == q.ID) && (q.Room == 0 || p.Room == q.Room) && (q.Before == 0 || p.ID < q.Before) &&
			(!q.Open || p.HealedAt.IsZero()) && len(out) < q.Limit {
			out = append(out, p.Parked)
		}
	}
	return out, nil
}

var errNoShadow = errors.New("memory: there is no shadow")

// Shadow is project.Views.
func (v *Views) Shadow(context.Context) error {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.next, v.shadowed = emptyTables(), true
	return nil
}

// WriteShadow is project.Views.
func (v *Views) WriteShadow(_ context.Context, b project.Batch) error {
	v.mu.Lock()
	defer v.mu.Unlock()
	if !v.shadowed {
		return errNoShadow
	}
	v.write++
	v.next.put(b, v.write)
	return nil
}

// ShadowCards is project.Views.
func (v *Views) ShadowCards(_ context.Context, after ident.RoomID, limit int) ([]view.RoomCard, error) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if !v.shadowed {
		return nil, errNoShadow
	}
	return v.next.page(after, limit, func(view.RoomCard) bool { return true }), nil
}

// Switch is project.Views.
func (v *Views) Switch(context.Context) error {
	v.mu.Lock()
	defer v.mu.Unlock()
	if !v.shadowed {
		return errNoShadow
	}
	v.is, v.shadowed = v.next, false
	v.began()
	return nil
}

// Drop is project.Views.
func (v *Views) Drop(context.Context) error {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.shadowed = false
	return nil
}

// Reset is project.Views.
func (v *Views) Reset(_ context.Context, p project.Position) error {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.is, v.shadowed, v.areas, v.areasAt, v.parked, v.at, v.kept = emptyTables(), false, nil, 0, nil, p, noneKept()
	v.began()
	v.parkedWrite, v.areasWrite, v.proven = v.write, v.write, proof.Claim{}
	return nil
}

func (t viewTables) page(after ident.RoomID, limit int, want func(view.RoomCard) bool) []view.RoomCard {
	var out []view.RoomCard
	for _, id := range slices.Sorted(maps.Keys(t.cards)) {
		if id > after && len(out) < limit && want(t.cards[id]) {
			out = append(out, t.cards[id])
		}
	}
	return out
}

// Cards is query.Views.
func (v *Views) Cards(_ context.Context, ids []ident.RoomID) ([]view.RoomCard, error) {
	v.mu.Lock()
	defer v.mu.Unlock()
	var out []view.RoomCard
	for _, id := range ids {
		if c, found := v.is.cards[id]; found {
			out = append(out, c)
		}
	}
	return out, nil
}

// ByAnchor is query.Views.
func (v *Views) ByAnchor(_ context.Context, anchor ident.AnchorID, limit int) ([]view.RoomCard, error) {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.is.page(0, limit, func(c view.RoomCard) bool { return c.AnchorID == anchor }), nil
}

// OnAir is query.Views.
func (v *Views) OnAir(_ context.Context, yield func(view.RoomCard) bool) error {
	v.mu.Lock()
	list := v.is.page(0, len(v.is.cards), func(c view.RoomCard) bool { return c.OnAir() })
	v.mu.Unlock()
	for _, c := range list {
		if !yield(c) {
			break
		}
	}
	return nil
}

// Newest is query.Views.
func (v *Views) Newest(_ context.Context, before ident.RoomID, limit int) ([]view.RoomCard, error) {
	v.mu.Lock()
	defer v.mu.Unlock()
	list := v.is.page(0, len(v.is.cards), func(c view.RoomCard) bool { return before == 0 || c.ID < before })
	slices.Reverse(list)
	return list[:min(len(list), limit)], nil
}

// Areas is query.Views.
func (v *Views) Areas(context.Context) ([]view.Area, error) {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.areas, nil
}

// Frames is feed.Store.
func (v *Views) Frames(_ context.Context, after ident.FeedSeq, limit int) ([]feed.Frame, error) {
	v.mu.Lock()
	defer v.mu.Unlock()
	rows := slices.SortedFunc(maps.Values(v.is.feed), func(a, b project.FeedRow) int { return cmp.Compare(a.Seq, b.Seq) })
	var out []feed.Frame
	for _, r := range rows {
		if r.Seq > after && len(out) < limit {
			out = append(out, feed.Frame{Seq: r.Seq, Room: r.Room, Type: r.Type, JSON: r.JSON})
		}
	}
	return out, nil
}

// RoomFrames is feed.Store.
func (v *Views) RoomFrames(_ context.Context, id ident.RoomID, after, to ident.FeedSeq, limit int) (out []feed.Frame, whole bool, err error) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if to > v.at.Contiguous {
		return nil, false, nil
	}
	for seq := after + 1; seq <= to && len(out) < limit; seq++ {
		r, ok := v.is.feed[seq]
		if !ok {
			return nil, false, nil
		}
		if r.Room == id {
			out = append(out, feed.Frame{Seq: r.Seq, Room: r.Room, Type: r.Type, JSON: r.JSON})
		}
	}
	return out, true, nil
}

// Oldest is feed.Store.
func (v *Views) Oldest(context.Context) (ident.FeedSeq, error) {
	v.mu.Lock()
	defer v.mu.Unlock()
	oldest := v.at.Contiguous + 1
	for seq := range v.is.feed {
		oldest = min(oldest, seq)
	}
	return oldest, nil
}
