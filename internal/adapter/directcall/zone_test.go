package directcall_test

import (
	"context"
	"errors"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/greenroomlive/greenroom/internal/adapter/directcall"
	"github.com/greenroomlive/greenroom/internal/core/event"
	"github.com/greenroomlive/greenroom/internal/core/fault"
	"github.com/greenroomlive/greenroom/internal/core/ident"
	"github.com/greenroomlive/greenroom/internal/flow/relay"
)

var (
	_ relay.Ingest      = (*directcall.Zone)(nil)
	_ relay.BeatCourier = (*directcall.Zone)(nil)
)

func TestEventsAndBeatsArriveAsTheyLeft(t *testing.T) {
	z := newZone(t, 1)
	c := z.caller()
	sent := []event.RoomEvent{happened(7, 1), happened(8, 1), happened(7, 2)}
	beat := event.Beat{Epoch: "e", Seq: 9, At: time.Unix(1_790_000_000, 123_456_789).UTC()}
	if err := errors.Join(c.Push(t.Context(), sent), c.Beat(t.Context(), beat)); err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(z.heard, sent) {
		t.Errorf("got %+v", z.heard)
	}
	if len(z.beats) != 1 || z.beats[0] != beat {
		t.Errorf("got %+v", z.beats)
	}
}

// More than a page takes goes in several, in order.
func TestALargeCommitGoesInPages(t *testing.T) {
	z := newZone(t, 1)
	var sent []event.RoomEvent
	for v := range ident.Version(600) {
		sent = append(sent, happened(7, v+1))
	}
	if err := z.caller().Push(t.Context(), sent); err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(z.heard, sent) || z.nodes[0].pushes.Load() != 3 {
		t.Errorf("%d of %d events arrived, in %d calls", len(z.heard), len(sent), z.nodes[0].pushes.Load())
	}
}

func TestTheLeaderMovesInMidStream(t *testing.T) {
	z := newZone(t, 3)
	c := z.caller()
	for v := range ident.Version(300) {
		z.leader.Store(z.nodes[v/50%3])
		if err := c.Push(t.Context(), []event.RoomEvent{happened(7, v+1)}); err != nil {
			t.Fatalf("event %d: %v", v+1, err)
		}
	}
	for i := range z.heard {
		if z.heard[i].Version != ident.Version(i+1) {
			t.Fatalf("event %d is version %d", i, z.heard[i].Version)
		}
	}
	if len(z.heard) != 300 {
		t.Errorf("%d events arrived", len(z.heard))
	}
	for i, n := range z.nodes {
		if n.pushes.Load() != 100 {
			t.Errorf("node %d took %d events", i, n.pushes.Load())
		}
	}
}

// A node may know only that it does not lead.
func TestALeaderIsFoundWithoutAHint(t *testing.T) {
	z := newZone(t, 3)
	z.leader.Store(z.nodes[2])
	for _, n := range z.nodes {
		n.silent.Store(true)
	}
	if err := z.caller().Push(t.Context(), []event.RoomEvent{happened(7, 1)}); err != nil {
		t.Error(err)
	}
}

// One address is enough: the node behind it says who leads.
func TestALeaderThatWasNotConfiguredIsFollowed(t *testing.T) {
	z := newZone(t, 2)
	z.leader.Store(z.nodes[1])
	c := z.caller(z.nodes[0].addr)
	for v := range ident.Version(10) {
		if err := c.Push(t.Context(), []event.RoomEvent{happened(7, v+1)}); err != nil {
			t.Fatal(err)
		}
	}
	z.nodes[1].stop()
	z.leader.Store(z.nodes[0])
	if err := c.Push(t.Context(), []event.RoomEvent{happened(7, 11)}); err != nil || z.pushed() != 11 {
		t.Errorf("%d events arrived: %v", z.pushed(), err)
	}
}

func TestNobodyLeads(t *testing.T) {
	z := newZone(t, 2)
	z.leader.Store(nil)
	if err := z.caller().Push(t.Context(), []event.RoomEvent{happened(7, 1)}); !errors.Is(err, fault.NotLeader) {
		t.Errorf("got %v", err)
	}
}

// A lease that is about to change hands: each says that the other leads.
func TestHintsThatGoInCirclesEnd(t *testing.T) {
	z := newZone(t, 1)
	other := newZone(t, 1)
	z.leader.Store(other.nodes[0])
	other.leader.Store(z.nodes[0])
	if err := z.caller().Push(t.Context(), []event.RoomEvent{happened(7, 1)}); !errors.Is(err, fault.NotLeader) {
		t.Errorf("got %v", err)
	}
}

func TestADeadEndpointCostsNothing(t *testing.T) {
	z := newZone(t, 1)
	c := z.caller(deadEndpoint(t), deadEndpoint(t), z.nodes[0].addr)
	for v := range ident.Version(20) {
		if err := c.Push(t.Context(), []event.RoomEvent{happened(7, v+1)}); err != nil {
			t.Fatal(err)
		}
	}
	z.nodes[0].stop()
	if err := c.Push(t.Context(), []event.RoomEvent{happened(7, 21)}); !errors.Is(err, fault.Unreachable) || z.pushed() != 20 {
		t.Errorf("got %v", err)
	}
}

// Whoever never speaks gets a part of the time only, at the first call already.
func TestTheFirstCallReachesWhoSpeaks(t *testing.T) {
	z := newZone(t, 1)
	for v := range ident.Version(4) { // each caller begins at a random endpoint
		c := z.caller(hungEndpoint(t), z.nodes[0].addr)
		ctx, cancel := context.WithTimeout(t.Context(), 800*time.Millisecond)
		if err := c.Push(ctx, []event.RoomEvent{happened(7, v+1)}); err != nil {
			t.Error(err)
		}
		cancel()
	}
}

// The courier's 20 ms: with one endpoint that never speaks, and one that does, the events arrive.
func TestAnEndpointThatNeverSpeaksLeavesTimeForTheNext(t *testing.T) {
	z := newZone(t, 1)
	c := z.caller(hungEndpoint(t), z.nodes[0].addr)
	// The first try may meet a machine that is too busy to connect in its part of 20 ms; connecting goes on meanwhile.
	for until := time.Now().Add(patience); ; {
		ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
		err := c.Push(ctx, []event.RoomEvent{happened(7, 1)})
		cancel()
		if err == nil {
			return
		}
		if !errors.Is(err, fault.DeadlineExceeded) && !errors.Is(err, fault.Unreachable) || time.Now().After(until) {
			t.Fatal(err)
		}
	}
}

// A connection that stood and answers no more: the call that meets it fails in its time, and the next one goes elsewhere.
func TestALeaderThatHangsIsLeft(t *testing.T) {
	z := newZone(t, 2)
	c := z.caller()
	if err := c.Push(t.Context(), []event.RoomEvent{happened(7, 1)}); err != nil {
		t.Fatal(err)
	}
	z.nodes[0].hangs.Store(true)
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	if err := c.Push(ctx, []event.RoomEvent{happened(7, 2)}); !errors.Is(err, fault.DeadlineExceeded) {
		t.Errorf("got %v", err)
	}
	z.leader.Store(z.nodes[1])
	for v := range ident.Version(10) {
		if err := c.Push(t.Context(), []event.RoomEvent{happened(7, v+2)}); err != nil {
			t.Fatal(err)
		}
	}
	if n := z.nodes[0].pushes.Load(); n > 3 { // once more at most: whom to ask next is drawn
		t.Errorf("the hung node was called %d times", n)
	}
}

func TestAWrongSecretIsRefusedAndNotShown(t *testing.T) {
	z := newZone(t, 1)
	counts := map[string]int{}
	c, err := directcall.NewZone("b", directcall.Config{
		Endpoints: []string{z.nodes[0].addr}, Secret: "mistyped-secret", Count: func(code string) { counts[code]++ },
	})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	err = c.Push(t.Context(), []event.RoomEvent{happened(7, 1)})
	if !errors.Is(err, fault.Unreachable) || z.pushed() != 0 || counts["UNREACHABLE"] == 0 {
		t.Errorf("got %v, counted %v", err, counts)
	}
	if text := err.Error(); strings.Contains(text, "mistyped") || strings.Contains(text, secret) {
		t.Errorf("the error shows a secret: %s", text)
	}
}

func TestWhatCannotBeCalledIsRefusedAtTheStart(t *testing.T) {
	for _, c := range []directcall.Config{{}, {Endpoints: []string{"a:1"}}, {Endpoints: []string{"a"}, Secret: "s"}, {Endpoints: []string{":1"}, Secret: "s"}} {
		if _, err := directcall.NewZone("b", c); err == nil {
			t.Errorf("%+v was taken", c)
		}
	}
}

func TestOperatorsReachTheProjectorByAnyNode(t *testing.T) {
	z := newZone(t, 2)
	c := z.caller(z.nodes[1].addr)
	p, err := c.Redrive(t.Context(), 5)
	if err != nil || p.GetId() != 5 || p.GetHealedBy() != z.nodes[0].addr {
		t.Errorf("got %v, %v", p, err)
	}
	if _, err := c.Redrive(t.Context(), 404); !errors.Is(err, fault.ParkedNotFound) || fault.Of(err).Message != "there is no parked event 404" {
		t.Errorf("got %v", err)
	}
	if r, err := c.Rebuild(t.Context()); err != nil || r.GetPhase() != "scanning" {
		t.Errorf("got %v, %v", r, err)
	}
	list, err := c.ListParked(t.Context(), true, 9, 51)
	if err != nil || len(list) != 1 || list[0].GetId() != 9 || list[0].GetAttempts() != 51 || list[0].GetReason() != "all" {
		t.Errorf("got %v, %v", list, err)
	}
}

func TestAZoneStandsAsItsProjectorSays(t *testing.T) {
	z := newZone(t, 2)
	c := z.caller(z.nodes[1].addr, deadEndpoint(t), z.nodes[0].addr)
	s := c.Standing(t.Context())
	if s.GetNodes() != 3 || s.GetReachable() != 2 || s.GetLeader() != z.nodes[0].addr || s.GetContiguous() != 7 || s.GetDrained() || s.GetError() != "" {
		t.Errorf("got %v", s)
	}
	if s, err := c.Drain(t.Context(), true, "new disks"); err != nil || !s.GetDrained() {
		t.Errorf("got %v, %v", s, err)
	}
	if s, err := c.Drain(t.Context(), false, ""); err != nil || s.GetDrained() {
		t.Errorf("got %v, %v", s, err)
	}
	if s := z.caller(deadEndpoint(t)).Standing(t.Context()); s.GetReachable() != 0 || s.GetError() == "" {
		t.Errorf("got %v", s)
	}
}

// An address of another zone among the endpoints must not drain that one.
func TestAMistypedZoneIsNotDrained(t *testing.T) {
	z := newZone(t, 1)
	c, err := directcall.NewZone("a", directcall.Config{Endpoints: []string{z.nodes[0].addr}, Secret: secret})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if _, err := c.Drain(t.Context(), true, ""); !errors.Is(err, fault.InvalidArgument) || z.nodes[0].drained.Load() {
		t.Errorf("got %v", err)
	}
	if s := c.Standing(t.Context()); s.GetReachable() != 0 || !strings.Contains(s.GetError(), `zone "b"`) {
		t.Errorf("got %v", s)
	}
}
