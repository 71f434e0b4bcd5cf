package natsbus

import (
	"context"
	"fmt"
	"log/slog"
	"strconv"

	"github.com/nats-io/nats.go"

	"github.com/greenroomlive/greenroom/internal/flow/follow"
)

// newsWaiting bounds the words that wait to be heard; each says all that the ones before it said, which takes no bytes
// but those of its head.
const (
	newsWaiting = 16
	maxNews     = 64
)

// News is follow.News on a connection, which it does not own: plain NATS under a subject of its own for each zone, since
// another zone's room_c is no news here, and for each log.
type News struct{ voice }

var _ follow.News = (*News)(nil)

// NewNews makes the news of a zone; it talks to nobody yet.
func NewNews(conn *nats.Conn, zone string, log *slog.Logger) *News {
	return &News{voice{conn: conn, subject: "greenroom.news." + zone, log: log}}
}

// NewCommits makes the news of a log: that a process has committed events which wait for their place, for the one that
// gives it.
func NewCommits(conn *nats.Conn, shard int, log *slog.Logger) *News {
	return &News{voice{conn: conn, subject: "greenroom.commits." + strconv.Itoa(shard), log: log}}
}

// NewStops makes the news of a log: that a session was ended whose stream may go on, for those who look after the media
// servers.
func NewStops(conn *nats.Conn, shard int, log *slog.Logger) *News {
	return &News{voice{conn: conn, subject: "greenroom.stops." + strconv.Itoa(shard), log: log}}
}

// Tell is follow.News.
func (n *News) Tell() { n.say(nil) } // who does not hear it looks by himself

// Hear is follow.News. It outlives the connection's faults.
func (n *News) Hear(ctx context.Context, f func()) error {
	if err := listen(ctx, n.conn, n.subject, newsWaiting, maxNews, func(*nats.Msg) { f() }); err != nil {
		return fmt.Errorf("natsbus: listen to news: %w", err)
	}
	return nil
}
