package app

import (
	"context"
	"time"

	opsv1 "github.com/greenroomlive/greenroom/api/gen/greenroom/ops/v1"
	"github.com/greenroomlive/greenroom/internal/core/event"
	"github.com/greenroomlive/greenroom/internal/core/fault"
	"github.com/greenroomlive/greenroom/internal/core/ident"
	"github.com/greenroomlive/greenroom/internal/core/view"
	"github.com/greenroomlive/greenroom/internal/flow/feed"
	"github.com/greenroomlive/greenroom/internal/flow/project"
	"github.com/greenroomlive/greenroom/internal/flow/query"
	"github.com/greenroomlive/greenroom/internal/flow/search"
	"github.com/greenroomlive/greenroom/internal/watch/desk"
	"github.com/greenroomlive/greenroom/internal/wire"
)

// recordedViews is what the desk and the console read of room_c besides the viewers' reads.
type recordedViews interface {
	// Versions and Parked are those of project.Views.
	Versions(ctx context.Context, ids []ident.RoomID) (map[ident.RoomID]ident.Version, error)
	Parked(ctx context.Context, q project.ParkedQuery) ([]project.Parked, error)
	// Recent returns a room's newest feed lines, newest first.
	Recent(ctx context.Context, id ident.RoomID, limit int) ([]feed.Frame, error)
	// Newest pages through cards by id, newest first, below before.
	Newest(ctx context.Context, before ident.RoomID, limit int) ([]view.RoomCard, error)
	Count(ctx context.Context) (int64, error)
}

// operations serves commandapi.Ops and console.Desk in a process that shows views.
type operations struct {
	*viewing
	source project.Source
	views  recordedViews
	ladder *desk.Ladder
	// projector is there while this process is the one that writes the views.
	projector *current[projection]
}

// writer is the projector, or NOT_LEADER.
func (o *operations) writer() (*projection, error) {
	if p := o.projector.Load(); p != nil {
		return p, nil
	}
	return nil, fault.NotLeader.New("this process does not write the views")
}

func (o *operations) ListParked(ctx context.Context, all bool, before int64, limit int) ([]*opsv1.Parked, error) {
	list, err := o.views.Parked(ctx, project.ParkedQuery{Open: !all, Before: before, Limit: limit})
	if err != nil {
		return nil, err
	}
	out := make([]*opsv1.Parked, len(list))
	for i := range list {
		out[i] = parkedMessage(&list[i])
	}
	return out, nil
}

func (o *operations) GetParked(ctx context.Context, id int64) (*opsv1.GetParkedResponse, error) {
	list, err := o.views.Parked(ctx, project.ParkedQuery{ID: id, Limit: 1})
	if err != nil {
		return nil, err
	}
	if len(list) == 0 {
		return nil, fault.ParkedNotFound.New("there is no parked event %d", id)
	}
	out := &opsv1.GetParkedResponse{Parked: parkedMessage(&list[0]), Raw: list[0].Raw}
	if e, err := wire.UnmarshalEvent(list[0].Raw); err == nil {
		out.Event = wire.Event(&e)
	}
	return out, nil
}

func (o *operations) Redrive(ctx context.Context, id int64) (*opsv1.Parked, error) {
	p, err := o.writer()
	if err != nil {
		return nil, err
	}
	letter, err := p.Projector.Redrive(ctx, id)
	if err != nil {
		return nil, err
	}
	return parkedMessage(&letter), nil
}

func parkedMessage(p *project.Parked) *opsv1.Parked {
	return &opsv1.Parked{
		Id: p.ID, RoomId: int64(p.Room), Version: int64(p.Version), FeedSeq: int64(p.Seq), Type: string(p.Type), Reason: p.Reason,
		Courier: string(p.Courier), ParkedAt: wire.Time(p.ParkedAt), Attempts: int32(min(p.Attempts, 1<<30)),
		HealedAt: wire.Time(p.HealedAt), HealedBy: p.HealedBy,
	}
}

// Rebuild starts a rebuild, or finds the running one.
func (o *operations) Rebuild(ctx context.Context) (*opsv1.RebuildProgress, error) {
	p, err := o.writer()
	if err != nil {
		return nil, err
	}
	if p.Projector.BeginRebuild() {
		p.rebuilds <- struct{}{} // has room: there is one at a time
	}
	return o.RebuildProgress(ctx)
}

func (o *operations) RebuildProgress(context.Context) (*opsv1.RebuildProgress, error) {
	writer, err := o.writer()
	if err != nil {
		return nil, err
	}
	p := writer.Projector.Progress()
	return &opsv1.RebuildProgress{
		Phase: string(p.Phase), RoomsDone: p.RoomsDone, RoomsTotal: p.RoomsTotal, EventsDone: p.EventsDone, EventsTotal: p.EventsTotal,
		StartedAt: wire.Time(p.StartedAt), FinishedAt: wire.Time(p.FinishedAt), Error: p.Error,
	}, nil
}

// TraceRoom shows the last changes of a room on their way, and what each end holds now.
func (o *operations) TraceRoom(ctx context.Context, id int64, limit int) (*opsv1.TraceRoomResponse, error) {
	room := ident.RoomID(id)
	committed, found, err := o.source.Snapshot(ctx, room)
	if err != nil {
		return nil, err
	}
	if !found {
		return nil, fault.RoomNotFound.New("there is no room %s", room)
	}
	stored, err := o.views.Versions(ctx, []ident.RoomID{room})
	if err != nil {
		return nil, err
	}
	out := &opsv1.TraceRoomResponse{RoomId: id, CommittedVersion: int64(committed.Version), ViewVersion: int64(stored[room])}
	if e, resident := o.Reads.Lookup(room); resident {
		out.L1Version = int64(e.Version)
	}
	for _, c := range o.ladder.Changes(room, limit) {
		out.Changes = append(out.Changes, changeMessage(&c))
	}
	return out, nil
}

func changeMessage(c *desk.Change) *opsv1.Change {
	return &opsv1.Change{
		Version: int64(c.Version), FeedSeq: int64(c.FeedSeq), Type: string(c.Type), Reason: c.Reason, Actor: c.Actor, Traceparent: c.Traceparent,
		AcceptedAt: wire.Time(c.Accepted), CommittedAt: wire.Time(c.Committed), SequencedAt: wire.Time(c.Sequenced), PublishedAt: wire.Time(c.Published),
		ReceivedQueueAt: wire.Time(c.ReceivedQueue), ReceivedDirectAt: wire.Time(c.ReceivedDirect),
		AppliedAt: wire.Time(c.Applied), AppliedFrom: string(c.AppliedFrom), VisibleAt: wire.Time(c.Visible),
	}
}

// Live is console.Board.
func (o *operations) Live(ctx context.Context, limit int) ([]view.RoomCard, error) {
	page, err := o.Reads.Live(ctx, query.LiveQuery{PageSize: min(limit, query.MaxPage)})
	if err != nil {
		return nil, err
	}
	return cardsOf(page.Rooms)
}

// Search is console.Board.
func (o *operations) Search(ctx context.Context, words string, limit int) (cards []view.RoomCard, complete bool, err error) {
	found, err := o.viewing.Search.Ask(ctx, search.Question{Text: words, PageSize: min(limit, search.MaxPage)})
	if err != nil {
		return nil, false, err
	}
	cards, err = cardsOf(found.Rooms)
	return cards, found.Complete, err
}

// cardsOf decodes what viewers are answered with.
func cardsOf(rooms []*query.Entry) ([]view.RoomCard, error) {
	out := make([]view.RoomCard, 0, len(rooms))
	for _, e := range rooms {
		card, err := wire.UnmarshalAnswer(e.Proto)
		if err != nil {
			return nil, err
		}
		out = append(out, card)
	}
	return out, nil
}

// Rooms is console.Board.
func (o *operations) Rooms(ctx context.Context, before ident.RoomID, limit int) ([]view.RoomCard, error) {
	return o.views.Newest(ctx, before, limit)
}

// RoomCount is console.Board.
func (o *operations) RoomCount(ctx context.Context) (int64, error) { return o.views.Count(ctx) }

// Fresh is console.Board.
func (o *operations) Fresh() (age time.Duration, stale bool) {
	age = max(time.Since(o.fresh.ProvenAt()), 0)
	return age, query.Stale(age)
}

// Updates is console.Board: the feed from here on, as pulses.
func (o *operations) Updates(ctx context.Context) <-chan struct{} {
	pulses := make(chan struct{}, 1)
	go func() {
		defer close(pulses) // a page that hears no more should ask anew
		end, _ := o.Feed.End()
		watcher, err := o.Feed.Watch(ctx, end, feed.Filter{})
		for err == nil {
			if _, err = watcher.Next(ctx); err == nil {
				select {
				case pulses <- struct{}{}:
				default:
				}
			}
		}
	}()
	return pulses
}

// Events is console.Board.
func (o *operations) Events(ctx context.Context, id ident.RoomID, limit int) ([]event.RoomEvent, error) {
	frames, err := o.views.Recent(ctx, id, limit)
	if err != nil {
		return nil, err
	}
	out := make([]event.RoomEvent, 0, len(frames))
	for _, f := range frames {
		if e, err := wire.EventFromJSON(f.JSON); err == nil { // else a mark in the place of an unreadable event
			out = append(out, e)
		}
	}
	return out, nil
}

// consoleDesk is TraceRoom in the console's terms.
type consoleDesk struct{ *operations }

// TraceRoom is console.Desk.
func (d consoleDesk) TraceRoom(ctx context.Context, id ident.RoomID, limit int) (*opsv1.TraceRoomResponse, error) {
	return d.operations.TraceRoom(ctx, int64(id), limit)
}
