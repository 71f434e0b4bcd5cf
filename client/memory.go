package greenroom

import (
	"strconv"
	"sync"

	"google.golang.org/protobuf/proto"
)

// Monotonic makes the client never return an older version of a room than it has returned before, by a read, a
// command or the feed, from whichever node. It remembers the versions of at least that many rooms, those it met last.
// A node that is behind is asked to wait for the version, then the others are asked; NOT_YET_VISIBLE when
// none of them has it, also for a list that holds such a room.
func Monotonic(rooms int) Option {
	return func(c *Client) { c.memory = &memory{limit: max(rooms, 1), recent: map[int64]int64{}} }
}

// memory knows the newest version of the rooms that were met last: all of recent, and what is not in there of
// older. When recent is full it becomes older, and what was older is forgotten. A nil memory knows nothing.
type memory struct {
	limit int

	mu            sync.Mutex
	recent, older map[int64]int64
}

// met takes in the rooms of an answer.
func (m *memory) met(rooms ...*Room) {
	if m == nil {
		return
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, r := range rooms {
		if r == nil {
			continue
		}
		id := r.GetId()
		m.recent[id] = max(r.GetVersion(), m.recent[id], m.older[id])
		if len(m.recent) >= m.limit {
			m.recent, m.older = map[int64]int64{}, m.recent
		}
	}
}

// outdated finds a room that is older than it was, and says which version it had.
func (m *memory) outdated(rooms ...*Room) (id, version int64) {
	if m == nil {
		return 0, 0
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, r := range rooms {
		id := r.GetId()
		if version := max(m.recent[id], m.older[id]); r.GetVersion() < version {
			return id, version
		}
	}
	return 0, 0
}

// roomsOf are the rooms in a message.
func roomsOf(m proto.Message) []*Room {
	switch m := m.(type) {
	case interface{ GetRooms() []*Room }:
		return m.GetRooms()
	case interface{ GetRoom() *Room }:
		return []*Room{m.GetRoom()}
	}
	return nil
}

func outdated(id, version int64) *Error {
	v := strconv.FormatInt(version, 10)
	return &Error{
		Code: notYetVisible, Message: "room " + strconv.FormatInt(id, 10) + " was at version " + v + " before, and no node shows it yet",
		Details: map[string]string{"min_version": v}, Retryable: true, passing: true,
	}
}
