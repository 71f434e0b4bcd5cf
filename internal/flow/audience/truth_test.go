package audience_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/greenroomlive/greenroom/internal/core/view"
	"github.com/greenroomlive/greenroom/internal/flow/audience"
)

// between is the time between two heartbeats.
const between = 20 * time.Second

// truth is what really happened in room 7: it knows each viewer, and no sketch, shard or page.
type truth struct {
	*fleet
	rnd     *rand.Rand
	alive   []*node
	present map[string]*node // where each watches
	ever    map[string]bool
	beaten  map[string]map[*node]time.Time
	watch   time.Duration
	likes   int64
	online  int // the most
}

func (w *truth) beat() {
	w.online = max(w.online, len(w.present))
	for viewer, at := range w.present {
		at.beat(w.t, 7, viewer)
		if w.beaten[viewer] == nil {
			w.beaten[viewer] = map[*node]time.Time{}
		}
		if last, seen := w.beaten[viewer][at]; seen && time.Since(last) <= audience.SeenWithin {
			w.watch += time.Since(last)
		}
		w.beaten[viewer][at], w.ever[viewer] = time.Now(), true
	}
}

func (w *truth) anyNode() *node { return w.alive[w.rnd.IntN(len(w.alive))] }

// happens is what happens to one viewer, or to a node, between two heartbeats.
func (w *truth) happens() {
	viewer := fmt.Sprint("viewer ", w.rnd.IntN(40))
	switch what := w.rnd.IntN(10); {
	case what < 4: // comes, or goes to another node
		w.present[viewer] = w.anyNode()
	case what < 7:
		delete(w.present, viewer)
	case what < 9:
		count := w.rnd.Int64N(audience.MaxLikes) + 1
		if _, err := w.anyNode().Like(7, []byte(viewer), count); err != nil {
			w.t.Fatal(err)
		}
		w.likes += count
	case w.rnd.IntN(2) == 0 && len(w.alive) < 6:
		w.alive = append(w.alive, w.join())
	}
}

// die ends a node. It has told all: what it could not is the interval that may be lost.
func (w *truth) die() {
	i := w.rnd.IntN(len(w.alive))
	dead := w.alive[i]
	w.alive = slices.Delete(w.alive, i, i+1)
	dead.kill()
	for viewer, at := range w.present {
		if at == dead {
			w.present[viewer] = w.anyNode()
		}
	}
}

func (w *truth) check() {
	first := w.alive[0].of(70)
	want := view.Count{
		Online: int64(len(w.present)), Peak: first.Peak, Likes: w.likes,
		Unique: int64(len(w.ever)), WatchSeconds: int64(w.watch / time.Second),
	}
	for _, n := range w.alive {
		is(w.t, n.of(70), want)
	}
	if first.Peak < int64(w.online) {
		w.t.Errorf("the peak is %d, and %d were there", first.Peak, w.online)
	}
}

func TestAnyEveningIsCountedAsItWas(t *testing.T) {
	for seed := range uint64(20) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			bubble(t, 3, func(t *testing.T, f *fleet) {
				w := &truth{
					fleet: f, rnd: rand.New(rand.NewPCG(5, seed)), alive: slices.Clone(f.nodes),
					present: map[string]*node{}, ever: map[string]bool{}, beaten: map[string]map[*node]time.Time{},
				}
				for range 20 {
					for range w.rnd.IntN(20) {
						w.happens()
					}
					w.beat()
					pass(between)
					if len(w.alive) > 1 && w.rnd.IntN(4) == 0 {
						w.die()
					}
				}
				for range 4 { // nobody moves, until whoever left is forgotten
					w.beat()
					pass(between)
				}
				w.check()
			})
		})
	}
}
