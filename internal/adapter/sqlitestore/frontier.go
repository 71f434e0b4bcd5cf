package sqlitestore

import (
	"context"

	"github.com/greenroomlive/greenroom/internal/core/ident"
)

// Frontier is relay.Frontier.
func (s *Rooms) Frontier(ctx context.Context) (string, ident.FeedSeq, error) {
	h, err := s.Head(ctx)
	return h.Epoch, h.Seq + ident.FeedSeq(h.Pending), err
}
