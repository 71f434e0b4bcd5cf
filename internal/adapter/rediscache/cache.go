package rediscache

import (
	"context"
	"crypto/sha1" //nolint:gosec // Redis names scripts by it; nothing is protected
	_ "embed"     // the script
	"encoding/hex"
	"errors"
	"log/slog"
	"net"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/redis/rueidis"

	"github.com/greenroomlive/greenroom/internal/core/ident"
	"github.com/greenroomlive/greenroom/internal/flow/query"
)

const (
	// dialWithin bounds a connection attempt, silentFor how long a server may leave a connection unanswered
	// before that is given up. Callers wait far less; this is for who comes after them.
	dialWithin = time.Second
	silentFor  = 2 * time.Second
	// connectAgain is the pause between attempts to find Redis at the start.
	connectAgain = time.Second
	// bufferBytes is a connection's read and write buffer: some fifty rooms.
	bufferBytes = 64 << 10
)

//go:embed set.lua
var setScript string

var errNotConnected = errors.New("rediscache: not connected yet")

// Config says where L2 is.
type Config struct {
	// Addrs are HOST:PORT of one server, or of some nodes of a cluster; it tells the others. Required.
	Addrs []string
	// Log names the log of which the rooms are, as in command.Store's epoch; zones that share a Redis put theirs before
	// it, <zone>:<epoch>. Required.
	Log string
	// Damaged is told how many values could not be used; may be nil.
	Damaged func(n int)
	Logger  *slog.Logger
}

// Cache is a query.Second. Safe for concurrent use.
type Cache struct {
	addrs   []string
	prefix  string
	life    string // query.SecondLife in ms
	sha     string
	damaged func(n int)
	log     *slog.Logger
	client  atomic.Pointer[rueidis.Client]
}

var _ query.Second = (*Cache)(nil)

// New makes a cache; Run connects it.
func New(c Config) *Cache {
	sum := sha1.Sum([]byte(setScript)) //nolint:gosec // Redis names scripts by it; nothing is protected
	if c.Damaged == nil {
		c.Damaged = func(int) {}
	}
	return &Cache{
		addrs: c.Addrs, prefix: "greenroom:" + c.Log + ":room:", life: strconv.FormatInt(query.SecondLife.Milliseconds(), 10),
		sha: hex.EncodeToString(sum[:]), damaged: c.Damaged, log: c.Logger,
	}
}

// Run connects and stays connected until ctx ends. That nobody answers is no error: L2 is then away, as it may be
// at any other time.
func (c *Cache) Run(ctx context.Context) error {
	said := false
	for {
		client, err := rueidis.NewClient(rueidis.ClientOption{
			InitAddress: c.addrs, ClientName: "greenroom",
			Dialer: net.Dialer{Timeout: dialWithin}, ConnWriteTimeout: silentFor,
			ReadBufferEachConn: bufferBytes, WriteBufferEachConn: bufferBytes,
			DisableCache: true, // L1 is told of changes by events; what Redis would tell is older
			DisableRetry: true,
		})
		if err == nil {
			c.client.Store(&client)
			c.log.Info("L2 is connected", "addrs", c.addrs)
			<-ctx.Done()
			c.client.Store(nil)
			client.Close()
			return nil
		}
		if !said {
			c.log.Warn("L2 does not answer, will try again", "addrs", c.addrs, "error", err)
			said = true
		}
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(connectAgain):
		}
	}
}

func (c *Cache) key(id ident.RoomID) string { return c.prefix + id.String() }

// Fetch is query.Second: one pipeline for each node of the cluster that has some of the rooms. A node that is down costs
// its own rooms only; a call that ran out of time fails, so that whoever guards this notices.
func (c *Cache) Fetch(ctx context.Context, ids []ident.RoomID) ([]query.Kept, error) {
	client := c.client.Load()
	if client == nil {
		return nil, errNotConnected
	}
	commands := make(rueidis.Commands, len(ids))
	for i, id := range ids {
		commands[i] = (*client).B().Get().Key(c.key(id)).Build()
	}
	out := make([]query.Kept, 0, len(ids))
	answered, damaged := 0, 0
	var failed error
	for i, result := range (*client).DoMulti(ctx, commands...) {
		value, err := result.AsBytes()
		if err != nil && !rueidis.IsRedisNil(err) {
			failed = err
			continue
		}
		answered++
		if err != nil {
			continue
		}
		k, err := decode(ids[i], value)
		if err != nil {
			damaged++
			continue
		}
		out = append(out, k)
	}
	if damaged > 0 {
		c.damaged(damaged)
	}
	if failed != nil && (answered == 0 || ctx.Err() != nil) {
		return nil, failed
	}
	return out, nil
}

// Offer is query.Second.
func (c *Cache) Offer(ctx context.Context, entries []query.Kept) error {
	client := c.client.Load()
	if client == nil {
		return errNotConnected
	}
	sets := make([]set, len(entries))
	for i, k := range entries {
		sets[i] = set{c.key(k.ID), rueidis.BinaryString(encode(k))}
	}
	unknown, err := c.send(ctx, *client, sets, false)
	if len(unknown) > 0 {
		// A server that has just started does not know the script. Sent in full once, it does.
		_, again := c.send(ctx, *client, unknown, true)
		err = errors.Join(err, again)
	}
	return err
}

type set struct{ key, value string }

// send runs the script for each set, by its name or in full, and returns those whose server does not know
// the name. The last error stands for all.
func (c *Cache) send(ctx context.Context, client rueidis.Client, sets []set, inFull bool) (unknown []set, err error) {
	commands := make(rueidis.Commands, len(sets))
	for i, s := range sets {
		if inFull {
			commands[i] = client.B().Eval().Script(setScript).Numkeys(1).Key(s.key).Arg(s.value, c.life).Build()
		} else {
			commands[i] = client.B().Evalsha().Sha1(c.sha).Numkeys(1).Key(s.key).Arg(s.value, c.life).Build()
		}
	}
	for i, result := range client.DoMulti(ctx, commands...) {
		failed := result.Error()
		if said, ok := rueidis.IsRedisErr(failed); ok && said.IsNoScript() && !inFull {
			unknown = append(unknown, sets[i])
		} else if failed != nil {
			err = failed
		}
	}
	return unknown, err
}
