package memory

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/greenroomlive/greenroom/internal/core/ident"
	"github.com/greenroomlive/greenroom/internal/core/view"
	"github.com/greenroomlive/greenroom/internal/flow/follow"
	"github.com/greenroomlive/greenroom/internal/flow/project"
	"github.com/greenroomlive/greenroom/internal/flow/proof"
)

// followed is what followers of the views need to know besides the views themselves.
type followed struct {
	// copy counts what replaced all that was read before; write the transactions since the store began.
	copy, write             int64
	parkedWrite, areasWrite int64
	proven                  proof.Claim
	drained                 bool
}

// began makes everything void that was read before; the next number is its first.
func (f *followed) began() {
	f.copy++
	f.write++
}

// letter is a dead letter, with what was proven when it was written.
type letter struct {
	project.Parked
	since time.Time
}

// Standing is follow.Store.
func (v *Views) Standing(context.Context) (follow.Standing, error) {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.standing(), nil
}

func (v *Views) standing() follow.Standing {
	return follow.Standing{
		Copy: fmt.Sprint("memory.", v.copy), Write: v.write, Position: v.at,
		ParkedWrite: v.parkedWrite, AreasWrite: v.areasWrite, Proven: v.proven, Drained: v.drained,
	}
}

// Since is follow.Store.
func (v *Views) Since(_ context.Context, after follow.Mark, limit int) (follow.Delta, error) {
	v.mu.Lock()
	defer v.mu.Unlock()
	now := v.standing()
	d := follow.Delta{Standing: now, To: follow.Mark{Write: max(after.Write, now.Write), Seq: after.Seq}}
	if after.Write < now.AreasWrite {
		d.Areas = append([]view.Area{}, v.areas...)
	}
	d.Cards = v.is.since(after.Write, limit)
	if n := len(d.Cards); n >= limit && v.is.written[d.Cards[n-1].ID] < v.is.newest() {
		d.To.Write, d.More = v.is.written[d.Cards[n-1].ID], true
		return d, nil
	}
	d.To.Seq = max(after.Seq, now.Contiguous)
	for _, seq := range slices.Sorted(maps.Keys(v.is.feed)) {
		if seq <= after.Seq || seq > now.Contiguous {
			continue
		}
		if len(d.Feed) == limit {
			d.To.Seq, d.More = d.Feed[limit-1].Seq, true
			break
		}
		d.Feed = append(d.Feed, v.is.feed[seq])
	}
	return d, nil
}

// since lists the cards behind a number by the newest that wrote each, cut where one number ends and the next begins.
func (t viewTables) since(after int64, limit int) (out []view.RoomCard) {
	ids := slices.SortedFunc(maps.Keys(t.cards), func(a, b ident.RoomID) int {
		return cmp.Or(cmp.Compare(t.written[a], t.written[b]), cmp.Compare(a, b))
	})
	last := int64(0)
	for _, id := range ids {
		n := t.written[id]
		if n <= after {
			continue
		}
		if len(out) >= limit && n != last {
			break
		}
		out, last = append(out, t.cards[id]), n
	}
	return out
}

// newest is the newest number that wrote a card.
func (t viewTables) newest() (n int64) {
	for _, w := range t.written {
		n = max(n, w)
	}
	return n
}

// Held is follow.Store.
func (v *Views) Held(context.Context) (map[ident.RoomID]time.Time, error) {
	v.mu.Lock()
	defer v.mu.Unlock()
	out := map[ident.RoomID]time.Time{}
	for _, p := range v.parked {
		if since, already := out[p.Room]; p.HealedAt.IsZero() && (!already || p.since.Before(since)) {
			out[p.Room] = p.since
		}
	}
	return out, nil
}

// Prove is follow.Witness. Nobody else can be the projector of a process's own memory.
func (v *Views) Prove(_ context.Context, c proof.Claim) error {
	v.mu.Lock()
	defer v.mu.Unlock()
	if c.At.After(v.proven.At) {
		v.proven = proof.Claim{Seq: c.Seq, At: c.At.UTC().Truncate(time.Millisecond)}
	}
	return nil
}

// Drain says whether the operators want readers here; it outlives everything but the store.
func (v *Views) Drain(_ context.Context, drained bool) error {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.drained = drained
	return nil
}
