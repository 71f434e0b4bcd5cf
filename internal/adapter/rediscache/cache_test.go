package rediscache_test

import (
	"context"
	"log/slog"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/greenroomlive/greenroom/internal/adapter/adaptertest/l2test"
	"github.com/greenroomlive/greenroom/internal/adapter/rediscache"
	"github.com/greenroomlive/greenroom/internal/core/ident"
	"github.com/greenroomlive/greenroom/internal/flow/query"
)

func TestSingleServer(t *testing.T) {
	s := startServer(t)
	l2test.Second(t, func(t *testing.T) query.Second {
		s.ask("FLUSHALL")
		return connect(t, nil, s.Addr())
	})
}

func offer(t *testing.T, c *rediscache.Cache, entries ...query.Kept) {
	t.Helper()
	if err := c.Offer(t.Context(), entries); err != nil {
		t.Fatal(err)
	}
}

func versionOf(t *testing.T, c *rediscache.Cache, id ident.RoomID) ident.Version {
	t.Helper()
	found, err := c.Fetch(t.Context(), []ident.RoomID{id})
	if err != nil {
		t.Fatal(err)
	}
	return newest(found)
}

// newest is the version of what was found of one room; 0 for nothing.
func newest(found []query.Kept) ident.Version {
	if len(found) == 0 {
		return 0
	}
	return found[0].Version
}

const key = "greenroom:e1:room:1"

func TestAValueThatNobodyRenewsGoes(t *testing.T) {
	s := startServer(t)
	c := connect(t, nil, s.Addr())
	offer(t, c, l2test.Kept(1, 5, 0))
	life := func() int64 {
		ms, err := strconv.ParseInt(s.ask("PTTL", key), 10, 64)
		if err != nil {
			t.Fatal(err)
		}
		return ms
	}
	if ms := life(); ms <= 0 || ms > query.SecondLife.Milliseconds() {
		t.Errorf("it lives %d ms", ms)
	}
	s.ask("PEXPIRE", key, "5000")
	offer(t, c, l2test.Kept(1, 4, time.Hour)) // what is refused renews nothing
	if ms := life(); ms > 5000 {
		t.Errorf("an older version let it live %d ms", ms)
	}
	offer(t, c, l2test.Kept(1, 5, time.Hour))
	if ms := life(); ms <= 5000 {
		t.Errorf("a newer proof lets it live %d ms", ms)
	}
}

func TestADamagedValueIsAMissAndIsCounted(t *testing.T) {
	s := startServer(t)
	var damaged atomic.Int64
	c := connect(t, func(n int) { damaged.Add(int64(n)) }, s.Addr())
	for _, damage := range []struct {
		name string
		do   func()
	}{
		{"cut", func() { s.ask("SET", key, "\x01\x02") }},
		{"one byte longer", func() { s.ask("APPEND", key, "x") }},
		{"altered in the version", func() { s.ask("SETRANGE", key, "7", "\x7f") }},
		{"altered in the answer", func() { s.ask("SETRANGE", key, "40", "#") }},
		{"of another room", func() { offer(t, c, l2test.Kept(2, 9, 0)); s.ask("COPY", "greenroom:e1:room:2", key, "REPLACE") }},
		{"empty", func() { s.ask("SET", key, "") }},
	} {
		t.Run(damage.name, func(t *testing.T) {
			s.ask("DEL", key)
			offer(t, c, l2test.Kept(1, 5, 0))
			damage.do()
			before := damaged.Load()
			if v := versionOf(t, c, 1); v != 0 {
				t.Errorf("version %d is shown", v)
			}
			if n := damaged.Load() - before; n != 1 {
				t.Errorf("counted %d times", n)
			}
		})
	}
	t.Run("too short to compare, it is replaced", func(t *testing.T) {
		s.ask("SET", key, "short")
		offer(t, c, l2test.Kept(1, 1, 0))
		if v := versionOf(t, c, 1); v != 1 {
			t.Errorf("version %d", v)
		}
	})
}

func TestAServerThatComesLate(t *testing.T) {
	s := startServer(t)
	s.Stop()
	c := rediscache.New(rediscache.Config{Addrs: []string{s.Addr()}, Log: "e1", Logger: slog.New(slog.DiscardHandler)})
	if _, err := c.Fetch(t.Context(), []ident.RoomID{1}); err == nil {
		t.Fatal("fetched from nobody")
	}
	if err := c.Offer(t.Context(), []query.Kept{l2test.Kept(1, 1, 0)}); err == nil {
		t.Fatal("offered to nobody")
	}
	run(t, c)
	s.start()
	answers(t, c)
	offer(t, c, l2test.Kept(1, 5, 0))

	s.Kill()
	if _, err := c.Fetch(t.Context(), []ident.RoomID{1}); err == nil {
		t.Fatal("fetched from the dead")
	}
	s.start() // empty, and without the script
	// There are several connections, and each is renewed when it is found dead: one that answers says nothing of the others.
	shows := func(want ident.Version) {
		eventually(t, "a fetch that is answered", func(ctx context.Context) error {
			found, err := c.Fetch(ctx, []ident.RoomID{1})
			if err != nil {
				return err
			}
			if got := newest(found); got != want {
				t.Errorf("version %d is shown, not %d", got, want)
			}
			return nil
		})
	}
	shows(0)
	eventually(t, "an offer that is taken", func(ctx context.Context) error {
		return c.Offer(ctx, []query.Kept{l2test.Kept(1, 3, 0)})
	})
	shows(3)
}

// One write is one command: what a batch costs is one way there and one back.
func TestABatchIsOneCommandARoom(t *testing.T) {
	s := startServer(t)
	c := connect(t, nil, s.Addr())
	offer(t, c, l2test.Kept(1, 1, 0)) // brings the script
	s.ask("CONFIG", "RESETSTAT")
	var batch []query.Kept
	for id := ident.RoomID(1); id <= 100; id++ {
		batch = append(batch, l2test.Kept(id, 2, 0))
	}
	offer(t, c, batch...)
	stats := s.ask("INFO", "commandstats")
	if !strings.Contains(stats, "cmdstat_evalsha:calls=100,") || strings.Contains(stats, "cmdstat_eval:") {
		t.Errorf("%s", stats)
	}
}

func TestLogsDoNotMeet(t *testing.T) {
	s := startServer(t)
	offer(t, connect(t, nil, s.Addr()), l2test.Kept(1, 5, 0))
	other := rediscache.New(rediscache.Config{Addrs: []string{s.Addr()}, Log: "e2", Logger: slog.New(slog.DiscardHandler)})
	run(t, other)
	answers(t, other)
	if v := versionOf(t, other, 1); v != 0 {
		t.Errorf("version %d of another log", v)
	}
}
