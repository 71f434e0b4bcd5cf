package sim

import (
	"context"
	"fmt"
	"time"

	"github.com/greenroomlive/greenroom/internal/core/ident"
	"github.com/greenroomlive/greenroom/internal/core/room"
	"github.com/greenroomlive/greenroom/internal/flow/command"
	"github.com/greenroomlive/greenroom/internal/guard/switches"
)

// holder is who was last told that it may publish.
type holder struct {
	client string
	// until is when its lease ends if nothing more was heard of it.
	until time.Time
	// released: something was sent that may have ended or interrupted its session.
	released bool
}

// acknowledge remembers what a command was answered.
func (w *world) acknowledge(id string, r *room.Room) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.acks = append(w.acks, ack{id, r.ID, r.Version})
}

// open makes a room with a key.
func (w *world) open(ctx context.Context, d *dice) {
	policy := room.PublisherPolicy(d.intN(2))
	r, id, err := try(ctx, w, d, func(l *life, m command.Meta) (*room.Room, error) {
		return l.Anchor.CreateRoom(ctx, m, 1, room.Description{Title: "room " + m.CommandID, Tags: []string{"sim"}, Policy: policy})
	})
	if err != nil {
		return
	}
	w.acknowledge(id, r)
	key, _, err := try(ctx, w, d, func(l *life, m command.Meta) (command.NewKey, error) {
		return l.Anchor.CreateKey(ctx, m, r.ID, "")
	})
	if err != nil {
		return
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.known = append(w.known, r.ID)
	w.keys[r.ID], w.policies[r.ID] = key.Shown, policy
}

func (w *world) pick(d *dice) (ident.RoomID, bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if len(w.known) == 0 {
		return 0, false
	}
	return w.known[d.intN(len(w.known))], true
}

// anchor edits rooms, starts and stops them by hand, and moves areas.
func (w *world) anchor(ctx context.Context, d *dice) {
	for n := 0; ctx.Err() == nil; n++ {
		pause(ctx, time.Duration(d.intN(1500))*time.Millisecond)
		id, ok := w.pick(d)
		if !ok {
			continue
		}
		switch d.intN(7) {
		case 0, 1, 2:
			title := fmt.Sprintf("title %d", d.intN(1000))
			w.do(ctx, d, func(l *life, m command.Meta) (*room.Room, error) {
				return l.Anchor.UpdateRoom(ctx, m, id, room.Patch{Title: &title})
			})
		case 3:
			w.stop(ctx, d, id)
		case 4:
			w.do(ctx, d, func(l *life, m command.Meta) (*room.Room, error) {
				w.release(id) // a take-over
				return l.Anchor.StartRoom(ctx, m, id)
			})
			w.stop(ctx, d, id)
		case 5:
			name := fmt.Sprintf("area %d", d.intN(1_000_000))
			_, _, _ = try(ctx, w, d, func(l *life, m command.Meta) (struct{}, error) {
				_, err := l.Anchor.CreateArea(ctx, m, 0, name)
				return struct{}{}, err
			})
		case 6:
			w.rotate(ctx, d, id)
		}
	}
}

// rotate makes the room's key a new one; the old one opens nothing from then on.
func (w *world) rotate(ctx context.Context, d *dice, id ident.RoomID) {
	old := w.keyOf(id)
	oldID, _ := room.ParseKeyID(old)
	next, _, err := try(ctx, w, d, func(l *life, m command.Meta) (command.NewKey, error) {
		return l.Anchor.RotateKey(ctx, m, id, oldID, 0)
	})
	if err != nil {
		return // somebody else rotated it
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.keys[id], w.retired[id] = next.Shown, old
}

// stop ends whatever runs. Each attempt may end another session than the one before.
func (w *world) stop(ctx context.Context, d *dice, id ident.RoomID) {
	w.do(ctx, d, func(l *life, m command.Meta) (*room.Room, error) {
		w.release(id)
		return l.Anchor.StopRoom(ctx, m, id)
	})
	w.release(id)
}

func (w *world) do(ctx context.Context, d *dice, command func(*life, command.Meta) (*room.Room, error)) {
	if r, id, err := try(ctx, w, d, command); err == nil {
		w.acknowledge(id, r)
	}
}

func (w *world) release(id ident.RoomID) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if h := w.holders[id]; h != nil {
		h.released = true
	}
}

// encoder publishes, again and again, under client names of its own. It renews while it publishes; it
// leaves with an unpublish that may get lost, or dies without one.
func (w *world) encoder(ctx context.Context, name int) {
	d := newDice(w.seed, fmt.Sprint("encoder ", name))
	for n := 0; ctx.Err() == nil; n++ {
		pause(ctx, time.Duration(d.intN(4000))*time.Millisecond)
		id, ok := w.pick(d)
		if !ok {
			continue
		}
		if d.intN(4) == 0 {
			w.knock(ctx, id)
		}
		client := fmt.Sprintf("encoder-%d-%d", name, n)
		p := command.Publishing{Stream: id.String(), Key: w.keyOf(id), Publisher: room.Publisher{MediaServer: "nginx-rtmp", ClientID: client}}
		if w.publish(ctx, id, p) {
			w.broadcast(ctx, d, id, p)
		}
	}
}

// knock tries the room's retired key.
func (w *world) knock(ctx context.Context, id ident.RoomID) {
	w.mu.Lock()
	old := w.retired[id]
	w.mu.Unlock()
	l := w.alive()
	if old == "" || l == nil {
		return
	}
	p := command.Publishing{Stream: old, Publisher: room.Publisher{MediaServer: "nginx-rtmp", ClientID: "old key"}}
	if _, err := l.Anchor.GoLive(ctx, command.Meta{}, p); err == nil {
		w.violated("room %s: a key that was rotated away opened it", id)
	}
}

func (w *world) keyOf(id ident.RoomID) string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.keys[id]
}

// publish asks once, as a media server does; true when it was allowed.
func (w *world) publish(ctx context.Context, id ident.RoomID, p command.Publishing) bool {
	l := w.alive()
	if l == nil {
		return false
	}
	asked := clock()
	meta := command.Meta{Caller: command.Caller{Subject: "nginx-rtmp"}}
	r, err := l.Anchor.GoLive(ctx, meta, p)
	if err != nil {
		// It may have happened all the same: the room's session may be this client's now.
		w.release(id)
		return false
	}
	w.note("live room %s client %s version %s", id, p.Publisher.ClientID, r.Version)
	w.mu.Lock()
	h, policy := w.holders[id], w.policies[id]
	w.holders[id] = &holder{client: p.Publisher.ClientID, until: asked.Add(terms.Lease)}
	w.mu.Unlock()
	if h != nil && policy == room.Reject && !h.released && h.client != p.Publisher.ClientID && asked.Before(h.until) {
		w.violated("room %s: %s was let in while %s held it until %s", id, p.Publisher.ClientID, h.client, h.until)
	}
	return true
}

// broadcast renews until the encoder leaves, dies, or is told that its session is over.
func (w *world) broadcast(ctx context.Context, d *dice, id ident.RoomID, p command.Publishing) {
	meta := command.Meta{Caller: command.Caller{Subject: "nginx-rtmp"}}
	for beats := d.intN(12); beats > 0 && ctx.Err() == nil; beats-- {
		pause(ctx, time.Second)
		l := w.alive()
		if l == nil {
			continue
		}
		asked, late := clock(), w.succeeded(id, p)
		if _, err := l.Anchor.Renew(ctx, meta, p); err != nil {
			continue
		}
		w.mu.Lock()
		if h := w.holders[id]; h != nil && h.client == p.Publisher.ClientID {
			h.until = asked.Add(terms.Lease)
		}
		w.mu.Unlock()
		if late {
			w.violated("room %s: %s renewed a session that is another's", id, p.Publisher.ClientID)
		}
	}
	if d.intN(3) == 0 {
		return // died: no callback
	}
	if d.intN(3) == 0 {
		pause(ctx, time.Duration(d.intN(12_000))*time.Millisecond) // the callback is late, others may be live
	}
	for repeats := 1 + d.intN(2); repeats > 0; repeats-- {
		late := w.succeeded(id, p)
		if !late {
			w.release(id)
		}
		if l := w.alive(); l != nil {
			if _, err := l.Anchor.Unpublish(ctx, meta, p); err == nil && late {
				w.violated("room %s: the late callback of %s interrupted another's session", id, p.Publisher.ClientID)
			}
		}
	}
}

// succeeded reports whether another publisher was let in after p: then p never holds the room again.
func (w *world) succeeded(id ident.RoomID, p command.Publishing) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	h := w.holders[id]
	return h != nil && h.client != p.Publisher.ClientID
}

// operator turns the couriers' switches now and then, and leaves them as they are in the end: with both off the views
// must be right all the same.
func (w *world) operator(ctx context.Context) {
	d := newDice(w.seed, "operator")
	for all := switches.Registry(); ctx.Err() == nil; {
		pause(ctx, time.Duration(500+d.intN(15_000))*time.Millisecond)
		turn := switches.Turn{Name: all[d.intN(len(all))].Name, On: d.intN(2) == 0, By: "operator", Reason: "to see what happens"}
		if _, err := w.switches.Turn(ctx, turn, 0); err != nil {
			w.violated("a switch cannot be turned: %v", err)
		}
		w.note("%s: %t", turn.Name, turn.On)
	}
}

// vandal wipes the broker, loses room_c, rebuilds it and prunes the log, now and then.
func (w *world) vandal(ctx context.Context) {
	d := newDice(w.seed, "vandal")
	for ctx.Err() == nil {
		pause(ctx, time.Duration(1000+d.intN(20_000))*time.Millisecond)
		switch d.intN(5) {
		case 0:
			w.note("broker wiped")
			w.bus.Wipe()
		case 1:
			w.note("room_c lost")
			w.views.Lose()
		case 2:
			if l := w.alive(); l != nil && l.Projector.BeginRebuild() {
				w.note("rebuild")
				_ = l.Projector.Rebuild(ctx) // it may fail in this weather; what counts is what viewers see
			}
		case 3:
			id, ok := w.pick(d)
			if !ok || d.intN(2) == 0 {
				id = ident.RoomID(d.intN(5)) // of the area tree, or of a room that never was
			}
			w.bus.PublishRaw(id, []byte("not an event"))
		case 4:
			if at := w.followed(); at != 0 {
				w.note("log pruned") // behind the followers: what room_c lacks of it comes by state transfer only
				_, _ = w.rooms.Prune(ctx, time.Unix(0, at), time.Time{})
			}
		}
	}
}
