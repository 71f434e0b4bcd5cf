package directcall_test

import (
	"context"
	"log/slog"
	"net"
	"testing"

	"github.com/greenroomlive/greenroom/internal/adapter/directcall"
	"github.com/greenroomlive/greenroom/internal/core/event"
	"github.com/greenroomlive/greenroom/internal/door/ingestapi"
	"github.com/greenroomlive/greenroom/internal/door/internalapi"
)

// sink is a projector that takes everything.
type sink struct{ ingestapi.Node }

func (s sink) Entrance() (ingestapi.Entrance, string)      { return s, "" }
func (sink) Push(context.Context, []event.RoomEvent) error { return nil }
func (sink) Beat(context.Context, event.Beat) error        { return nil }
func (sink) Drain(context.Context, bool) error             { return nil }

// BenchmarkPush is what the direct courier pays for one commit, both ends in this process: its budget is 20 ms.
func BenchmarkPush(b *testing.B) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	log := slog.New(slog.DiscardHandler)
	s, err := internalapi.New(internalapi.Config{Secret: secret, Log: log}, ln, ingestapi.New(ingestapi.Config{Zone: "b", Node: sink{}, Log: log}))
	if err != nil {
		b.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- s.Run(ctx) }()
	defer func() { stop(); <-ended }()
	c, err := directcall.NewZone("b", directcall.Config{Endpoints: []string{ln.Addr().String()}, Secret: secret})
	if err != nil {
		b.Fatal(err)
	}
	defer c.Close()
	commit := []event.RoomEvent{happened(7, 1)}
	b.ReportAllocs()
	for b.Loop() {
		if err := c.Push(ctx, commit); err != nil {
			b.Fatal(err)
		}
	}
}
