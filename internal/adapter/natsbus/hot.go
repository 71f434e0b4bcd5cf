package natsbus

import (
	"bytes"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"strconv"

	"github.com/nats-io/nats.go"

	"github.com/greenroomlive/greenroom/internal/core/ident"
	"github.com/greenroomlive/greenroom/internal/flow/query"
)

const (
	// HotSubject carries word of hot rooms: ids in decimal, one a line. It is plain NATS: a word that is lost
	// is said again, and a word kept for later would be false.
	HotSubject = "greenroom.hot"
	// headerNode names who speaks, so that nobody listens to itself: the connection is shared, and the
	// broker can only mute whole connections.
	headerNode = "Greenroom-Node"
	// maxHotWord is query.MaxHot ids of 19 digits, each with its end of line.
	maxHotWord = query.MaxHot * 20
	// hotWaiting bounds the words that wait to be heard; the broker's client drops those beyond.
	hotWaiting = 1024
)

var errNoWord = errors.New("a word of hot rooms is 1 to query.MaxHot positive ids")

// Hot is query.Announcer on a connection, which it does not own.
type Hot struct {
	conn *nats.Conn
	node string
	log  *slog.Logger
}

var _ query.Announcer = (*Hot)(nil)

// NewHot makes a node; it talks to nobody yet.
func NewHot(conn *nats.Conn, log *slog.Logger) *Hot {
	return &Hot{conn: conn, node: rand.Text(), log: log}
}

// Announce is query.Announcer.
func (h *Hot) Announce(rooms []ident.RoomID) error {
	m := nats.NewMsg(HotSubject)
	m.Header.Set(headerNode, h.node)
	for _, id := range rooms {
		m.Data = append(strconv.AppendInt(m.Data, int64(id), 10), '\n')
	}
	if _, err := parseHot(m.Data); err != nil {
		return fmt.Errorf("natsbus: announce: %w", err)
	}
	if err := h.conn.PublishMsg(m); err != nil {
		return fmt.Errorf("natsbus: announce: %w", err)
	}
	return nil
}

// Listen is query.Announcer. It outlives the connection's faults.
func (h *Hot) Listen(hear func(rooms []ident.RoomID)) (stop func(), err error) {
	sub, err := h.conn.Subscribe(HotSubject, func(m *nats.Msg) {
		if m.Header.Get(headerNode) == h.node {
			return
		}
		rooms, err := parseHot(m.Data)
		if err != nil {
			h.log.Warn("a word of hot rooms is dropped", "bytes", len(m.Data), "error", err)
			return
		}
		hear(rooms)
	})
	if err == nil {
		err = sub.SetPendingLimits(hotWaiting, hotWaiting*maxHotWord)
	}
	if err != nil {
		return nil, fmt.Errorf("natsbus: listen to hot rooms: %w", err)
	}
	return func() {
		if err := sub.Unsubscribe(); err != nil && !errors.Is(err, nats.ErrConnectionClosed) {
			h.log.Warn("cannot stop listening to hot rooms", "error", err)
		}
	}, nil
}

// parseHot reads a word, whoever sent it.
func parseHot(data []byte) ([]ident.RoomID, error) {
	if len(data) > maxHotWord {
		return nil, fmt.Errorf("%d bytes: %w", len(data), errNoWord)
	}
	var rooms []ident.RoomID
	for line := range bytes.Lines(data) {
		id, err := strconv.ParseInt(string(bytes.TrimSuffix(line, []byte("\n"))), 10, 64)
		if err != nil || id <= 0 || len(rooms) == query.MaxHot {
			return nil, errNoWord
		}
		rooms = append(rooms, ident.RoomID(id))
	}
	if rooms == nil {
		return nil, errNoWord
	}
	return rooms, nil
}
