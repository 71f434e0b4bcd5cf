// Package wire translates between core's values and the protobuf messages of api/.
//
// It is the only place that knows both: adapters and doors on both sides go through it, so that
// a field is added to the corridor by touching core, the proto and this package. Decoding checks what
// it reads; encoding cannot fail for values that core made.
package wire

import (
	"errors"
	"fmt"
	"time"

	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	roomv1 "github.com/greenroomlive/greenroom/api/gen/greenroom/room/v1"
	"github.com/greenroomlive/greenroom/internal/core/event"
	"github.com/greenroomlive/greenroom/internal/core/ident"
	"github.com/greenroomlive/greenroom/internal/core/view"
)

// Time makes a timestamp; nil for the zero time.
func Time(t time.Time) *timestamppb.Timestamp {
	if t.IsZero() {
		return nil
	}
	return timestamppb.New(t)
}

// GoTime is the reverse of Time, in UTC.
func GoTime(t *timestamppb.Timestamp) time.Time {
	if t == nil {
		return time.Time{}
	}
	return t.AsTime()
}

// Room makes the message of a card.
func Room(c *view.RoomCard) *roomv1.Room {
	return &roomv1.Room{
		Id: int64(c.ID), AnchorId: int64(c.AnchorID), Title: c.Title, AreaId: int64(c.AreaID),
		CoverUrl: c.CoverURL, Tags: c.Tags, Language: c.Language,
		Live: &roomv1.Live{
			Status: roomv1.Live_Status(c.Live.Status), SessionId: int64(c.Live.SessionID),
			Epoch: int64(c.Live.Epoch), StartedAt: Time(c.Live.StartedAt),
		},
		Control: &roomv1.Control{
			State: roomv1.Control_State(c.Control.State), Reason: c.Control.Reason, Until: Time(c.Control.Until),
		},
		Extension: &roomv1.Extension{
			Announcement: c.Extension.Announcement, Pinned: c.Extension.Pinned, Badges: c.Extension.Badges, Widgets: widgets(c.Extension.Widgets),
		},
		Audience: &roomv1.Audience{Online: c.Audience.Online, Peak: c.Audience.Peak, Likes: c.Audience.Likes},
		Version:  int64(c.Version), UpdatedAt: Time(c.UpdatedAt),
	}
}

// Card is the reverse of Room. Enum numbers beyond the known ones are refused: showing a
// viewer a wrong status is worse than parking the room.
func Card(m *roomv1.Room) (view.RoomCard, error) {
	status, err := liveStatus(m.GetLive().GetStatus())
	if err != nil {
		return view.RoomCard{}, fmt.Errorf("wire: %w", err)
	}
	state, err := controlState(m.GetControl().GetState())
	if err != nil {
		return view.RoomCard{}, fmt.Errorf("wire: %w", err)
	}
	hung, err := goWidgets(m.GetExtension().GetWidgets())
	if err != nil {
		return view.RoomCard{}, fmt.Errorf("wire: %w", err)
	}
	return view.RoomCard{
		ID: ident.RoomID(m.GetId()), AnchorID: ident.AnchorID(m.GetAnchorId()), Title: m.GetTitle(),
		AreaID: ident.AreaID(m.GetAreaId()), CoverURL: m.GetCoverUrl(), Tags: m.GetTags(), Language: m.GetLanguage(),
		Live: view.LiveState{
			Status: status, SessionID: ident.SessionID(m.GetLive().GetSessionId()),
			Epoch: ident.Epoch(m.GetLive().GetEpoch()), StartedAt: GoTime(m.GetLive().GetStartedAt()),
		},
		Control: view.Control{
			State: state, Reason: m.GetControl().GetReason(), Until: GoTime(m.GetControl().GetUntil()),
		},
		Extension: view.Extension{
			Announcement: m.GetExtension().GetAnnouncement(), Pinned: m.GetExtension().GetPinned(), Badges: m.GetExtension().GetBadges(),
			Widgets: hung,
		},
		Audience: view.Audience{
			Online: m.GetAudience().GetOnline(), Peak: m.GetAudience().GetPeak(), Likes: m.GetAudience().GetLikes(),
		},
		Version: ident.Version(m.GetVersion()), UpdatedAt: GoTime(m.GetUpdatedAt()),
	}, nil
}

// MarshalCard encodes a card for storage. A text that is not UTF-8 is refused: no reader could decode it.
func MarshalCard(c *view.RoomCard) ([]byte, error) {
	if !speakable(c) {
		return nil, fmt.Errorf("wire: card of room %s: %w", c.ID, errNoText)
	}
	return AppendCard(make([]byte, 0, 384), c), nil
}

var errNoText = errors.New("a text is not UTF-8")

func liveStatus(n roomv1.Live_Status) (view.LiveStatus, error) {
	if n < 0 || n > roomv1.Live_INTERRUPTED {
		return 0, fmt.Errorf("live status %d is unknown", n)
	}
	return view.LiveStatus(n), nil
}

func controlState(n roomv1.Control_State) (view.ControlState, error) {
	if n < 0 || n > roomv1.Control_HIDDEN {
		return 0, fmt.Errorf("control state %d is unknown", n)
	}
	return view.ControlState(n), nil
}

// Areas makes the messages of a tree.
func Areas(areas []view.Area) []*roomv1.Area {
	out := make([]*roomv1.Area, 0, len(areas))
	for _, a := range areas {
		out = append(out, &roomv1.Area{Id: int64(a.ID), Name: a.Name, Children: Areas(a.Children)})
	}
	return out
}

// GoAreas is the reverse of Areas.
func GoAreas(list []*roomv1.Area) []view.Area {
	var out []view.Area
	for _, a := range list {
		out = append(out, view.Area{ID: ident.AreaID(a.GetId()), Name: a.GetName(), Children: GoAreas(a.GetChildren())})
	}
	return out
}

// Event makes the message of an event.
func Event(e *event.RoomEvent) *roomv1.RoomEvent {
	m := &roomv1.RoomEvent{
		Id: e.ID(), RoomId: int64(e.RoomID), Version: int64(e.Version), PrevVersion: int64(e.PrevVersion),
		Epoch: e.Epoch, FeedSeq: int64(e.FeedSeq), Type: string(e.Type), Changed: e.Changed,
		Checksum: e.Checksum, Actor: e.Actor, Cause: e.Cause, Reason: e.Reason, Traceparent: e.Traceparent,
		OccurredAt: Time(e.OccurredAt), CommittedAt: Time(e.CommittedAt), PublishedAt: Time(e.PublishedAt),
		Detail: Detail(e.Detail), DetailChecksum: e.DetailChecksum,
	}
	if e.RoomID == ident.AreaTree {
		m.Areas = Areas(e.Areas)
	} else {
		m.Snapshot = Room(&e.Snapshot)
	}
	return m
}

// GoEvent is the reverse of Event. It checks that the message agrees with itself: the id with
// the fields it derives from, the snapshot with the room and version, and what is carried with the checksums.
func GoEvent(m *roomv1.RoomEvent) (event.RoomEvent, error) {
	e := event.RoomEvent{
		RoomID: ident.RoomID(m.GetRoomId()), Version: ident.Version(m.GetVersion()), PrevVersion: ident.Version(m.GetPrevVersion()),
		Epoch: m.GetEpoch(), FeedSeq: ident.FeedSeq(m.GetFeedSeq()), Type: event.Type(m.GetType()), Changed: m.GetChanged(),
		Checksum: m.GetChecksum(), Actor: m.GetActor(), Cause: m.GetCause(), Reason: m.GetReason(), Traceparent: m.GetTraceparent(),
		OccurredAt: GoTime(m.GetOccurredAt()), CommittedAt: GoTime(m.GetCommittedAt()), PublishedAt: GoTime(m.GetPublishedAt()),
		DetailChecksum: m.GetDetailChecksum(),
	}
	var err error
	if e.Detail, err = GoDetail(m.GetDetail()); err != nil {
		return e, err
	}
	if e.RoomID == ident.AreaTree {
		e.Areas = GoAreas(m.GetAreas())
	} else {
		card, err := Card(m.GetSnapshot())
		if err != nil {
			return e, err
		}
		e.Snapshot = card
		if card.ID != e.RoomID || card.Version != e.Version {
			return e, fmt.Errorf("wire: event %s carries the card of room %s version %d", e.ID(), card.ID, card.Version)
		}
	}
	if m.GetId() != e.ID() {
		return e, fmt.Errorf("wire: event id %q should be %q", m.GetId(), e.ID())
	}
	if err := e.Intact(); err != nil {
		return e, fmt.Errorf("wire: %w", err)
	}
	return e, nil
}

// MarshalEvent encodes an event for the outbox and the queue.
func MarshalEvent(e *event.RoomEvent) ([]byte, error) { return proto.Marshal(Event(e)) }

// UnmarshalEvent is the reverse of MarshalEvent; on an error the event holds what could be read.
func UnmarshalEvent(b []byte) (event.RoomEvent, error) {
	var m roomv1.RoomEvent
	if err := proto.Unmarshal(b, &m); err != nil {
		return event.RoomEvent{}, fmt.Errorf("wire: event: %w", err)
	}
	return GoEvent(&m)
}

// UnmarshalAnswer reads the card out of an encoded GetRoomResponse, as L1 holds it.
func UnmarshalAnswer(b []byte) (view.RoomCard, error) {
	var m roomv1.GetRoomResponse
	if err := proto.Unmarshal(b, &m); err != nil {
		return view.RoomCard{}, fmt.Errorf("wire: answer: %w", err)
	}
	return Card(m.GetRoom())
}

// EventFromJSON reads a line of the feed.
func EventFromJSON(line []byte) (event.RoomEvent, error) {
	var m roomv1.RoomEvent
	if err := protojson.Unmarshal(line, &m); err != nil {
		return event.RoomEvent{}, fmt.Errorf("wire: feed line: %w", err)
	}
	return GoEvent(&m)
}
