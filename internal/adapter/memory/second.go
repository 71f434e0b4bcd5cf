package memory

import (
	"context"
	"sync"

	"github.com/greenroomlive/greenroom/internal/core/ident"
	"github.com/greenroomlive/greenroom/internal/flow/query"
)

// Second is query.Second in a map: nothing expires. Safe for concurrent use.
type Second struct {
	mu    sync.Mutex
	rooms map[ident.RoomID]query.Kept
}

// NewSecond makes an empty one.
func NewSecond() *Second { return &Second{rooms: map[ident.RoomID]query.Kept{}} }

// Fetch is query.Second.
func (s *Second) Fetch(ctx context.Context, ids []ident.RoomID) ([]query.Kept, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	var out []query.Kept
	for _, id := range ids {
		if k, found := s.rooms[id]; found {
			out = append(out, k)
		}
	}
	return out, ctx.Err()
}

// Offer is query.Second.
func (s *Second) Offer(ctx context.Context, entries []query.Kept) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, k := range entries {
		if have, found := s.rooms[k.ID]; !found || k.Newer(have) {
			s.rooms[k.ID] = k
		}
	}
	return ctx.Err()
}
