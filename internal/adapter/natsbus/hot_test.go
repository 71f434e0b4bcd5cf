package natsbus_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/greenroomlive/greenroom/internal/adapter/adaptertest/bustest"
	"github.com/greenroomlive/greenroom/internal/adapter/natsbus"
	"github.com/greenroomlive/greenroom/internal/adapter/ottercache"
	"github.com/greenroomlive/greenroom/internal/core/ident"
	"github.com/greenroomlive/greenroom/internal/core/view"
	"github.com/greenroomlive/greenroom/internal/flow/query"
)

// settled is a node whose words and subscriptions have reached the broker when its methods return, so
// that a test can say what comes after what.
type settled struct {
	*natsbus.Hot
	conn *nats.Conn
}

func (s settled) Announce(rooms []ident.RoomID) error {
	if err := s.Hot.Announce(rooms); err != nil {
		return err
	}
	return s.conn.Flush()
}

func (s settled) Listen(hear func([]ident.RoomID)) (func(), error) {
	stop, err := s.Hot.Listen(hear)
	if err != nil {
		return nil, err
	}
	return stop, s.conn.Flush()
}

func TestHotKeepsTheContract(t *testing.T) {
	for name, shared := range map[string]bool{"on one connection": true, "on a connection each": false} {
		t.Run(name, func(t *testing.T) {
			bustest.RunHot(t, func(t *testing.T) func() query.Announcer {
				broker := runEmbedded(t, t.TempDir()).broker
				conn := connect(t, broker)
				return func() query.Announcer {
					at := conn
					if !shared {
						at = connect(t, broker)
					}
					return settled{natsbus.NewHot(at, quiet(t)), at}
				}
			})
		})
	}
}

func TestWhatIsNoWordOfHotRoomsIsDropped(t *testing.T) {
	conn := connect(t, runEmbedded(t, t.TempDir()).broker)
	words := make(chan []ident.RoomID, 16)
	stop, err := natsbus.NewHot(conn, quiet(t)).Listen(func(rooms []ident.RoomID) { words <- rooms })
	if err != nil {
		t.Fatal(err)
	}
	defer stop()
	for _, data := range []string{
		"", "\n", "room 7\n", "0\n", "-7\n", "7\n\n8\n", "9223372036854775808\n", "7 8\n", "\xff\xfe",
		strings.Repeat("7\n", query.MaxHot+1), strings.Repeat("x", 1<<19), "7\n", // the last is one
	} {
		if err := conn.Publish(natsbus.HotSubject, []byte(data)); err != nil {
			t.Fatal(err)
		}
	}
	select {
	case got := <-words:
		if len(got) != 1 || got[0] != 7 {
			t.Errorf("%d rooms were heard: %v", len(got), got[:1])
		}
	case <-time.After(patience):
		t.Error("the word after the noise was not heard")
	}
}

// node is the viewers' reads of one machine: an L1 of its own, the views of its zone, the broker of all.
type node struct {
	*query.Rooms
	l1 *ottercache.Cache
}

func runNode(t *testing.T, views query.Views, conn *nats.Conn) node {
	t.Helper()
	l1, err := ottercache.New(1 << 20)
	if err != nil {
		t.Fatal(err)
	}
	n := node{query.New(query.Config{
		Cache: l1, Views: views, Freshness: proven{}, Now: time.Now,
		Announcer: natsbus.NewHot(conn, quiet(t)),
	}), l1}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- n.RunHot(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	return n
}

// proven: the views hold everything.
type proven struct{}

func (proven) ProvenAt() time.Time                 { return time.Time{} }
func (proven) Held(ident.RoomID) (time.Time, bool) { return time.Time{}, false }
func (proven) Complete() bool                      { return true }

// shelf is views with two rooms off air.
type shelf struct{ query.Views }

func (shelf) Cards(_ context.Context, ids []ident.RoomID) (out []view.RoomCard, err error) {
	for _, id := range ids {
		if id == 7 || id == 8 {
			out = append(out, view.RoomCard{ID: id, AnchorID: 42, Version: 3})
		}
	}
	return out, nil
}

func TestACrowdAtOneNodeWarmsTheOthers(t *testing.T) {
	broker := runEmbedded(t, t.TempDir()).broker
	a, b := runNode(t, shelf{}, connect(t, broker)), runNode(t, shelf{}, connect(t, broker))
	if _, err := a.Get(t.Context(), 8, 0); err != nil { // somebody reads another room
		t.Fatal(err)
	}
	eventually(t, "the room to be resident where nobody reads it", func(ctx context.Context) bool {
		for range 10_000 { // the crowd at a, for as long as it takes
			if _, err := a.Get(ctx, 7, 0); err != nil {
				t.Fatal(err)
			}
		}
		_, resident := b.l1.Get(7)
		return resident
	})
	if _, resident := b.l1.Get(8); resident {
		t.Error("a room that nobody crowds into was warmed, too")
	}
	if hot := a.Hot(); len(hot) != 1 || hot[0].ID != 7 || hot[0].ReadsPerSecond < a.HotFrom() {
		t.Errorf("hot at a: %v", hot)
	}
	if hot := b.Hot(); len(hot) != 0 {
		t.Errorf("hot at b, where nobody read: %v", hot)
	}
}
