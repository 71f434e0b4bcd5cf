package natsbus_test

import (
	"testing"

	"github.com/nats-io/nats.go"

	"github.com/greenroomlive/greenroom/internal/adapter/adaptertest/bustest"
	"github.com/greenroomlive/greenroom/internal/core/event"
)

func TestBeatsKeepTheContract(t *testing.T) {
	bustest.RunBeats(t, func(t *testing.T) bustest.Pulse {
		return newBus(t, connect(t, runEmbedded(t, t.TempDir()).broker), nil)
	})
}

func TestWhatIsNoBeatIsDropped(t *testing.T) {
	conn := connect(t, runEmbedded(t, t.TempDir()).broker)
	sub, err := conn.SubscribeSync("greenroom.beat")
	if err != nil {
		t.Fatal(err)
	}
	bus, heard := newBus(t, conn, nil), make(chan event.Beat, 1024)
	go func() { _ = bus.Beats(t.Context(), func(b event.Beat) { heard <- b }) }()
	for {
		publishBytes(t, conn, `{"epoch":"","feed_seq":"1","at":"2026-11-22T12:00:00Z"}`)
		publishBytes(t, conn, `{"epoch":"e","feed_seq":"1","at":"2026-11-22T12:00:00Z"}`)
		if _, err := sub.NextMsg(patience); err != nil {
			t.Fatal(err)
		}
		select {
		case b := <-heard:
			if b.Epoch != "e" {
				t.Errorf("heard %+v", b)
			}
			return
		default: // the ear is not open yet
		}
	}
}

func publishBytes(t *testing.T, conn *nats.Conn, body string) {
	t.Helper()
	if err := conn.Publish("greenroom.beat", []byte(body)); err != nil {
		t.Fatal(err)
	}
}
