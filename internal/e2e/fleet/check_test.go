package fleet

import (
	"fmt"
	"maps"
	"slices"
)

// event is a line of the feed, as far as the checker cares.
type event struct {
	Seq      int64  `json:"feed_seq,string"`
	Room     int64  `json:"room_id,string"`
	Version  int64  `json:"version,string"`
	Previous int64  `json:"prev_version,string"`
	ID       string `json:"id"`
	Cause    string `json:"cause"`
	Epoch    string `json:"epoch"`
	Snapshot struct {
		Title string `json:"title"`
		Live  struct {
			Status string `json:"status"`
		} `json:"live"`
	} `json:"snapshot"`
}

func (e *event) state() state {
	return state{e.Version, e.Snapshot.Title, e.Snapshot.Live.Status == onAir}
}

const onAir = "LIVE"

// findings is what the checker found wrong.
type findings struct {
	// lost are acknowledged commands that left nothing behind, invented what nobody asked for or asked for once.
	lost, invented []string
	// Events, in the log or at a subscriber.
	missing, repeated, reordered []string
	// differ are rooms that some node shows otherwise than B after the time allowed.
	differ []string
	// lies are answers older than they say, or older than the node's last one.
	lies []string
	// strange is a room whose history is not linearizable.
	strange []string
}

// all are the findings by what they are called.
func (f *findings) all() map[string][]string {
	return map[string][]string{
		"lost": f.lost, "invented": f.invented, "events lost": f.missing, "events repeated": f.repeated,
		"events reordered": f.reordered, "views differ": f.differ, "lies": f.lies, "not linearizable": f.strange,
	}
}

func note(list *[]string, format string, args ...any) {
	*list = append(*list, fmt.Sprintf(format, args...))
}

// checkLog holds the complete feed against what is committed and what was acknowledged.
func (f *findings) checkLog(log []event, committed map[int64]state, commands map[string]*operation) {
	f.checkOrder("the log", log)
	reached, made, at := map[int64]int64{}, map[string]bool{}, map[int64]map[int64]state{}
	for i := range log {
		e := &log[i]
		reached[e.Room] = max(reached[e.Room], e.Version)
		if e.Room == 0 {
			continue // the area tree, which greenroom plants itself
		}
		if at[e.Room] == nil {
			at[e.Room] = map[int64]state{}
		}
		at[e.Room][e.Version] = e.state()
		o := commands[e.Cause]
		switch {
		case o == nil || o.fate == refused:
			note(&f.invented, "event %s is of command %q, which was refused or never sent", e.ID, e.Cause)
		case made[e.Cause]:
			note(&f.invented, "command %s made a second event, %s", e.Cause, e.ID)
		}
		made[e.Cause] = true
	}
	for room, now := range committed {
		if reached[room] != now.version {
			note(&f.missing, "room %d is committed at version %d, the log ends at %d", room, now.version, reached[room])
		}
	}
	for _, id := range slices.Sorted(maps.Keys(commands)) {
		f.checkPromise(commands[id], committed, at, made)
	}
}

// checkPromise looks for what an acknowledged command left behind.
func (f *findings) checkPromise(o *operation, committed map[int64]state, at map[int64]map[int64]state, made map[string]bool) {
	if o.fate != acknowledged || o.deed == keys {
		return
	}
	switch was, found := at[o.room][o.after.version]; {
	case committed[o.room].version < o.after.version:
		note(&f.lost, "%s %s made version %d of room %d, which is committed at %d", o.deed, o.id, o.after.version, o.room, committed[o.room].version)
	case !found || was != o.after:
		note(&f.lost, "%s %s was answered with %+v of room %d, the log has %+v", o.deed, o.id, o.after, o.room, was)
	case (o.deed == creates || o.deed == renames) && !made[o.id]: // a start or a stop may have found things as they should be
		note(&f.lost, "%s %s was acknowledged and made no event", o.deed, o.id)
	}
}

// checkOrder holds events against the promise of a feed: no gap, no repeat, in order, as a whole and for each room.
func (f *findings) checkOrder(who string, events []event) {
	seen, versions := map[int64]bool{}, map[int64]int64{}
	last := int64(0)
	for i := range events {
		e := &events[i]
		switch {
		case seen[e.Seq]:
			note(&f.repeated, "%s has event %d twice", who, e.Seq)
			continue
		case e.Seq < last:
			note(&f.reordered, "%s has event %d after %d", who, e.Seq, last)
		case e.Seq > last+1:
			note(&f.missing, "%s has event %d after %d", who, e.Seq, last)
		}
		switch at := versions[e.Room]; {
		case e.Version <= at:
			note(&f.reordered, "%s has version %d of room %d after %d", who, e.Version, e.Room, at)
		case e.Version > at+1 || e.Previous != at:
			note(&f.missing, "%s has version %d (after %d) of room %d after %d", who, e.Version, e.Previous, e.Room, at)
		}
		seen[e.Seq] = true
		last, versions[e.Room] = max(last, e.Seq), max(versions[e.Room], e.Version)
	}
}

// checkFollower holds what a subscriber got against the log.
func (f *findings) checkFollower(who string, got, log []event) {
	f.checkOrder(who, got)
	if len(got) < len(log) {
		note(&f.missing, "%s has %d events, the log has %d", who, len(got), len(log))
	}
	for i := range min(len(got), len(log)) {
		if got[i] != log[i] {
			note(&f.reordered, "%s has %+v in place %d, the log %+v", who, got[i], i, log[i])
			return
		}
	}
	if len(got) > len(log) {
		note(&f.repeated, "%s has %d events, the log has %d", who, len(got), len(log))
	}
}
