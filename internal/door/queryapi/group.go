package queryapi

import (
	"encoding/binary"
	"slices"

	"github.com/greenroomlive/greenroom/internal/core/ident"
	"github.com/greenroomlive/greenroom/internal/flow/feed"
)

// fewRooms is how many rooms a filter may have to be found through each of them. Wider ones are asked
// about each event instead: an index of a thousand rooms for each of many clients takes more memory
// than they do.
const fewRooms = 16

// group is the followers of a shard who want the same events in the same shape, and have had all of
// them: what is written to one is written to all.
type group struct {
	key     string
	filter  feed.Filter
	shape   shape
	members []*follower
	// size counts also those who are behind and will be members.
	size int
	// due is what they are to get of the events at hand.
	due []*feed.Frame
	// said is the second in which they were last told anything.
	said int64
}

// leave takes out the member at i; another one takes its place.
func (g *group) leave(i int) {
	last := len(g.members) - 1
	g.members[i] = g.members[last]
	g.members[last] = nil
	g.members = g.members[:last]
}

// index finds the groups that an event is for, so that an event of a room touches those who follow it.
type index struct {
	byKey  map[string]*group
	byRoom map[ident.RoomID][]*group
	wide   []*group // all rooms, or many
}

func newIndex() index {
	return index{byKey: map[string]*group{}, byRoom: map[ident.RoomID][]*group{}}
}

// of finds or makes the group of a follower.
func (x *index) of(f *follower) *group {
	filter := f.Filter()
	key := keyOf(filter, f.shape)
	g, ok := x.byKey[string(key)]
	if !ok {
		g = &group{key: string(key), filter: filter, shape: f.shape}
		x.byKey[g.key] = g
		for _, id := range g.narrow() {
			x.byRoom[id] = append(x.byRoom[id], g)
		}
		if len(g.narrow()) == 0 {
			x.wide = append(x.wide, g)
		}
	}
	return g
}

// narrow are the rooms through which a group is found; none when it is asked about each event.
func (g *group) narrow() []ident.RoomID {
	if len(g.filter.Rooms) > fewRooms {
		return nil
	}
	return g.filter.Rooms
}

// drop forgets a group.
func (x *index) drop(g *group) {
	delete(x.byKey, g.key)
	for _, id := range g.narrow() {
		if x.byRoom[id] = without(x.byRoom[id], g); len(x.byRoom[id]) == 0 {
			delete(x.byRoom, id)
		}
	}
	if len(g.narrow()) == 0 {
		x.wide = without(x.wide, g)
	}
}

func without(groups []*group, g *group) []*group {
	i := slices.Index(groups, g)
	return slices.Delete(groups, i, i+1)
}

// sort gives each event to the groups it is for, and returns those that got any.
func (x *index) sort(frames []feed.Frame, touched []*group) []*group {
	for i := range frames {
		f := &frames[i]
		for _, groups := range [2][]*group{x.byRoom[f.Room], x.wide} {
			for _, g := range groups {
				if len(g.members) == 0 || !g.filter.Takes(f) {
					continue
				}
				if len(g.due) == 0 {
					touched = append(touched, g)
				}
				g.due = append(g.due, f)
			}
		}
	}
	return touched
}

// keyOf is equal for followers who get the same bytes.
func keyOf(f feed.Filter, s shape) []byte {
	b := make([]byte, 0, 16+8*len(f.Rooms))
	b = append(b, byte(s.beat))
	if s.sse {
		b[0] |= 0x80
	}
	b = binary.AppendUvarint(b, uint64(len(f.Rooms)))
	for _, id := range f.Rooms {
		b = binary.BigEndian.AppendUint64(b, uint64(id))
	}
	for _, t := range f.Types {
		b = append(append(b, t...), ',')
	}
	return b
}
