package mysqlstore_test

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"testing"
	"time"

	"github.com/greenroomlive/greenroom/internal/adapter/mediaserver"
	"github.com/greenroomlive/greenroom/internal/adapter/mysqlstore"
	"github.com/greenroomlive/greenroom/internal/core/fault"
	"github.com/greenroomlive/greenroom/internal/core/ident"
	"github.com/greenroomlive/greenroom/internal/core/room"
	"github.com/greenroomlive/greenroom/internal/core/view"
	"github.com/greenroomlive/greenroom/internal/flow/command"
)

// publishing is a media server: what it publishes, and what it was told to drop.
type publishing struct {
	streams []mediaserver.Stream
	dropped []string
}

func (p *publishing) Kind() string { return room.SRS }

func (p *publishing) Streams(context.Context) ([]mediaserver.Stream, error) {
	return slices.Clone(p.streams), nil
}

func (p *publishing) Drop(_ context.Context, s mediaserver.Stream) (bool, error) {
	p.dropped = append(p.dropped, s.Handle)
	p.streams = slices.DeleteFunc(p.streams, func(o mediaserver.Stream) bool { return o.Handle == s.Handle })
	return true, nil
}

// TestACutAtOneNodeDropsTheStreamAtAnother: the one that polls the media server has seen nothing of the cut but the
// database. Nothing that it knew of the room before may let the stream go on.
func TestACutAtOneNodeDropsTheStreamAtAnother(t *testing.T) {
	ctx, dsn := t.Context(), database(t, mysqlstore.SideB)
	node := func(number int) *command.Anchor {
		return command.NewAnchor(command.Config{Store: openRooms(t, dsn), IDs: ident.NewMinter(number), Terms: room.Terms{Lease: time.Hour, Grace: time.Hour}})
	}
	staffs, polls := node(1), node(2)
	ops := command.Meta{Caller: command.Caller{Subject: "ops", Scopes: []command.Scope{command.ScopeOps}}}
	media := command.Meta{Caller: command.Caller{Subject: room.SRS, Scopes: []command.Scope{command.ScopeService}}}
	made, err := staffs.CreateRoom(ctx, ops, 7, room.Description{Title: "Night radio"})
	if err != nil {
		t.Fatal(err)
	}
	key, err := staffs.CreateKey(ctx, ops, made.ID, "studio")
	if err != nil {
		t.Fatal(err)
	}
	server := &publishing{}
	publish := func(through *command.Anchor, client string) error {
		stream := command.Publishing{Stream: made.ID.String(), Publisher: room.FromSRS(client, "")}
		asked := stream
		asked.Key = key.Shown
		if _, err := through.GoLive(ctx, media, asked); err != nil {
			return err
		}
		server.streams = append(server.streams, mediaserver.Stream{Publishing: stream, Handle: client})
		return nil
	}
	poller := mediaserver.NewPoller(mediaserver.Config{Server: server, Renewer: polls, Log: slog.New(slog.DiscardHandler)})
	poll := func(want ...string) {
		t.Helper()
		if err := poller.Poll(ctx); err != nil {
			t.Fatal(err)
		}
		if !slices.Equal(server.dropped, want) {
			t.Fatalf("dropped %v, want %v", server.dropped, want)
		}
	}
	cut := func(o room.Order) {
		t.Helper()
		if _, err := command.NewControl(staffs).Intervene(ctx, ops, made.ID, view.Cut, o); err != nil {
			t.Fatal(err)
		}
	}

	if err := publish(polls, "c1"); err != nil {
		t.Fatal(err)
	}
	poll()
	cut(room.Order{Reason: "a raid"})
	poll("c1")
	poll("c1") // once is enough
	if err := publish(staffs, "c2"); err != nil {
		t.Fatal(err)
	}
	poll("c1") // the new one is held by the new session
	cut(room.Order{Reason: "again", For: 5 * time.Minute})
	poll("c1", "c2")
	if err := publish(polls, "c3"); !errors.Is(err, fault.RoomCut) {
		t.Errorf("published while it was held back: %v", err)
	}
}
