package rediscache_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/greenroomlive/greenroom/internal/adapter/adaptertest/l2test"
	"github.com/greenroomlive/greenroom/internal/core/ident"
	"github.com/greenroomlive/greenroom/internal/flow/query"
	"github.com/greenroomlive/greenroom/internal/stage"
)

// crowd is enough rooms for every master to have some.
func crowd(version ident.Version) (batch []query.Kept, rooms []ident.RoomID) {
	for id := ident.RoomID(1); id <= 300; id++ {
		batch, rooms = append(batch, l2test.Kept(id, version, 0)), append(rooms, id)
	}
	return batch, rooms
}

// One cluster for all: what it takes to bring it up is more than what most of them do with it.
func TestCluster(t *testing.T) {
	nodes := startCluster(t)
	l2test.Second(t, func(t *testing.T) query.Second {
		flush(t, nodes)
		return connect(t, nil, nodes.Addrs()...)
	})
	for _, c := range []struct {
		promise string
		test    func(*testing.T, *stage.RedisCluster)
	}{
		{"the rooms are spread over the masters, and one node tells of the others", spread},
		{"a batch is one round trip to each master", oneRoundTrip},
		{"flushed, it is filled again", flushed},
		{"who waits for a frozen master is let go, and the others are asked as before", frozen},
		{"a killed master's replica takes over under load", failover},
		{"gone, and back", gone},
	} {
		t.Run(c.promise, func(t *testing.T) {
			flush(t, nodes)
			c.test(t, nodes)
		})
	}
}

func flush(t *testing.T, c *stage.RedisCluster) {
	t.Helper()
	if err := c.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
}

// masters are those of the moment.
func masters(t *testing.T, c *stage.RedisCluster) (out []*server) {
	t.Helper()
	for _, r := range c.Nodes {
		if r.Running() && r.IsMaster(t.Context()) == nil {
			out = append(out, &server{r, t})
		}
	}
	return out
}

func spread(t *testing.T, nodes *stage.RedisCluster) {
	c := connect(t, nil, nodes.Nodes[0].Addr())
	batch, _ := crowd(1)
	offer(t, c, batch...)
	for _, s := range masters(t, nodes) {
		if n := s.ask("DBSIZE"); n == "0" {
			t.Errorf("the node at %s has none", s.Addr())
		}
	}
}

// What a server reads at once came in one go: a pipeline of a hundred commands is a few reads, one by one they are a hundred.
func oneRoundTrip(t *testing.T, nodes *stage.RedisCluster) {
	c := connect(t, nil, nodes.Addrs()...)
	batch, rooms := crowd(1)
	offer(t, c, batch...)
	for _, way := range []struct {
		command string
		call    func() error
	}{
		{"get", func() error { _, err := c.Fetch(t.Context(), rooms); return err }},
		{"evalsha", func() error { return c.Offer(t.Context(), batch) }},
	} {
		for _, s := range masters(t, nodes) {
			s.ask("CONFIG", "RESETSTAT")
		}
		if err := way.call(); err != nil {
			t.Fatal(err)
		}
		total := 0
		for _, s := range masters(t, nodes) {
			commands := stat(t, s.ask("INFO", "commandstats"), "cmdstat_"+way.command+":calls=")
			reads := stat(t, s.ask("INFO", "stats"), "total_reads_processed:")
			if commands < 50 || reads*2 > commands {
				t.Errorf("%s: %d commands in %d reads", way.command, commands, reads)
			}
			total += commands
		}
		if total != len(rooms) {
			t.Errorf("%s: %d commands for %d rooms", way.command, total, len(rooms))
		}
	}
}

// stat is the number behind a name in what INFO says.
func stat(t *testing.T, info, name string) int {
	t.Helper()
	_, rest, found := strings.Cut(info, name)
	if !found {
		t.Fatalf("no %s in:\n%s", name, info)
	}
	n, err := strconv.Atoi(rest[:strings.IndexFunc(rest, func(r rune) bool { return r < '0' || r > '9' })])
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func flushed(t *testing.T, nodes *stage.RedisCluster) {
	c := connect(t, nil, nodes.Addrs()...)
	batch, rooms := crowd(7)
	offer(t, c, batch...)
	flush(t, nodes)
	if found, err := c.Fetch(t.Context(), rooms); err != nil || len(found) > 0 {
		t.Fatalf("found %d, %v", len(found), err)
	}
	older, _ := crowd(3) // nobody remembers that there were newer ones: that is for the reader to know
	offer(t, c, older...)
	if found, err := c.Fetch(t.Context(), rooms); err != nil || len(found) != len(rooms) {
		t.Fatalf("found %d, %v", len(found), err)
	}
}

// own is a room that the server has.
func own(t *testing.T, s *server, n int) ident.RoomID {
	t.Helper()
	keys := strings.Fields(s.ask("KEYS", "greenroom:e1:room:*"))
	slices.Sort(keys)
	id, err := strconv.ParseInt(strings.TrimPrefix(keys[n], "greenroom:e1:room:"), 10, 64)
	if err != nil {
		t.Fatal(err)
	}
	return ident.RoomID(id)
}

func frozen(t *testing.T, nodes *stage.RedisCluster) {
	c := connect(t, nil, nodes.Addrs()...)
	batch, rooms := crowd(1)
	offer(t, c, batch...)
	all := masters(t, nodes)
	there, elsewhere := own(t, all[0], 0), own(t, all[1], 0)
	all[0].Pause()
	defer all[0].Resume()
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if _, err := c.Fetch(ctx, []ident.RoomID{there, elsewhere}); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("the frozen master's room: %v", err)
	}
	if err := c.Offer(ctx, []query.Kept{l2test.Kept(there, 2, 0)}); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("an offer to the frozen master: %v", err)
	}
	if versionOf(t, c, elsewhere) != 1 {
		t.Error("another master's room is not found")
	}
	all[0].Resume()
	answers(t, c, rooms...)
}

// failover kills a master while rooms are offered and fetched: whoever asks is answered or let go, what is found was offered, and
// once the replica has taken over everything is as before.
func failover(t *testing.T, nodes *stage.RedisCluster) {
	c := connect(t, nil, nodes.Addrs()...)
	victim := masters(t, nodes)[0]
	var offered atomic.Int64
	var failed, found int
	load := func(ctx context.Context) error {
		ctx, cancel := context.WithTimeout(ctx, 100*time.Millisecond)
		defer cancel()
		v := ident.Version(offered.Add(1))
		batch, rooms := crowd(v)
		err := c.Offer(ctx, batch)
		kept, ferr := c.Fetch(ctx, rooms)
		for _, k := range kept {
			if k.Version > v {
				t.Errorf("room %s: version %d, and %d is the newest that was offered", k.ID, k.Version, v)
			}
		}
		found += len(kept)
		return errors.Join(err, ferr)
	}
	ctx, stop := context.WithCancel(t.Context())
	var all sync.WaitGroup
	all.Go(func() {
		for ctx.Err() == nil {
			if load(ctx) != nil {
				failed++
			}
		}
	})
	victim.Kill()
	eventually(t, "another master", func(context.Context) error {
		if n := len(masters(t, nodes)); n != 3 {
			return fmt.Errorf("%d masters", n)
		}
		return nil
	})
	stop()
	all.Wait()
	t.Logf("%d rounds, %d failed, %d rooms found", offered.Load(), failed, found)
	if failed == 0 {
		t.Error("nothing failed: the test shows nothing")
	}
	if found == 0 {
		t.Error("one dead master took the rooms of all with it")
	}
	eventually(t, "the end of errors", load)
	batch, rooms := crowd(ident.Version(offered.Load() + 1))
	offer(t, c, batch...)
	kept, err := c.Fetch(t.Context(), rooms)
	if err != nil || len(kept) != len(rooms) {
		t.Fatalf("found %d, %v", len(kept), err)
	}
	for _, k := range kept {
		if k.Version != batch[0].Version {
			t.Fatalf("room %s: version %d instead of %d", k.ID, k.Version, batch[0].Version)
		}
	}
	victim.start()
	if err := nodes.Ready(t.Context()); err != nil {
		t.Fatal(err)
	}
}

func gone(t *testing.T, nodes *stage.RedisCluster) {
	c := connect(t, nil, nodes.Addrs()...)
	batch, rooms := crowd(1)
	offer(t, c, batch...)
	for _, r := range nodes.Nodes {
		r.Kill()
	}
	if _, err := c.Fetch(t.Context(), rooms); err == nil {
		t.Error("fetched from the dead")
	}
	for _, r := range nodes.Nodes {
		if err := r.Begin(); err != nil {
			t.Fatal(err)
		}
	}
	if err := nodes.Ready(t.Context()); err != nil {
		t.Fatal(err)
	}
	answers(t, c, rooms...)
	offer(t, c, batch...)
}
