package memory

import (
	"cmp"
	"context"
	"slices"

	"github.com/greenroomlive/greenroom/internal/core/ident"
	"github.com/greenroomlive/greenroom/internal/flow/project"
)

// Details returns what the feed's rows behind a position carry beside their cards, up to the feed's gapless end, in
// order, at most limit.
func (v *Views) Details(_ context.Context, after ident.FeedSeq, limit int) (out []project.DetailRow, err error) {
	v.mu.Lock()
	defer v.mu.Unlock()
	for _, r := range v.is.feed {
		if (r.Detail != nil || r.Unread) && r.Seq > after && r.Seq <= v.at.Contiguous {
			out = append(out, project.DetailRow{Seq: r.Seq, Room: r.Room, Version: r.Version, Detail: r.Detail})
		}
	}
	slices.SortFunc(out, func(a, b project.DetailRow) int { return cmp.Compare(a.Seq, b.Seq) })
	return out[:min(limit, len(out))], nil
}
