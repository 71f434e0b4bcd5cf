package mysqlstore_test

import (
	"database/sql"
	"fmt"
	"strings"
	"testing"

	"github.com/greenroomlive/greenroom/internal/core/ident"
	"github.com/greenroomlive/greenroom/internal/core/view"
	"github.com/greenroomlive/greenroom/internal/flow/project"
	"github.com/greenroomlive/greenroom/internal/wire"
)

const (
	benchBatch = 256
	benchRooms = 10_000
)

// benchCards is the n-th transaction's share of cards that go round the rooms.
func benchCards(n int) (out []view.RoomCard) {
	for i := range benchBatch {
		at := n*benchBatch + i
		out = append(out, view.RoomCard{ID: ident.RoomID(at%benchRooms + 1), AnchorID: 7, Version: ident.Version(at/benchRooms + 1),
			Title: fmt.Sprintf("a room with a title of some length, at %d", at), CoverURL: "https://example.org/covers/of-a-room.jpg", Tags: []string{"one", "two"}})
	}
	return out
}

// BenchmarkViewsWrite is one card's share of a transaction in room_c: fenced, numbered, with three indexes, and with
// the feed row beside it. Read it beside the statement alone.
func BenchmarkViewsWrite(b *testing.B) {
	b.Run("as=leader", func(b *testing.B) { benchLeader(b, false) })
	b.Run("as=leader+feed", func(b *testing.B) { benchLeader(b, true) })
	b.Run("as=statement", benchStatement)
}

func benchLeader(b *testing.B, withFeed bool) {
	views := newRoomC(b).lead()
	line := []byte(strings.Repeat("x", 900))
	for n := 0; b.Loop(); n++ {
		batch := project.Batch{Cards: benchCards(n)}
		for i := 0; withFeed && i < benchBatch; i++ {
			seq := ident.FeedSeq(n*benchBatch + i + 1)
			batch.Feed = append(batch.Feed, project.FeedRow{Seq: seq, Room: batch.Cards[i].ID, Type: "RoomRenamed", JSON: line})
			batch.Position = &project.Position{Epoch: "e1", Contiguous: seq, Complete: true}
		}
		write(b, views, batch)
	}
	b.ReportMetric(float64(b.N*benchBatch)/b.Elapsed().Seconds(), "cards/s")
}

// benchStatement is what a team would write that needs neither a leader nor followers.
func benchStatement(b *testing.B) {
	c := newRoomC(b)
	db, err := sql.Open("mysql", c.dsn+"?interpolateParams=true")
	must(b, err)
	defer func() { _ = db.Close() }()
	c.exec(`CREATE TABLE plain (room_id BIGINT NOT NULL PRIMARY KEY, version BIGINT NOT NULL, body MEDIUMBLOB NOT NULL) ENGINE = InnoDB`)
	text := `INSERT INTO plain (room_id, version, body) VALUES (?, ?, ?)` + strings.Repeat(`, (?, ?, ?)`, benchBatch-1) +
		` ON DUPLICATE KEY UPDATE version = VALUES(version), body = VALUES(body)`
	for n := 0; b.Loop(); n++ {
		var args []any
		for _, card := range benchCards(n) {
			body, err := wire.MarshalCard(&card)
			must(b, err)
			args = append(args, int64(card.ID), int64(card.Version), body)
		}
		_, err := db.ExecContext(b.Context(), text, args...)
		must(b, err)
	}
	b.ReportMetric(float64(b.N*benchBatch)/b.Elapsed().Seconds(), "cards/s")
}
