package room

import (
	"time"

	"github.com/greenroomlive/greenroom/internal/core/ident"
	"github.com/greenroomlive/greenroom/internal/core/view"
)

// EndReason says why a session ended.
type EndReason uint8

// The closed set of end reasons; the numbers are those of the proto enum.
const (
	NotEnded EndReason = iota
	AnchorStopped
	Unpublished
	LeaseExpired
	EndedByCut
	EndedByLock
	TakenOver
)

var endReasonNames = [...]string{"NONE", "ANCHOR_STOPPED", "UNPUBLISHED", "LEASE_EXPIRED", "CUT", "LOCKED", "TAKEN_OVER"}

func (r EndReason) String() string { return endReasonNames[r] }

// Manual is the media server's name of a broadcast that has none.
const Manual = "manual"

// Publisher is who holds a session: one connection to one media server. A callback speaks
// for a session only if it names the same publisher.
type Publisher struct {
	// MediaServer is the kind: "nginx-rtmp", "srs", "mediamtx" or Manual.
	MediaServer string
	// ClientID is the media server's id of the connection.
	ClientID string
	ClientIP string
	// Key is the stream key it came with; 0 for Manual.
	Key ident.KeyID
}

// same reports whether p and q are one connection.
func (p Publisher) same(q Publisher) bool {
	return p.MediaServer == q.MediaServer && p.ClientID == q.ClientID
}

// Session is one broadcast of a room.
type Session struct {
	ID        ident.SessionID
	Room      ident.RoomID
	Epoch     ident.Epoch
	Status    view.LiveStatus // Idle once ended
	Publisher Publisher
	StartedAt time.Time
	EndedAt   time.Time
	EndReason EndReason
	// LeaseUntil is when the session is interrupted unless its life is proven before; zero for Manual.
	LeaseUntil time.Time
	// GraceUntil is when an interrupted session ends; zero while live.
	GraceUntil time.Time
	// Lost is what the session will have ended by, should the grace run out.
	Lost EndReason

	dirty bool
}

// Due is when time alone changes the session next; zero for never.
func (s *Session) Due() time.Time {
	if s.Status == view.Interrupted {
		return s.GraceUntil
	}
	return s.LeaseUntil
}

// Terms are the two time-outs of a session.
type Terms struct {
	// Lease is how long a session lives without a proof of life.
	Lease time.Duration
	// Grace is how long an interrupted session waits for its publisher to come back.
	Grace time.Duration
}
