// Package ident holds the typed identities of Greenroom and mints new ones.
//
// All of them are 64-bit and positive; zero means "none". In JSON they are strings.
// The package is pure: a Minter is given the time, it never reads a clock.
package ident

import (
	"strconv"
	"sync"
	"time"
)

// RoomID names a room. Ids sort by creation time.
type RoomID int64

// AreaTree is the id under which the area tree travels through the log: it is an
// aggregate with a version of its own, but no room.
const AreaTree RoomID = 0

// Platform is the id under which travels what holds in all rooms: it shares the aggregate, and so the version, with
// the area tree.
const Platform = AreaTree

// AnchorID names the owner of rooms, a user of the platform around us.
type AnchorID int64

// UserID names a user of the platform around us; an anchor is one.
type UserID int64

// AreaID names a node of the area tree.
type AreaID int64

// SessionID names one broadcast.
type SessionID int64

// KeyID names a stream key; it is not secret.
type KeyID int64

// ProposalID names an intervention that waits for a second person.
type ProposalID int64

// PlanID names a planned broadcast, or a series of them.
type PlanID int64

// Epoch is the fencing token of a room's sessions: +1 for each.
type Epoch int64

// Version counts the changes of one room, from 1.
type Version int64

// FeedSeq is a position in the feed: given in commit order, from 1, without gaps.
type FeedSeq int64

func (id RoomID) String() string     { return strconv.FormatInt(int64(id), 10) }
func (id AnchorID) String() string   { return strconv.FormatInt(int64(id), 10) }
func (id UserID) String() string     { return strconv.FormatInt(int64(id), 10) }
func (id AreaID) String() string     { return strconv.FormatInt(int64(id), 10) }
func (id SessionID) String() string  { return strconv.FormatInt(int64(id), 10) }
func (id KeyID) String() string      { return strconv.FormatInt(int64(id), 10) }
func (id PlanID) String() string     { return strconv.FormatInt(int64(id), 10) }
func (id ProposalID) String() string { return strconv.FormatInt(int64(id), 10) }
func (v Version) String() string     { return strconv.FormatInt(int64(v), 10) }
func (s FeedSeq) String() string     { return strconv.FormatInt(int64(s), 10) }

// ParseRoomID reads the decimal form; false for anything but a positive number.
func ParseRoomID(s string) (RoomID, bool) {
	n, err := strconv.ParseInt(s, 10, 64)
	return RoomID(n), err == nil && n > 0
}

// Layout of a minted id: 41 bits of milliseconds, 10 bits of node, 12 bits of sequence.
const (
	nodeBits = 10
	seqBits  = 12
)

// genesis is subtracted from the time so that 41 bits last until 2095.
var genesis = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC).UnixMilli()

// Minter mints sortable ids, unique as long as no two minters share a node number.
// Safe for concurrent use. A clock that steps back does not repeat ids: the minter
// stays at the latest millisecond it has seen and counts on from there.
type Minter struct {
	node int64

	mu   sync.Mutex
	last int64 // (ms << seqBits) | seq of the newest id
}

// NewMinter makes a minter for node, 0 to 1023; higher bits are cut off.
func NewMinter(node int) *Minter {
	return &Minter{node: int64(node) & (1<<nodeBits - 1)}
}

// Mint returns the next id at now.
func (m *Minter) Mint(now time.Time) int64 {
	m.mu.Lock()
	defer m.mu.Unlock()
	at := (now.UnixMilli() - genesis) << seqBits
	// More than 4,096 ids in a millisecond borrow from the next one.
	m.last = max(m.last+1, at)
	ms, seq := m.last>>seqBits, m.last&(1<<seqBits-1)
	return ms<<(nodeBits+seqBits) | m.node<<seqBits | seq
}
