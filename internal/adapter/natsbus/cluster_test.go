package natsbus_test

import (
	"context"
	"errors"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/greenroomlive/greenroom/internal/adapter/adaptertest/bustest"
	"github.com/greenroomlive/greenroom/internal/adapter/natsbus"
	"github.com/greenroomlive/greenroom/internal/core/event"
	"github.com/greenroomlive/greenroom/internal/core/ident"
	"github.com/greenroomlive/greenroom/internal/flow/audience"
	"github.com/greenroomlive/greenroom/internal/flow/follow"
	"github.com/greenroomlive/greenroom/internal/flow/project"
	"github.com/greenroomlive/greenroom/internal/flow/query"
	"github.com/greenroomlive/greenroom/internal/flow/relay"
	"github.com/greenroomlive/greenroom/internal/stage"
	"github.com/greenroomlive/greenroom/internal/wire"
)

// fleet is the real thing: three nats-servers at home, and zone b's beside them, behind a link that can be cut.
type fleet struct {
	home *stage.NATSCluster
	b    *stage.NATS
	link *link
}

func startFleet(t *testing.T) *fleet {
	t.Helper()
	program, err := stage.NATSServer(t.Context())
	must(t, err)
	f, dir := &fleet{}, t.TempDir()
	f.home, err = stage.StartNATSCluster(t.Context(), program, dir)
	must(t, err)
	t.Cleanup(f.home.Stop)
	f.link, err = newLink(f.home.Leaves())
	must(t, err)
	t.Cleanup(f.link.close)
	f.b, err = stage.StartNATSLeaf(t.Context(), program, dir, "b", []string{f.link.addr()})
	must(t, err)
	t.Cleanup(f.b.Stop)
	f.heal(t)
	return f
}

// empty deletes the streams everywhere.
func (f *fleet) empty(t *testing.T) {
	t.Helper()
	for _, conn := range []*nats.Conn{f.atHome(t), f.atB(t)} {
		js := jetStream(t, conn)
		eventually(t, "a broker without streams", func(ctx context.Context) bool {
			err := js.DeleteStream(ctx, natsbus.Stream)
			return err == nil || errors.Is(err, jetstream.ErrStreamNotFound)
		})
		conn.Close()
	}
}

// heal brings back whatever a test has left dead, frozen or cut.
func (f *fleet) heal(t *testing.T) {
	t.Helper()
	for _, n := range f.home.Nodes {
		n.Resume()
	}
	f.link.heal()
	must(t, f.home.Start(t.Context()))
	if !f.b.Running() {
		must(t, f.b.Start(t.Context()))
	}
	eventually(t, "zone b's link", func(ctx context.Context) bool { return f.b.Linked(ctx) == nil })
}

func (f *fleet) atHome(t *testing.T) *nats.Conn { return dial(t, f.home.URLs()...) }
func (f *fleet) atB(t *testing.T) *nats.Conn    { return dial(t, f.b.URL()) }

func dial(t *testing.T, urls ...string) *nats.Conn {
	t.Helper()
	conn, err := natsbus.Connect(natsbus.ServersConfig{URLs: urls, Name: "test", Log: quiet(t)})
	must(t, err)
	t.Cleanup(conn.Close)
	eventually(t, "a connection", func(context.Context) bool { return conn.IsConnected() })
	return conn
}

// bus is the queue at home, mirror what zone b has of it.
func (f *fleet) bus(t *testing.T, conn *nats.Conn, redelivered func(int)) *natsbus.Bus {
	t.Helper()
	b, err := natsbus.New(conn, natsbus.Config{
		Durable: "project-a", Epoch: bustest.Epoch, Replicas: 3, Log: quiet(t), Redelivered: redelivered,
	})
	must(t, err)
	return b
}

func (f *fleet) mirror(t *testing.T, conn *nats.Conn, redelivered func(int)) *natsbus.Bus {
	t.Helper()
	b, err := natsbus.New(conn, natsbus.Config{
		Durable: "project-b", Epoch: bustest.Epoch, Home: stage.HomeDomain, Log: quiet(t), Redelivered: redelivered,
	})
	must(t, err)
	return b
}

// The contract, on the cluster: from there to there, and from there to zone b.
func TestClusterKeepsTheContract(t *testing.T) {
	t.Parallel()
	f := startFleet(t)
	bustest.Run(t, func(t *testing.T) bustest.Broker {
		return fleetBroker(t, f, f.home.Kill, func(t *testing.T, redelivered func(int)) (relay.Bus, project.Queue) {
			b := f.bus(t, f.atHome(t), redelivered)
			return b, b
		})
	})
}

func TestMirrorKeepsTheContract(t *testing.T) {
	t.Parallel()
	f := startFleet(t)
	bustest.Run(t, func(t *testing.T) bustest.Broker {
		return fleetBroker(t, f, f.b.Kill, func(t *testing.T, redelivered func(int)) (relay.Bus, project.Queue) {
			return f.bus(t, f.atHome(t), nil), f.mirror(t, f.atB(t), redelivered)
		})
	})
}

// What lies under the mirror's name and is none is replaced; a mirror of older bounds is kept.
func TestAMirrorTakesItsPlace(t *testing.T) {
	t.Parallel()
	f := startFleet(t)
	events := bustest.Events(30, 1)
	publish(t, f.bus(t, f.atHome(t), nil), events[:10])
	conn := f.atB(t)
	js := jetStream(t, conn)
	_, err := js.CreateStream(t.Context(), jetstream.StreamConfig{Name: natsbus.Stream, Subjects: []string{"zone.b.was.home"}})
	must(t, err)
	c, stop := consumeInto(t, f.mirror(t, conn, nil))
	c.until(t, events[:10])
	stop()
	s, err := js.Stream(t.Context(), natsbus.Stream)
	must(t, err)
	made := s.CachedInfo().Created

	narrow, err := natsbus.New(conn, natsbus.Config{
		Durable: "project-b", Epoch: bustest.Epoch, Home: stage.HomeDomain, MaxBytes: 1 << 20, Log: quiet(t),
	})
	must(t, err)
	c, _ = consumeInto(t, narrow)
	publish(t, f.bus(t, f.atHome(t), nil), events[10:])
	c.until(t, events[10:])
	info, err := s.Info(t.Context())
	must(t, err)
	if info.Config.MaxBytes != 1<<20 || !info.Created.Equal(made) {
		t.Errorf("it is bounded to %d bytes, and was made at %v instead of %v", info.Config.MaxBytes, info.Created, made)
	}
	if err := narrow.Publish(t.Context(), events); err == nil {
		t.Error("a zone with a mirror published")
	}
	if _, err := narrow.Position(t.Context()); err == nil {
		t.Error("a zone with a mirror told the relay a position")
	}
}

func fleetBroker(t *testing.T, f *fleet, kill func(), ends func(*testing.T, func(int)) (relay.Bus, project.Queue)) bustest.Broker {
	f.empty(t)
	var redelivered atomic.Int64
	bus, queue := ends(t, func(n int) { redelivered.Add(int64(n)) })
	ask := f.atHome(t)
	return bustest.Broker{
		Bus: bus, Queue: queue,
		PublishRaw: func(room ident.RoomID, raw []byte) { publishRaw(t, ask, wire.AppendRawEntry(nil, room, raw)) },
		Restart: func() (relay.Bus, project.Queue) {
			kill()
			f.heal(t)
			bus, queue := ends(t, nil)
			eventually(t, "the stream's leader", func(ctx context.Context) bool {
				_, err := bus.Position(ctx)
				return err == nil
			})
			return bus, queue
		},
		Wipe:        func() { must(t, jetStream(t, ask).DeleteStream(t.Context(), natsbus.Stream)) },
		Redelivered: func() int { return int(redelivered.Load()) },
	}
}

// pulse is the heartbeat's way from home to zone b.
type pulse struct {
	relay.Bus
	relay.BeatCourier
	project.Queue
	ear  project.Beats
	home *nats.Conn
}

// Beat returns when home has it: one that is still on its way there is heard by who comes later.
func (p pulse) Beat(ctx context.Context, b event.Beat) error {
	if err := p.BeatCourier.Beat(ctx, b); err != nil {
		return err
	}
	return p.home.Flush()
}

func (p pulse) Beats(ctx context.Context, hear func(event.Beat)) error { return p.ear.Beats(ctx, hear) }

func TestWordsReachTheOtherZone(t *testing.T) {
	t.Parallel()
	f := startFleet(t)
	t.Run("beats", func(t *testing.T) {
		bustest.RunBeats(t, func(t *testing.T) bustest.Pulse {
			f.empty(t)
			conn := f.atHome(t)
			home, b := f.bus(t, conn, nil), f.mirror(t, f.atB(t), nil)
			return pulse{home, home, b, b, conn}
		})
	})
	t.Run("hot rooms", func(t *testing.T) {
		bustest.RunHot(t, func(t *testing.T) func() query.Announcer {
			zones := []*nats.Conn{f.atHome(t), f.atB(t)}
			next := 0
			return func() query.Announcer {
				next++
				conn := zones[next%2]
				return linked{settled{natsbus.NewHot(conn, quiet(t)), conn}, t, zones}
			}
		})
	})
	t.Run("audiences", func(t *testing.T) {
		bustest.RunAudience(t, func(t *testing.T) func() audience.Exchange {
			zones := []*nats.Conn{f.atHome(t), f.atB(t)}
			next := 0
			return func() audience.Exchange {
				next++
				conn := zones[next%2]
				return linkedAudience{flushed{natsbus.NewAudience(conn, quiet(t)), conn}, t, zones}
			}
		})
		audiencesAreCutApart(t, f)
	})
	t.Run("news", func(t *testing.T) {
		bustest.RunNews(t, func(t *testing.T) func() follow.News {
			return func() follow.News { return natsbus.NewNews(f.atB(t), "b", quiet(t)) }
		})
		newsStay(t, f)
	})
}

// newsStay checks that a zone's nodes hear of their own room_c only.
func newsStay(t *testing.T, f *fleet) {
	a, b := natsbus.NewNews(f.atHome(t), "a", quiet(t)), natsbus.NewNews(f.atB(t), "b", quiet(t))
	inA, stopA := bustest.HearNews(t, a)
	defer stopA()
	inB, stopB := bustest.HearNews(t, b)
	defer stopB()
	told := bustest.TellUntil(t, b, inB)
	for range 10 {
		bustest.TellUntil(t, a, inA)
	}
	told += bustest.TellUntil(t, b, inB)
	if heard := 2 + len(inB); heard > told {
		t.Errorf("zone b heard %d words of %d told there: some were zone a's", heard, told)
	}
}

// linked is a node whose ear the other zone's servers know of: that takes a moment more than its own server.
type linked struct {
	settled
	t     *testing.T
	zones []*nats.Conn
}

// Listen returns when a word from each zone's server would be heard.
func (l linked) Listen(hear func([]ident.RoomID)) (func(), error) {
	stop, err := l.settled.Listen(hear)
	if err != nil {
		return nil, err
	}
	crossed(l.t, l.conn, l.zones)
	return stop, nil
}

// crossed returns when a word from each zone's server is heard at conn, and all that conn has subscribed to before.
func crossed(t *testing.T, conn *nats.Conn, zones []*nats.Conn) {
	t.Helper()
	const probe = "greenroom.probe"
	sub, err := conn.SubscribeSync(probe)
	must(t, err)
	defer func() { must(t, sub.Unsubscribe()) }()
	for _, from := range zones {
		// Interest crosses the link in the order in which it was declared: what hears this probe has the ear open.
		eventually(t, "a word from the other zone", func(context.Context) bool {
			must(t, from.Publish(probe, nil))
			must(t, from.Flush())
			_, err := sub.NextMsg(answerSoon)
			return err == nil
		})
	}
}

// answerSoon is far more than a word takes that crosses a link at all.
const answerSoon = 100 * time.Millisecond

// leader is the member that leads the stream.
func (f *fleet) leader(t *testing.T, conn *nats.Conn) *stage.NATS {
	t.Helper()
	var name string
	eventually(t, "a leader of the stream", func(ctx context.Context) bool {
		s, err := jetStream(t, conn).Stream(ctx, natsbus.Stream)
		if err == nil && s.CachedInfo().Cluster != nil {
			name = s.CachedInfo().Cluster.Leader
		}
		return name != ""
	})
	i := slices.IndexFunc(f.home.Nodes, func(n *stage.NATS) bool { return n.Name() == name })
	return f.home.Nodes[i]
}
