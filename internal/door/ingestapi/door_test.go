package ingestapi

import (
	"context"
	"errors"
	"log/slog"
	"strings"
	"testing"
	"time"

	"google.golang.org/protobuf/types/known/timestamppb"

	ingestv1 "github.com/greenroomlive/greenroom/api/gen/greenroom/ingest/v1"
	opsv1 "github.com/greenroomlive/greenroom/api/gen/greenroom/ops/v1"
	"github.com/greenroomlive/greenroom/internal/core/event"
	"github.com/greenroomlive/greenroom/internal/core/fault"
	"github.com/greenroomlive/greenroom/internal/core/ident"
	"github.com/greenroomlive/greenroom/internal/core/view"
	"github.com/greenroomlive/greenroom/internal/wire"
)

// node is the projector of zone b, unless another one leads.
type node struct {
	Ops
	elsewhere string
	follows   bool
	events    []event.RoomEvent
	beats     []event.Beat
	drained   bool
	fails     error
}

func (n *node) Entrance() (Entrance, string) {
	if n.follows {
		return nil, n.elsewhere
	}
	return n, ""
}

func (n *node) Push(ctx context.Context, events []event.RoomEvent) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	n.events = append(n.events, events...)
	return n.fails
}

func (n *node) Beat(_ context.Context, b event.Beat) error {
	n.beats = append(n.beats, b)
	return n.fails
}

func (n *node) Standing(context.Context) (*ingestv1.Standing, error) {
	return &ingestv1.Standing{Zone: "b", Drained: n.drained}, n.fails
}

func (n *node) Drain(_ context.Context, drained bool) error {
	n.drained = drained
	return n.fails
}

func (n *node) Redrive(context.Context, int64) (*opsv1.Parked, error)   { panic("not the leader") }
func (n *node) Rebuild(context.Context) (*opsv1.RebuildProgress, error) { panic("not the leader") }
func (n *node) RebuildProgress(context.Context) (*opsv1.RebuildProgress, error) {
	panic("not the leader")
}

func open(n *node) *Door {
	return New(Config{Zone: "b", Node: n, Ops: n, Log: slog.New(slog.DiscardHandler)})
}

func happened(room ident.RoomID) event.RoomEvent {
	e := event.RoomEvent{RoomID: room, Version: 1, Epoch: "e", Type: event.RoomCreated, Snapshot: view.RoomCard{ID: room, Title: "hello", Version: 1}}
	e.Checksum = e.Sum()
	return e
}

// pageOf encodes n events.
func pageOf(t testing.TB, n int) (page []byte) {
	t.Helper()
	for i := range n {
		e := happened(ident.RoomID(i + 1))
		var err error
		if page, err = wire.AppendEntry(page, &e); err != nil {
			t.Fatal(err)
		}
	}
	return page
}

func wants(t *testing.T, what string, err error, code *fault.Code, field string) {
	t.Helper()
	if f := fault.Of(err); f == nil || f.Code != code || f.Details["field"] != field {
		t.Errorf("%s: %v, want %s of %q", what, err, code.Name, field)
	}
}

func TestAPageIsTakenWholeOrNotAtAll(t *testing.T) {
	n := &node{}
	d := open(n)
	spoiled := wire.AppendRawEntry(pageOf(t, 2), 3, []byte("poison"))
	swapped := happened(4)
	body, err := wire.MarshalEvent(&swapped)
	if err != nil {
		t.Fatal(err)
	}
	for what, c := range map[string]struct {
		page []byte
		code *fault.Code
	}{
		"no page":                   {[]byte("no page"), fault.InvalidArgument},
		"cut off":                   {pageOf(t, 2)[:20], fault.InvalidArgument},
		"one that cannot be read":   {spoiled, fault.InvalidArgument},
		"one under another address": {wire.AppendRawEntry(pageOf(t, 1), 5, body), fault.InvalidArgument},
		"too many":                  {pageOf(t, wire.PageEvents+1), fault.TooLarge},
		"too large":                 {make([]byte, wire.MaxPage+1), fault.TooLarge},
	} {
		_, err := d.Push(t.Context(), &ingestv1.PushRequest{Page: c.page})
		wants(t, what, err, c.code, "page")
	}
	if len(n.events) != 0 {
		t.Errorf("%d events of bad pages were applied", len(n.events))
	}
	if _, err := d.Push(t.Context(), &ingestv1.PushRequest{Page: pageOf(t, wire.PageEvents)}); err != nil || len(n.events) != wire.PageEvents {
		t.Errorf("%d events were applied: %v", len(n.events), err)
	}
}

// A caller that gives up breaks off nothing.
func TestAPageIsAppliedToItsEnd(t *testing.T) {
	n := &node{}
	ctx, leave := context.WithTimeout(t.Context(), time.Minute)
	leave()
	if _, err := open(n).Push(ctx, &ingestv1.PushRequest{Page: pageOf(t, 1)}); err != nil || len(n.events) != 1 {
		t.Errorf("%d events were applied: %v", len(n.events), err)
	}
}

func TestABeatSaysSomething(t *testing.T) {
	n := &node{}
	d := open(n)
	at := timestamppb.New(time.Unix(1_790_000_000, 5).UTC())
	for field, req := range map[string]*ingestv1.BeatRequest{
		"epoch": {Seq: 1, At: at}, "seq": {Epoch: "e", Seq: -1, At: at}, "at": {Epoch: "e", Seq: 1},
	} {
		_, err := d.Beat(t.Context(), req)
		wants(t, field, err, fault.InvalidArgument, field)
	}
	_, err := d.Beat(t.Context(), &ingestv1.BeatRequest{Epoch: strings.Repeat("e", 65), At: at})
	wants(t, "a long epoch", err, fault.InvalidArgument, "epoch")
	if _, err := d.Beat(t.Context(), &ingestv1.BeatRequest{Epoch: "e", Seq: 1, At: at}); err != nil || len(n.beats) != 1 || !n.beats[0].At.Equal(at.AsTime()) {
		t.Errorf("got %+v, %v", n.beats, err)
	}
}

func TestWhoDoesNotLeadSaysWhoDoes(t *testing.T) {
	n := &node{follows: true, elsewhere: "10.0.0.2:9000"}
	d := open(n)
	o := &operators{door: d}
	ctx := t.Context()
	calls := map[string]func() error{
		"Push":    func() error { _, err := d.Push(ctx, &ingestv1.PushRequest{Page: pageOf(t, 1)}); return err },
		"Beat":    func() error { _, err := d.Beat(ctx, &ingestv1.BeatRequest{}); return err },
		"Redrive": func() error { _, err := o.RedriveParked(ctx, &opsv1.RedriveParkedRequest{Id: 1}); return err },
		"Rebuild": func() error { _, err := o.Rebuild(ctx, &opsv1.RebuildRequest{}); return err },
		"GetRebuild": func() error {
			_, err := o.GetRebuild(ctx, &opsv1.GetRebuildRequest{})
			return err
		},
	}
	for what, call := range calls {
		if f := fault.Of(call()); f == nil || f.Code != fault.NotLeader || f.Details["leader"] != "10.0.0.2:9000" {
			t.Errorf("%s: %v", what, f)
		}
	}
	n.elsewhere = ""
	if f := fault.Of(calls["Push"]()); f == nil || f.Code != fault.NotLeader || len(f.Details) != 0 {
		t.Errorf("nobody leads: %+v", f)
	}
}

func TestADrainNamesItsZone(t *testing.T) {
	n := &node{}
	d := open(n)
	_, err := d.Drain(t.Context(), &ingestv1.DrainRequest{Zone: "a", Drained: true})
	wants(t, "another zone", err, fault.InvalidArgument, "zone")
	_, err = d.Drain(t.Context(), &ingestv1.DrainRequest{Zone: "b", Drained: true, Reason: strings.Repeat("x", 201)})
	wants(t, "a long reason", err, fault.InvalidArgument, "reason")
	if n.drained {
		t.Error("a refused call drained the zone")
	}
	if s, err := d.Drain(t.Context(), &ingestv1.DrainRequest{Zone: "b", Drained: true}); err != nil || !s.GetDrained() {
		t.Errorf("got %v, %v", s, err)
	}
	n.fails = fault.StoreUnavailable.New("gone")
	if _, err := d.Drain(t.Context(), &ingestv1.DrainRequest{Zone: "b"}); !errors.Is(err, fault.StoreUnavailable) {
		t.Errorf("got %v", err)
	}
}

func TestAListOfDeadLettersIsBounded(t *testing.T) {
	o := &operators{door: open(&node{})}
	for field, req := range map[string]*opsv1.ListParkedRequest{
		"page_size": {PageSize: 202}, "page_token": {PageSize: 1, PageToken: "x"},
	} {
		_, err := o.ListParked(t.Context(), req)
		wants(t, field, err, fault.InvalidArgument, field)
	}
	_, err := o.ListParked(t.Context(), &opsv1.ListParkedRequest{})
	wants(t, "no limit", err, fault.InvalidArgument, "page_size")
}

// What the door takes is whole, and as much as was sent; what it refuses it refuses by name, and applies nothing of it.
func FuzzPush(f *testing.F) {
	f.Add(pageOf(f, 2))
	f.Add(pageOf(f, 2)[:30])
	f.Add(wire.AppendRawEntry(nil, 3, []byte("poison")))
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, page []byte) {
		n := &node{}
		_, err := open(n).Push(t.Context(), &ingestv1.PushRequest{Page: page})
		if err != nil {
			if c := fault.Of(err).Code; c != fault.InvalidArgument && c != fault.TooLarge || len(n.events) > 0 {
				t.Fatalf("%v, and %d events were applied", err, len(n.events))
			}
			return
		}
		entries := 0
		if err := wire.EachEntry(page, func(ident.RoomID, []byte) { entries++ }); err != nil || entries != len(n.events) {
			t.Fatalf("%d events of %d entries, %v", len(n.events), entries, err)
		}
		for i := range n.events {
			if _, err := wire.MarshalEvent(&n.events[i]); err != nil {
				t.Fatalf("taken but not encodable: %v", err)
			}
		}
	})
}
