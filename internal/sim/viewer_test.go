package sim

import (
	"context"
	"time"

	"github.com/greenroomlive/greenroom/internal/core/ident"
)

// viewer reads in the storm what viewers read, and holds it against two promises: what was shown
// once is never followed by something older, and what is called fresh lacks nothing.
type viewer struct {
	w    *world
	look func() *screen // nil between two lives
	// life is whose answers shown remembers: a process that starts again may begin with an older room_c.
	life  *screen
	shown map[ident.RoomID]ident.Version
	// emptied is which room_c stored remembers.
	emptied int64
	stored  map[ident.RoomID]ident.Version
	// truth is what was committed, newest last.
	truth []moment
}

// moment is what B held at a time.
type moment struct {
	at    time.Time
	rooms map[ident.RoomID]ident.Version
}

// maxMoments bounds how old a claim of freshness can be checked.
const maxMoments = 50

func newViewer(w *world, look func() *screen) *viewer { return &viewer{w: w, look: look} }

func (v *viewer) watch(ctx context.Context) {
	for ctx.Err() == nil {
		pause(ctx, 97*time.Millisecond) // apart from the projector's looks
		v.remember(ctx)
		v.readStored(ctx)
		if s := v.look(); s != nil {
			if s != v.life {
				v.life, v.shown = s, map[ident.RoomID]ident.Version{}
			}
			for id := range v.truth[len(v.truth)-1].rooms {
				v.readShown(ctx, id)
			}
		}
	}
}

func (v *viewer) remember(ctx context.Context) {
	m := moment{clock(), map[ident.RoomID]ident.Version{}}
	list, _ := v.w.rooms.Snapshots(ctx, 0, 1000) // not a life's call: it does not fail
	for _, c := range list {
		m.rooms[c.ID] = c.Version
	}
	v.truth = append(v.truth[max(0, len(v.truth)-maxMoments):], m)
}

// readStored looks into room_c itself.
func (v *viewer) readStored(ctx context.Context) {
	emptied := v.w.emptied.Load()
	if emptied != v.emptied || v.stored == nil {
		v.emptied, v.stored = emptied, map[ident.RoomID]ident.Version{}
	}
	for id := range v.truth[len(v.truth)-1].rooms {
		cards, _ := v.w.views.Cards(ctx, []ident.RoomID{id})
		var version ident.Version
		if len(cards) == 1 {
			version = cards[0].Version
		}
		if version < v.stored[id] && v.w.emptied.Load() == emptied {
			v.w.violated("room %s: room_c went back from version %s to %s", id, v.stored[id], version)
		}
		v.stored[id] = version
	}
}

// readShown asks as a viewer does.
func (v *viewer) readShown(ctx context.Context, id ident.RoomID) {
	s := v.life
	_, parked := s.fresh.Held(id)
	proven := s.fresh.ProvenAt()
	e, err := s.reads.Get(ctx, id, 0)
	if err != nil || s.dead.Load() {
		return
	}
	if e.Version < v.shown[id] {
		v.w.violated("room %s: viewers saw version %s, then %s", id, v.shown[id], e.Version)
	}
	v.shown[id] = max(v.shown[id], e.Version)
	if _, still := s.fresh.Held(id); parked || still {
		return // its age does not follow the proof
	}
	for _, m := range v.truth {
		if m.at.Before(proven) && e.Version < m.rooms[id] {
			v.w.violated("room %s: version %s is shown as fresh at %s, B had version %s at %s", id, e.Version, proven, m.rooms[id], m.at)
			return
		}
	}
}
