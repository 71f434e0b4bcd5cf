package greenroom

import (
	"context"
	"time"

	"google.golang.org/protobuf/types/known/timestamppb"

	managementv1 "github.com/greenroomlive/greenroom/api/gen/greenroom/management/v1"
)

// AuditEntry is one command that changed something: who, what, why, from where.
type AuditEntry = managementv1.AuditEntry

// AuditFilter is which entries of the audit log are meant; what is zero asks for nothing.
type AuditFilter struct {
	Room           int64
	Actor, Command string
	Since, Until   time.Time
}

// ListAudit pages through the audit log, the newest entry first. A page may be short, even empty, before the last.
// Scope staff or ops, as below.
func (c *Client) ListAudit(ctx context.Context, f AuditFilter, pageToken string) (entries []*AuditEntry, next string, err error) {
	req := &managementv1.ListAuditRequest{Room: f.Room, Actor: f.Actor, Command: f.Command, PageToken: pageToken}
	if !f.Since.IsZero() {
		req.Since = timestamppb.New(f.Since)
	}
	if !f.Until.IsZero() {
		req.Until = timestamppb.New(f.Until)
	}
	a, err := call(ctx, c, c.audit.ListAudit, req, nil)
	return a.GetEntries(), a.GetNextPageToken(), err
}

// ExportAudit fetches lines of the audit log behind the entry after (0: from the first), as NDJSON, about a megabyte.
// last is where to go on; the same as after when there are no more yet.
func (c *Client) ExportAudit(ctx context.Context, after int64) (lines []byte, last int64, err error) {
	a, err := call(ctx, c, c.audit.ExportAudit, &managementv1.ExportAuditRequest{After: after}, nil)
	return a.GetLines(), a.GetLast(), err
}
