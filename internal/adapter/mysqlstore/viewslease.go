package mysqlstore

import (
	"context"
	"time"

	"github.com/greenroomlive/greenroom/internal/flow/lead"
)

// Leases are those of room_c. When all its tables were dropped, the lease by which somebody would begin it anew is
// gone too: then whoever wants to take it begins room_c anew first.
func (v *Views) Leases(l *Leases) lead.Leases { return leasesOfViews{l, v} }

type leasesOfViews struct {
	*Leases
	views *Views
}

// Take is lead.Leases.
func (l leasesOfViews) Take(ctx context.Context, name string, me lead.Holder, ttl time.Duration) (lead.Lease, error) {
	got, err := l.Leases.Take(ctx, name, me, ttl)
	if !isGone(err) {
		return got, err
	}
	if err := l.views.beginAnew(ctx); err != nil {
		return lead.Lease{}, viewsFault(err)
	}
	return l.Leases.Take(ctx, name, me, ttl)
}
