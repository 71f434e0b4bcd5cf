package query_test

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/greenroomlive/greenroom/internal/adapter/memory"
	"github.com/greenroomlive/greenroom/internal/core/ident"
	"github.com/greenroomlive/greenroom/internal/flow/audience"
	"github.com/greenroomlive/greenroom/internal/flow/query"
)

// counter is a viewer node: what counts its heartbeats, and the reads that show what all nodes counted.
type counter struct {
	*house
	*audience.Engine
}

func (c *counter) watch(t testing.TB, room ident.RoomID, viewers ...string) {
	t.Helper()
	for _, v := range viewers {
		if counted, err := c.Beat(room, []byte(v)); !counted || err != nil {
			t.Fatalf("%s in room %d: %v %v", v, room, counted, err)
		}
	}
}

// TestHeartbeatsOnTwoNodesReachCardAndList: within two seconds, on both; and what a node's reads know of broadcasts is what
// its heartbeats count for.
func TestHeartbeatsOnTwoNodesReachCardAndList(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		var running sync.WaitGroup
		defer running.Wait()
		defer cancel()
		var air memory.AudiencePages
		var nodes []*counter
		for range 2 {
			h := newHouse()
			warm(t, h)
			e := audience.New(audience.Config{Sessions: h.Rooms, Sink: h.Rooms, Exchange: air.Node(), Now: time.Now})
			nodes = append(nodes, &counter{h, e})
			running.Go(func() { _ = e.Run(ctx) })
			running.Go(func() { _ = e.RunTelling(ctx) })
			h.commit(onAirIn(1, 1, 11), onAirIn(2, 1, 12), onAirIn(3, 1, 13))
		}
		synctest.Wait()
		want := func(when string, order []ident.RoomID, online ...int64) {
			t.Helper()
			time.Sleep(2 * time.Second)
			synctest.Wait()
			for i, n := range nodes {
				if got := byOnline(t, n.house); !slices.Equal(got, order) {
					t.Errorf("%s: node %d lists %v, want %v", when, i, got, order)
				}
				var got []int64
				for _, id := range order {
					page, err := n.Audience(ctx, query.AudienceQuery{Room: id})
					if err != nil {
						t.Fatal(err)
					}
					got = append(got, page.Now.Online)
					if age := time.Since(page.Now.AsOf); age > 2*time.Second {
						t.Errorf("%s: room %d was counted %s ago", when, id, age)
					}
					e, _ := n.Lookup(id)
					c := onAirIn(id, 1, ident.SessionID(id+10))
					if e.Version == 1 {
						shown(t, n.house, c, page.Now.Card())
					}
				}
				if !slices.Equal(got, online) {
					t.Errorf("%s: node %d counts %v, want %v", when, i, got, online)
				}
			}
		}
		nodes[0].watch(t, 2, "a", "b")
		nodes[1].watch(t, 2, "c")
		nodes[1].watch(t, 3, "d", "e")
		want("some came", []ident.RoomID{2, 3, 1}, 3, 2, 0)

		for i := range 10 {
			nodes[i%2].watch(t, 1, fmt.Sprint("crowd", i))
		}
		want("a crowd came", []ident.RoomID{1, 2, 3}, 10, 3, 2)

		for _, n := range nodes {
			n.commit(card(1, 2), onAirIn(1, 3, 21)) // a new broadcast
		}
		want("room 1 began anew", []ident.RoomID{2, 3, 1}, 3, 2, 0)

		time.Sleep(time.Minute)
		want("all left", []ident.RoomID{1, 2, 3}, 0, 0, 0)
	})
}
