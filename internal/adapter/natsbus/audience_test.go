package natsbus_test

import (
	"testing"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/greenroomlive/greenroom/internal/adapter/adaptertest/bustest"
	"github.com/greenroomlive/greenroom/internal/adapter/natsbus"
	"github.com/greenroomlive/greenroom/internal/flow/audience"
)

// flushed is a node whose pages and subscriptions have reached the broker when its methods return.
type flushed struct {
	*natsbus.Audience
	conn *nats.Conn
}

func (f flushed) Tell(p *audience.Page) error {
	if err := f.Audience.Tell(p); err != nil {
		return err
	}
	return f.conn.Flush()
}

func (f flushed) Listen(hear func(*audience.Page)) (func(), error) {
	stop, err := f.Audience.Listen(hear)
	if err != nil {
		return nil, err
	}
	return stop, f.conn.Flush()
}

func TestAudienceKeepsTheContract(t *testing.T) {
	for name, shared := range map[string]bool{"on one connection": true, "on a connection each": false} {
		t.Run(name, func(t *testing.T) {
			bustest.RunAudience(t, func(t *testing.T) func() audience.Exchange {
				broker := runEmbedded(t, t.TempDir()).broker
				conn := connect(t, broker)
				return func() audience.Exchange {
					at := conn
					if !shared {
						at = connect(t, broker)
					}
					return flushed{natsbus.NewAudience(at, quiet(t)), at}
				}
			})
		})
	}
}

func TestWhatIsNoPageOfAnAudienceIsDropped(t *testing.T) {
	conn := connect(t, runEmbedded(t, t.TempDir()).broker)
	pages := make(chan *audience.Page, 16)
	stop, err := natsbus.NewAudience(conn, quiet(t)).Listen(func(p *audience.Page) { pages <- p })
	if err != nil {
		t.Fatal(err)
	}
	defer stop()
	node := []byte{0x09, 7, 0, 0, 0, 0, 0, 0, 0}
	newer := append([]byte{0xfa, 0x3f, 1, 'x'}, node...) // with a field that this one does not know
	for _, data := range [][]byte{
		nil, []byte("\xff\xfe"), append([]byte{0x1a, 0}, node...), // a part of no room
		make([]byte, 900<<10), newer, // the last is one
	} {
		if err := conn.Publish(natsbus.AudienceSubject, data); err != nil {
			t.Fatal(err)
		}
	}
	select {
	case p := <-pages:
		if p.Node != 7 || len(p.Parts) != 0 {
			t.Errorf("heard of node %d with %d parts", p.Node, len(p.Parts))
		}
	case <-time.After(patience):
		t.Error("the page after the noise was not heard")
	}
}
