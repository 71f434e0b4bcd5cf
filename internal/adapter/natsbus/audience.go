package natsbus

import (
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"strconv"

	"github.com/nats-io/nats.go"
	"google.golang.org/protobuf/proto"

	audiencev1 "github.com/greenroomlive/greenroom/api/gen/greenroom/audience/v1"
	"github.com/greenroomlive/greenroom/internal/core/ident"
	"github.com/greenroomlive/greenroom/internal/flow/audience"
)

const (
	// AudienceSubject carries what viewer nodes have counted, in all zones. It is plain NATS, as words of hot rooms are: what is
	// lost is said again, and a count kept for later would be false.
	AudienceSubject = "greenroom.audience"
	// maxAudiencePage is what audience.MaxPageBytes may take when it is encoded, with a margin for fields that a newer
	// node may add.
	maxAudiencePage = audience.MaxPageBytes + 256<<10
	// audienceWaiting bounds the pages that wait to be heard; the broker's client drops those beyond.
	audienceWaiting, audienceWaitingBytes = 4096, 64 << 20
)

var errNoPage = errors.New("this is no page of an audience")

// Audience is audience.Exchange on a connection, which it does not own.
type Audience struct {
	conn *nats.Conn
	node string
	log  *slog.Logger
}

var _ audience.Exchange = (*Audience)(nil)

// NewAudience makes a node; it talks to nobody yet.
func NewAudience(conn *nats.Conn, log *slog.Logger) *Audience {
	return &Audience{conn: conn, node: strconv.FormatUint(rand.Uint64(), 36), log: log}
}

// Tell is audience.Exchange. It may wait while a connection is made again.
func (a *Audience) Tell(p *audience.Page) error {
	if !p.Fits() {
		return fmt.Errorf("natsbus: tell of an audience: %w", errNoPage)
	}
	data, err := proto.Marshal(encodePage(p))
	if err != nil {
		return fmt.Errorf("natsbus: tell of an audience: %w", err)
	}
	m := nats.NewMsg(AudienceSubject)
	m.Header.Set(headerNode, a.node)
	m.Data = data
	if err := a.conn.PublishMsg(m); err != nil {
		return fmt.Errorf("natsbus: tell of an audience: %w", err)
	}
	return nil
}

// Listen is audience.Exchange. It outlives the connection's faults.
func (a *Audience) Listen(hear func(p *audience.Page)) (stop func(), err error) {
	sub, err := a.conn.Subscribe(AudienceSubject, func(m *nats.Msg) {
		if m.Header.Get(headerNode) == a.node {
			return
		}
		p, err := parsePage(m.Data)
		if err != nil {
			a.log.Warn("a page of an audience is dropped", "bytes", len(m.Data), "error", err)
			return
		}
		hear(p)
	})
	if err == nil {
		err = sub.SetPendingLimits(audienceWaiting, audienceWaitingBytes)
	}
	if err != nil {
		return nil, fmt.Errorf("natsbus: listen to audiences: %w", err)
	}
	return func() {
		if err := sub.Unsubscribe(); err != nil && !errors.Is(err, nats.ErrConnectionClosed) {
			a.log.Warn("cannot stop listening to audiences", "error", err)
		}
	}, nil
}

func encodePage(p *audience.Page) *audiencev1.Page {
	m := &audiencev1.Page{Node: uint64(p.Node), New: p.New, Parts: make([]*audiencev1.Part, len(p.Parts))}
	for i := range p.Parts {
		part := &p.Parts[i]
		out := &audiencev1.Part{
			RoomId: int64(part.Room), SessionId: int64(part.Session), Online: part.Online, Peak: part.Peak,
			Sketch: part.Sketch, Fresh: part.Fresh,
		}
		for _, t := range part.Totals {
			out.Totals = append(out.Totals, &audiencev1.Total{Node: uint64(t.Node), Likes: t.Likes, WatchMs: t.WatchMs})
		}
		m.Parts[i] = out
	}
	return m
}

// parsePage reads a page, whoever sent it.
func parsePage(data []byte) (*audience.Page, error) {
	if len(data) > maxAudiencePage {
		return nil, fmt.Errorf("%d bytes: %w", len(data), errNoPage)
	}
	var m audiencev1.Page
	if err := proto.Unmarshal(data, &m); err != nil {
		return nil, fmt.Errorf("%w: %w", errNoPage, err)
	}
	p := &audience.Page{Node: audience.NodeID(m.GetNode()), New: m.GetNew()}
	for _, in := range m.GetParts() {
		part := audience.Part{
			Room: ident.RoomID(in.GetRoomId()), Session: ident.SessionID(in.GetSessionId()), Online: in.GetOnline(), Peak: in.GetPeak(),
			Sketch: in.GetSketch(), Fresh: in.GetFresh(),
		}
		for _, t := range in.GetTotals() {
			part.Totals = append(part.Totals, audience.Total{Node: audience.NodeID(t.GetNode()), Likes: t.GetLikes(), WatchMs: t.GetWatchMs()})
		}
		p.Parts = append(p.Parts, part)
	}
	if !p.Fits() {
		return nil, errNoPage
	}
	return p, nil
}
