package speak

import (
	"math"
	"sync"
	"time"

	"github.com/greenroomlive/greenroom/internal/core/ident"
	"github.com/greenroomlive/greenroom/internal/core/view"
)

// people are all users of all rooms of whom something holds. Ten million must fit, and nearly all are mutes that no
// question ever meets: an entry is 16 bytes and holds no pointer, so that the collector never looks at it.
type people struct {
	shards  [shards]shard
	reasons reasons
}

// shards keeps who tells from making all who ask wait.
const shards = 64

type shard struct {
	mu      sync.RWMutex
	entries map[whom]entry
	_       [32]byte // two shards share no cache line
}

type whom struct {
	room ident.RoomID
	user ident.UserID
}

// entry is what holds of a user in a room.
type entry struct {
	muteUntil, banUntil, roleUntil moment
	// tag is the role in the low byte, and above it the number of the reason of the ban, else of the mute.
	tag uint32
}

// moment is a second since 1970, rounded up: nothing ends early.
type moment uint32

const (
	never   moment = 0              // it does not hold
	forever moment = math.MaxUint32 // until it is lifted
)

func momentOf(t time.Time) moment {
	if t.IsZero() {
		return forever
	}
	s := t.Unix()
	if t.Nanosecond() > 0 {
		s++
	}
	return moment(min(max(s, 1), int64(forever)))
}

// time is the moment; zero for one without an end.
func (m moment) time() time.Time {
	if m == never || m == forever {
		return time.Time{}
	}
	return time.Unix(int64(m), 0).UTC()
}

// holds reports whether what ends then holds at now.
func (m moment) holds(now time.Time) bool {
	return m == forever || m != never && now.Unix() < int64(m)
}

func (e entry) bans(now time.Time) bool  { return e.banUntil.holds(now) }
func (e entry) mutes(now time.Time) bool { return e.muteUntil.holds(now) }

func (e entry) role(now time.Time) view.Role {
	if !e.roleUntil.holds(now) {
		return view.Viewer
	}
	return view.Role(e.tag & 0xff)
}

func newPeople() *people {
	p := &people{}
	p.clear()
	return p
}

// clear forgets everybody.
func (p *people) clear() {
	for i := range p.shards {
		s := &p.shards[i]
		s.mu.Lock()
		s.entries = map[whom]entry{}
		s.mu.Unlock()
	}
}

func (p *people) shard(w whom) *shard {
	h := (uint64(w.room)*0x9e3779b97f4a7c15 ^ uint64(w.user)) * 0xd6e8feb86659fd93
	return &p.shards[h>>58]
}

// find is what holds of a user in a room; the zero entry when nothing does.
func (p *people) find(room ident.RoomID, user ident.UserID) entry {
	w := whom{room, user}
	s := p.shard(w)
	s.mu.RLock()
	e := s.entries[w]
	s.mu.RUnlock()
	return e
}

// put replaces what holds of a user in a room.
func (p *people) put(room ident.RoomID, who *view.Person) {
	w := whom{room, who.User}
	s := p.shard(w)
	if who.Plain() {
		s.mu.Lock()
		delete(s.entries, w)
		s.mu.Unlock()
		return
	}
	var e entry
	reason := ""
	if who.Role != view.Viewer {
		e.roleUntil = momentOf(who.RoleUntil)
	}
	if who.Mute != nil {
		e.muteUntil, reason = momentOf(who.Mute.Until), who.Mute.Reason
	}
	if who.Ban != nil {
		e.banUntil, reason = momentOf(who.Ban.Until), who.Ban.Reason
	}
	e.tag = uint32(who.Role) | p.reasons.number(reason)<<8
	s.mu.Lock()
	s.entries[w] = e
	s.mu.Unlock()
}

// count is how many entries there are.
func (p *people) count() (n int) {
	for i := range p.shards {
		s := &p.shards[i]
		s.mu.RLock()
		n += len(s.entries)
		s.mu.RUnlock()
	}
	return n
}

func (p *people) reason(e entry) string { return p.reasons.text(e.tag >> 8) }

// reasons numbers texts: a raid of ten thousand is muted for one reason.
type reasons struct {
	mu      sync.RWMutex
	numbers map[string]uint32
	texts   []string
}

// maxReasons bounds the texts that are kept; who is muted for yet another one hears none. Number 0 is that.
const maxReasons = 1 << 16

func (r *reasons) number(text string) uint32 {
	if text == "" {
		return 0
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	n, known := r.numbers[text]
	if known {
		return n
	}
	if len(r.texts) == 0 {
		r.numbers, r.texts = map[string]uint32{}, []string{""}
	}
	if len(r.texts) == maxReasons {
		return 0
	}
	n = uint32(len(r.texts))
	r.numbers[text], r.texts = n, append(r.texts, text)
	return n
}

func (r *reasons) text(n uint32) string {
	if n == 0 {
		return ""
	}
	r.mu.RLock()
	defer r.mu.RUnlock()
	return r.texts[n]
}
