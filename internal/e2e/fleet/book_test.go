package fleet

import (
	"fmt"
	"math/rand/v2"
	"sync"
	"time"
)

// state is what the book remembers of a room at one of its versions.
type state struct {
	version int64
	title   string
	live    bool
}

// deed is what an operation does to a room.
type deed string

const (
	creates deed = "create"
	renames deed = "rename"
	starts  deed = "start"
	stops   deed = "stop"
	keys    deed = "key"  // makes a stream key, which changes nothing that viewers see
	reads   deed = "read" // strongly: from B, or from C at least the newest version that anybody was answered
)

// fate is what is known of an operation.
type fate int

const (
	unknown fate = iota // nobody was answered yet
	acknowledged
	refused // by a fault that says that nothing has happened
)

// operation is a command or a strong read, by whatever attempts it was answered.
type operation struct {
	id    string // the Idempotency-Key, and the cause of the event it makes
	deed  deed
	room  int64  // 0: a creation that was not answered yet
	title string // that it asks for
	fate  fate
	after state // acknowledged: the room as it was answered
	key   int64 // that it made
	// When it was begun and answered, since the beginning of the book.
	called, returned time.Duration
}

// book notes what everybody was answered. Its methods may be called from any goroutine.
type book struct {
	began time.Time

	mu    sync.Mutex
	all   map[string]*operation // commands, by id
	row   []*operation          // operations of this row
	rooms []int64               // in the order of creation
	// acks are the versions of each room with the time of their acknowledgement, both growing; known also counts what was read.
	acks  map[int64][]ack
	known map[int64]int64
	lies  []string
}

// ack is that a room's version was acknowledged.
type ack struct {
	version int64
	at      time.Duration
}

func newBook() *book {
	return &book{began: time.Now(), all: map[string]*operation{}, acks: map[int64][]ack{}, known: map[int64]int64{}}
}

func (b *book) now() time.Duration { return time.Since(b.began) }

// begin notes that an operation is on its way.
func (b *book) begin(o *operation) {
	b.mu.Lock()
	defer b.mu.Unlock()
	o.called = b.now()
	b.row = append(b.row, o)
	if o.deed != reads {
		b.all[o.id] = o
	}
}

// answered notes what came of it.
func (b *book) answered(o *operation, room int64, after state) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if o.deed == creates {
		b.rooms = append(b.rooms, room)
	}
	o.room, o.after, o.fate, o.returned = room, after, acknowledged, b.now()
	b.known[room] = max(b.known[room], after.version)
	if list := b.acks[room]; len(list) == 0 || list[len(list)-1].version < after.version {
		b.acks[room] = append(list, ack{after.version, o.returned})
	}
}

// refuse notes that it did nothing.
func (b *book) refuse(o *operation) {
	b.mu.Lock()
	defer b.mu.Unlock()
	o.fate, o.returned = refused, b.now()
}

// minted notes that a key was made.
func (b *book) minted(o *operation, key int64) {
	b.mu.Lock()
	defer b.mu.Unlock()
	o.key, o.fate, o.returned = key, acknowledged, b.now()
}

// newest is the newest version of the room that anybody was answered.
func (b *book) newest(room int64) int64 {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.known[room]
}

// owed is the version that was acknowledged at that time.
func (b *book) owed(room int64, at time.Duration) (version int64) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for list := b.acks[room]; len(list) > 0; list = list[:len(list)-1] {
		if last := list[len(list)-1]; last.at < at {
			return last.version
		}
	}
	return 0
}

// lie notes an answer that no fault excuses.
func (b *book) lie(format string, args ...any) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.lies = append(b.lies, fmt.Sprintf(format, args...))
}

// crowded is how many rooms get most of the commands: several broadcasters at once write to each.
const crowded = 16

// pick is any room, mostly a newer one; 0 while there is none.
func (b *book) pick(dice *rand.Rand) int64 {
	b.mu.Lock()
	defer b.mu.Unlock()
	n := len(b.rooms)
	switch {
	case n == 0:
		return 0
	case n > crowded && dice.IntN(4) > 0:
		return b.rooms[n-1-dice.IntN(crowded)]
	}
	return b.rooms[dice.IntN(n)]
}

// some are up to that many different rooms.
func (b *book) some(dice *rand.Rand, most int) []int64 {
	b.mu.Lock()
	defer b.mu.Unlock()
	var out []int64
	for _, i := range dice.Perm(len(b.rooms))[:min(most, len(b.rooms))] {
		out = append(out, b.rooms[i])
	}
	return out
}

// page begins the book of another row, and returns what was noted for the last one.
func (b *book) page() (row []*operation, lies []string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	row, lies = b.row, b.lies
	b.row, b.lies = nil, nil
	return row, lies
}

// open are the commands that nobody was answered yet.
func (b *book) open() (out []*operation) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, o := range b.row {
		if o.fate == unknown && o.deed != reads {
			out = append(out, o)
		}
	}
	return out
}

// minted keys by room, and all commands, for the audit.
func (b *book) commands() map[string]*operation {
	b.mu.Lock()
	defer b.mu.Unlock()
	out := make(map[string]*operation, len(b.all))
	for id, o := range b.all {
		out[id] = o
	}
	return out
}
