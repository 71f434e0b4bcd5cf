package mysqlstore

import (
	"context"
	"sync"

	"github.com/greenroomlive/greenroom/internal/core/event"
	"github.com/greenroomlive/greenroom/internal/core/ident"
)

// order brings the announcements of one room's commits into the order in which this process made them. The database
// orders the commits by the room's lock, but their answers come to goroutines that run as they like.
type order struct {
	mu   sync.Mutex
	last map[ident.RoomID]chan struct{}
}

// place is one commit's, behind the earlier ones of its rooms.
type place struct {
	in     *order
	rooms  []ident.RoomID
	before []chan struct{}
	over   chan struct{}
}

// queue takes the next place of each room of the events. Called with the rooms locked in the database.
func (o *order) queue(events []event.RoomEvent) *place {
	o.mu.Lock()
	defer o.mu.Unlock()
	p := &place{in: o, over: make(chan struct{})}
	for i := range events {
		id := events[i].RoomID
		before := o.last[id]
		if before == p.over {
			continue
		}
		if before != nil {
			p.before = append(p.before, before)
		}
		o.last[id] = p.over
		p.rooms = append(p.rooms, id)
	}
	return p
}

// await waits for the places before this one. A commit whose answer is lost gives its place up when it learns that,
// and nobody waits for it beyond the own deadline.
func (p *place) await(ctx context.Context) {
	for _, before := range p.before {
		select {
		case <-before:
		case <-ctx.Done():
		}
	}
}

// leave lets the next ones go on. Without a place there is nothing to leave.
func (p *place) leave() {
	if p == nil {
		return
	}
	p.in.mu.Lock()
	defer p.in.mu.Unlock()
	close(p.over)
	for _, id := range p.rooms {
		if p.in.last[id] == p.over {
			delete(p.in.last, id)
		}
	}
}
