package commandapi

import (
	"context"
	"encoding/hex"

	"connectrpc.com/connect"

	managementv1 "github.com/greenroomlive/greenroom/api/gen/greenroom/management/v1"
	"github.com/greenroomlive/greenroom/internal/core/ident"
	"github.com/greenroomlive/greenroom/internal/flow/command"
	"github.com/greenroomlive/greenroom/internal/wire"
)

// auditHandler serves greenroom.management.v1.AuditService. That its callers are staff is for the commands to check.
type auditHandler struct{ log *command.Audit }

// ListAudit finds entries, the newest first.
func (h *auditHandler) ListAudit(ctx context.Context, req *connect.Request[managementv1.ListAuditRequest]) (*connect.Response[managementv1.ListAuditResponse], error) {
	m, err := metaOf(ctx, req.Header())
	if err != nil {
		return nil, err
	}
	limit, before, err := page(req.Msg.GetPageSize(), req.Msg.GetPageToken())
	if err != nil {
		return nil, err
	}
	filter := command.AuditFilter{Room: ident.RoomID(req.Msg.GetRoom()), Actor: req.Msg.GetActor(), Command: req.Msg.GetCommand()}
	if t := req.Msg.GetSince(); t != nil {
		filter.From = t.AsTime()
	}
	if t := req.Msg.GetUntil(); t != nil {
		filter.To = t.AsTime()
	}
	list, next, err := h.log.List(ctx, m, filter, before, limit)
	if err != nil {
		return nil, err
	}
	out := &managementv1.ListAuditResponse{}
	for i := range list {
		out.Entries = append(out.Entries, auditEntry(&list[i]))
	}
	if next != 0 {
		out.NextPageToken = pageToken(next)
	}
	return connect.NewResponse(out), nil
}

// ExportAudit hands out the lines of the log.
func (h *auditHandler) ExportAudit(ctx context.Context, req *connect.Request[managementv1.ExportAuditRequest]) (*connect.Response[managementv1.ExportAuditResponse], error) {
	m, err := metaOf(ctx, req.Header())
	if err != nil {
		return nil, err
	}
	lines, last, err := h.log.Export(ctx, m, req.Msg.GetAfter())
	return respond(&managementv1.ExportAuditResponse{Lines: lines, Last: last}, err)
}

func auditEntry(e *command.AuditEntry) *managementv1.AuditEntry {
	out := &managementv1.AuditEntry{
		Seq: e.Seq, Hash: hex.EncodeToString(e.Hash[:]), At: wire.Time(e.At), Actor: e.Actor, Scope: e.Scope, Command: e.Command,
		RoomId: int64(e.Room), Reason: e.Reason, Door: e.Door, From: e.From, Cause: e.Cause,
	}
	for _, c := range e.Changes {
		out.Changes = append(out.Changes, &managementv1.AuditChange{Column: c.Column, Row: c.Row, Before: c.Before, After: c.After})
	}
	return out
}
