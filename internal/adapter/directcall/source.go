package directcall

import (
	"context"
	"fmt"
	"time"

	"google.golang.org/grpc"

	sourcev1 "github.com/greenroomlive/greenroom/api/gen/greenroom/source/v1"
	"github.com/greenroomlive/greenroom/internal/core/event"
	"github.com/greenroomlive/greenroom/internal/core/fault"
	"github.com/greenroomlive/greenroom/internal/core/ident"
	"github.com/greenroomlive/greenroom/internal/core/view"
	"github.com/greenroomlive/greenroom/internal/flow/project"
	"github.com/greenroomlive/greenroom/internal/wire"
)

const (
	// readWithin bounds a read with all its tries, readEach one try: a page takes milliseconds.
	readWithin = 5 * time.Second
	readEach   = 2 * time.Second
)

// Source is project.Source and project.PeopleSource at the processes of the B side.
type Source struct{ *peers }

var (
	_ project.Source       = (*Source)(nil)
	_ project.PeopleSource = (*Source)(nil)
)

// NewSource makes a Source. It connects when it is first asked.
func NewSource(c Config) (*Source, error) {
	p, err := newPeers(c)
	if err != nil {
		return nil, err
	}
	p.alike = true
	return &Source{p}, nil
}

// read makes one of the calls; all may be repeated.
func read[Q, A any](ctx context.Context, s *Source, req *Q, call func(sourcev1.SourceServiceClient, context.Context, *Q, ...grpc.CallOption) (*A, error)) (*A, error) {
	var answer *A
	err := s.ask(ctx, readWithin, readEach, func(ctx context.Context, c grpc.ClientConnInterface) error {
		a, err := call(sourcev1.NewSourceServiceClient(c), ctx, req)
		answer = a
		return err
	})
	if err != nil {
		return nil, err
	}
	return answer, nil
}

// Head is project.Source.
func (s *Source) Head(ctx context.Context) (project.Head, error) {
	a, err := read(ctx, s, &sourcev1.HeadRequest{}, sourcev1.SourceServiceClient.Head)
	return headOf(a), err
}

func headOf(a *sourcev1.HeadResponse) project.Head {
	return project.Head{Epoch: a.GetEpoch(), Seq: ident.FeedSeq(a.GetSeq()), Floor: ident.FeedSeq(a.GetFloor()), Pending: a.GetPending()}
}

// Events is project.Source. An event that cannot be read is handed on as far as it can be: the log does not stop
// at it, and whoever applies it finds its checksum wrong and parks its room.
func (s *Source) Events(ctx context.Context, after ident.FeedSeq, limit int) ([]event.RoomEvent, error) {
	a, err := read(ctx, s, &sourcev1.EventsRequest{After: int64(after), Limit: int32(limit)}, sourcev1.SourceServiceClient.Events)
	if err != nil {
		return nil, err
	}
	return eventsOf(a.GetPage(), after)
}

// eventsOf reads a page of the log, which goes on behind after.
func eventsOf(page []byte, after ident.FeedSeq) ([]event.RoomEvent, error) {
	var events []event.RoomEvent
	err := wire.EachEntry(page, func(room ident.RoomID, body []byte) {
		e, _ := wire.UnmarshalEvent(body)
		e.RoomID = room
		events = append(events, e)
	})
	for i := range events {
		if events[i].FeedSeq <= after && err == nil {
			err = fmt.Errorf("event %s stands at %d, behind %d", events[i].ID(), events[i].FeedSeq, after)
		}
		after = events[i].FeedSeq
	}
	if err != nil {
		return nil, fault.Unreachable.Wrap(err, "a page of the log cannot be read here")
	}
	return events, nil
}

// Snapshot is project.Source.
func (s *Source) Snapshot(ctx context.Context, id ident.RoomID) (view.RoomCard, bool, error) {
	a, err := read(ctx, s, &sourcev1.SnapshotRequest{RoomId: int64(id)}, sourcev1.SourceServiceClient.Snapshot)
	if err != nil || a.Room == nil {
		return view.RoomCard{}, false, err
	}
	card, err := cardOf(a.GetRoom())
	return card, err == nil, err
}

// Snapshots is project.Source.
func (s *Source) Snapshots(ctx context.Context, after ident.RoomID, limit int) ([]view.RoomCard, error) {
	a, err := read(ctx, s, &sourcev1.SnapshotsRequest{After: int64(after), Limit: int32(limit)}, sourcev1.SourceServiceClient.Snapshots)
	if err != nil {
		return nil, err
	}
	cards := make([]view.RoomCard, len(a.GetRooms()))
	for i, body := range a.GetRooms() {
		if cards[i], err = cardOf(body); err != nil {
			return nil, err
		}
		if cards[i].ID <= after {
			return nil, fault.Unreachable.New("the page of rooms after %s is none", after)
		}
		after = cards[i].ID
	}
	return cards, nil
}

// cardOf reads a card. One that cannot be read is not the event's fault, which the caller has at hand: perhaps the
// other end is of a newer build.
func cardOf(body []byte) (view.RoomCard, error) {
	card, err := wire.UnmarshalCard(body)
	if err != nil {
		return view.RoomCard{}, fault.Unreachable.Wrap(err, "a card of the committed state cannot be read here")
	}
	return card, nil
}

// Areas is project.Source.
func (s *Source) Areas(ctx context.Context) ([]view.Area, ident.Version, error) {
	a, err := read(ctx, s, &sourcev1.AreasRequest{}, sourcev1.SourceServiceClient.Areas)
	return wire.GoAreas(a.GetAreas()), ident.Version(a.GetVersion()), err
}

// Count is project.Source.
func (s *Source) Count(ctx context.Context) (int64, error) {
	a, err := read(ctx, s, &sourcev1.CountRequest{}, sourcev1.SourceServiceClient.Count)
	return a.GetRooms(), err
}
