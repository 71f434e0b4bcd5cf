package audience

import (
	"encoding/binary"
	"math/rand/v2"
	"sync/atomic"
	"time"

	"github.com/cespare/xxhash/v2"

	"github.com/greenroomlive/greenroom/internal/core/fault"
	"github.com/greenroomlive/greenroom/internal/core/ident"
)

const (
	// SeenWithin is how long a viewer is online after a heartbeat. The slowest viewers beat every 30 s; half as much
	// again forgives a beat that comes late, and not one that never comes.
	SeenWithin = 45 * time.Second
	// NextIn is when a viewer is asked to come again: in the middle of what is allowed, so that crowds that began
	// together may drift apart.
	NextIn = 20 * time.Second
	// MaxViewerID bounds the id of a viewer, in bytes: a UUID with a prefix, or a hash in hex.
	MaxViewerID = 64
	// MaxLikes bounds the likes of one request: what a thumb can do between two of them.
	MaxLikes = 100
	// MaxViewers is how many viewers a node counts at most unless told otherwise: 50,000 heartbeats a second. A viewer takes
	// 40 bytes in a crowd, and with his room 200 where ten watch, 300 where he is alone.
	MaxViewers = 1_000_000
	// shards: with 32, processors seldom want the same one. More would cost memory: a room has a tally in each that
	// one of its viewers is in.
	shards = 32
)

// What is counted, as Config.Count is told.
const (
	Beats     = "heartbeats" // taken, of rooms on air
	OffAir    = "off-air"    // heartbeats and likes for rooms that are not on air
	Refused   = "refused"    // heartbeats of new viewers on a full node
	PagesTold = "pages-told"
	PagesLost = "pages-lost" // not told: the broker is gone or too slow; what they said is said again
	PagesTook = "pages-heard"
	PagesLeft = "pages-dropped" // of other nodes, not taken in: more than wait at a time
	Damaged   = "damaged"       // sketches of other nodes that are none
	Recalled  = "recalled"      // peaks of before this node began
	Forgotten = "forgotten"     // peaks that could not be asked for, or too many at a time
)

// Counts are all that Config.Count may be told of.
var Counts = []string{Beats, OffAir, Refused, PagesTold, PagesLost, PagesTook, PagesLeft, Damaged, Recalled, Forgotten}

// Config is what an Engine needs. Sessions, Sink and Now are required.
type Config struct {
	Sessions Sessions
	Sink     Sink
	// Exchange is the way to the other nodes; nil for a node that is alone.
	Exchange Exchange
	// Past gives peaks back after all nodes have ended; nil: they begin at zero.
	Past Past
	Now  func() time.Time
	// Count is told what happens, in the words above. It must not block; may be nil.
	Count func(what string, n int)
	// MaxViewers is how many viewers this node counts at most; 0 for the default.
	MaxViewers int
}

// Engine counts the audience of one node, and merges what all have counted.
type Engine struct {
	Config
	node   NodeID
	began  time.Time
	shards [shards]shard
	refuse atomic.Int64 // heartbeats refused, and
	offAir atomic.Int64 // those of no use, since the last turn
	online atomic.Int64
	known  atomic.Int64

	inbox  chan *Page
	outbox chan *Page
	// Without a Past nobody asks and nobody answers: both are nil.
	asked, recall chan peak

	merged merger // of Run only
}

// New makes an engine; Run and RunTelling bring it to life.
func New(c Config) *Engine {
	if c.Count == nil {
		c.Count = func(string, int) {}
	}
	if c.MaxViewers <= 0 {
		c.MaxViewers = MaxViewers
	}
	e := &Engine{Config: c, node: NodeID(rand.Uint64() | 1), began: c.Now()}
	e.inbox, e.outbox = make(chan *Page, maxInbox), make(chan *Page, maxOutbox)
	if c.Past != nil {
		e.asked, e.recall = make(chan peak, maxAsked), make(chan peak)
	}
	for i := range e.shards {
		e.shards[i].init(c.MaxViewers/shards + 1)
	}
	e.merged.init(e.node, c.Exchange != nil)
	return e
}

// Beat takes in that a viewer watches a room. False says that the room is not on air, and nothing was counted. The id is
// not kept. INVALID_ARGUMENT for an id that is empty or too long, OVERLOADED for a new viewer on a node that is full.
func (e *Engine) Beat(room ident.RoomID, viewer []byte) (counted bool, err error) {
	if err := CheckViewer(viewer); err != nil {
		return false, err
	}
	session, onAir := e.Sessions.Session(room)
	if !onAir {
		e.offAir.Add(1)
		return false, nil
	}
	hash := xxhash.Sum64(viewer)
	key := keyOf(hash, session)
	if !e.shards[key%shards].beat(key, hash, room, session, e.clock()) {
		e.refuse.Add(1)
		return false, fault.Overloaded.New("this node counts as many viewers as it may")
	}
	return true, nil
}

// Like takes in so many likes of a viewer, 1 to MaxLikes. False says that the room is not on air, and nothing was counted.
// INVALID_ARGUMENT for an id or a number that is out of bounds.
func (e *Engine) Like(room ident.RoomID, viewer []byte, count int64) (counted bool, err error) {
	if err := CheckViewer(viewer); err != nil {
		return false, err
	}
	if count < 1 || count > MaxLikes {
		return false, fault.InvalidArgument.New("count is 1 to %d", MaxLikes).With("field", "count")
	}
	session, onAir := e.Sessions.Session(room)
	if !onAir {
		e.offAir.Add(1)
		return false, nil
	}
	e.shards[keyOf(xxhash.Sum64(viewer), session)%shards].like(room, session, count)
	return true, nil
}

// Online is how many viewers are online at this node, and Known how many sessions of all nodes it knows, as of the last turn.
func (e *Engine) Online() int64 { return e.online.Load() }

// Known is beside Online.
func (e *Engine) Known() int64 { return e.known.Load() }

// CheckViewer is nil for what may be a viewer's id, INVALID_ARGUMENT otherwise.
func CheckViewer[T string | []byte](id T) error {
	if len(id) < 1 || len(id) > MaxViewerID {
		return fault.InvalidArgument.New("viewer_id has 1 to %d bytes", MaxViewerID).With("field", "viewer_id")
	}
	return nil
}

// keyOf is a viewer in a session: in the room's next one he is another, and nothing has to be cleared. Sixty-four bits: of a
// million viewers, two share a key once in some forty million sessions.
func keyOf(hash uint64, session ident.SessionID) uint64 {
	var b [16]byte
	binary.LittleEndian.PutUint64(b[:], hash)
	binary.LittleEndian.PutUint64(b[8:], uint64(session))
	return xxhash.Sum64(b[:])
}

// clock is the time of the shards: milliseconds, which begin anew after seven weeks. What is compared is never further
// apart than a minute.
func (e *Engine) clock() millis { return millis(e.Now().Sub(e.began).Milliseconds()) }
