// Package event holds the domain events: the only bridge from the B side to the C side.
//
// A RoomEvent is made by a decision in core/room, completed by the store at commit
// (Epoch, CommittedAt), by the sequencer (FeedSeq; it may be the store) and by the courier (PublishedAt), and
// is a value at every station. Within a room events are ordered by Version, overall by FeedSeq.
package event

import (
	"fmt"
	"strconv"
	"time"

	"github.com/greenroomlive/greenroom/internal/core/ident"
	"github.com/greenroomlive/greenroom/internal/core/view"
)

// RoomEvent is one committed change of a room, or of the area tree (RoomID ident.AreaTree).
type RoomEvent struct {
	RoomID      ident.RoomID
	Version     ident.Version
	PrevVersion ident.Version
	// Epoch names the log that FeedSeq counts in.
	Epoch string
	// FeedSeq is 0 until the sequencer has given it.
	FeedSeq ident.FeedSeq
	Type    Type
	// Changed names the card's fields that differ from PrevVersion.
	Changed []string
	// Snapshot is the whole card after the change; its version is Version. Empty for AreaTreeChanged.
	Snapshot view.RoomCard
	// Areas is the whole tree; AreaTreeChanged only.
	Areas []view.Area
	// Checksum is that of the snapshot (view.RoomCard.Checksum), or of the areas' JSON.
	Checksum string
	// Detail is what the event carries beside the card; nil for most. The feed does not show it.
	Detail *view.Detail
	// DetailChecksum is that of Detail; empty without one.
	DetailChecksum string
	// Actor is who did it; Cause the command id; Reason why, where the type does not say it.
	Actor  string
	Cause  string
	Reason string
	// Traceparent is the W3C trace context of the command.
	Traceparent string
	OccurredAt  time.Time
	CommittedAt time.Time
	PublishedAt time.Time
}

// ID is deterministic from (room, version, type): a retry never mints another.
func (e *RoomEvent) ID() string {
	b := make([]byte, 0, 48)
	b = append(strconv.AppendInt(b, int64(e.RoomID), 10), '-')
	b = append(strconv.AppendInt(b, int64(e.Version), 10), '-')
	return string(append(b, e.Type...))
}

// Sum computes the checksum of what the event carries.
func (e *RoomEvent) Sum() string {
	if e.RoomID == ident.AreaTree {
		return view.ChecksumOf(view.AppendAreas(nil, e.Areas))
	}
	return e.Snapshot.Checksum()
}

// Carry puts a detail beside the snapshot.
func (e *RoomEvent) Carry(d *view.Detail) { e.Detail, e.DetailChecksum = d, d.Checksum() }

// Intact says what is wrong with an event whose content is not what B wrote.
func (e *RoomEvent) Intact() error {
	if sum := e.Sum(); sum != e.Checksum {
		return fmt.Errorf("event %s has checksum %s, its content %s", e.ID(), e.Checksum, sum)
	}
	var sum string
	if e.Detail != nil {
		sum = e.Detail.Checksum()
	}
	if sum != e.DetailChecksum {
		return fmt.Errorf("event %s has a detail with checksum %s, its content %s", e.ID(), e.DetailChecksum, sum)
	}
	return nil
}

// AppendJSON appends the event as one line of the feed, without the line's end and without Detail.
func (e *RoomEvent) AppendJSON(b []byte) []byte {
	id := func(key string, n int64) {
		b = append(append(append(b, ',', '"'), key...), '"', ':', '"')
		b = append(strconv.AppendInt(b, n, 10), '"')
	}
	str := func(key, s string) {
		b = view.AppendString(append(append(append(b, ',', '"'), key...), '"', ':'), s)
	}
	at := func(key string, t time.Time) {
		b = view.AppendTime(append(append(append(b, ',', '"'), key...), '"', ':'), t)
	}
	b = view.AppendString(append(b, `{"id":`...), e.ID())
	id("room_id", int64(e.RoomID))
	id("version", int64(e.Version))
	id("prev_version", int64(e.PrevVersion))
	str("epoch", e.Epoch)
	id("feed_seq", int64(e.FeedSeq))
	str("type", string(e.Type))
	b = view.AppendStrings(append(b, `,"changed":`...), e.Changed)
	b = append(b, `,"snapshot":`...)
	if e.RoomID == ident.AreaTree {
		b = append(b, "null"...)
	} else {
		b = e.Snapshot.AppendJSON(b)
	}
	str("checksum", e.Checksum)
	str("actor", e.Actor)
	str("cause", e.Cause)
	at("occurred_at", e.OccurredAt)
	at("committed_at", e.CommittedAt)
	at("published_at", e.PublishedAt)
	str("traceparent", e.Traceparent)
	str("reason", e.Reason)
	b = view.AppendAreas(append(b, `,"areas":`...), e.Areas)
	return append(b, '}')
}
