package natsbus

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
)

const (
	reconnectWait = 20 * time.Millisecond
	// watchEvery bounds how long a broker may work on a folder that is gone.
	watchEvery = 250 * time.Millisecond
	// startTimeout is for recovering a full store; beyond it the start counts as failed.
	startTimeout = 30 * time.Second
)

var errDown = errors.New("natsbus: the embedded broker is down")

// EmbeddedConfig of an Embedded.
type EmbeddedConfig struct {
	// Dir is the broker's folder. What is in it may be lost at any time, so nothing else belongs there.
	Dir string
	// MaxStore and MaxMemory bound all streams together, in bytes. Defaults 1 GiB and 64 MiB.
	MaxStore, MaxMemory int64
	Log                 *slog.Logger
}

// Embedded is a NATS server with JetStream inside this process: no port, no signals, no reports to
// anybody. Only connections made with Connect reach it.
//
// It looks after itself. When its folder vanishes or is replaced under it, it starts again on what
// is there now; a folder that cannot be opened is moved aside to <dir>.aside and a fresh one begun.
// Its connections notice a disconnect and come back.
type Embedded struct {
	cfg EmbeddedConfig

	mu  sync.Mutex
	srv *server.Server // nil while down
}

// NewEmbedded makes a broker that Run will start.
func NewEmbedded(cfg EmbeddedConfig) *Embedded {
	cfg.MaxStore = cmp.Or(cfg.MaxStore, 1<<30)
	cfg.MaxMemory = cmp.Or(cfg.MaxMemory, 64<<20)
	return &Embedded{cfg: cfg}
}

// Connect makes a connection that waits for the broker, may be made before Run, and outlives every
// restart. The caller closes it.
func (e *Embedded) Connect(name string) (*nats.Conn, error) {
	conn, err := nats.Connect("", append(ConnectOptions(name, e.cfg.Log), nats.InProcessServer(e))...)
	if err != nil {
		return nil, fmt.Errorf("natsbus: connect to the embedded broker: %w", err)
	}
	return conn, nil
}

// InProcessConn implements nats.InProcessConnProvider; it always leads to the present server.
func (e *Embedded) InProcessConn() (net.Conn, error) {
	e.mu.Lock()
	srv := e.srv
	e.mu.Unlock()
	if srv == nil {
		return nil, errDown
	}
	return srv.InProcessConn()
}

// Run keeps the broker running until ctx ends, then stops it and returns nil. A broker that cannot
// start is tried again for ever: the corridor works without it, through the direct courier.
func (e *Embedded) Run(ctx context.Context) error {
	for backoff := firstBackoff; ctx.Err() == nil; {
		err := e.life(ctx)
		if ctx.Err() != nil {
			break
		}
		wait := backoff
		if errors.Is(err, errWiped) {
			wait, backoff = 0, firstBackoff // a start worked; the next one will
		} else {
			backoff = min(2*backoff, maxBackoff)
		}
		e.cfg.Log.Warn("the embedded broker starts again", "reason", err, "in", wait)
		select {
		case <-ctx.Done():
		case <-time.After(wait):
		}
	}
	return nil
}

// life is one server from start to stop; it returns why it ended.
func (e *Embedded) life(ctx context.Context) error {
	srv, err := e.open()
	if err != nil {
		return err
	}
	store, err := holdFolder(filepath.Join(e.cfg.Dir, server.JetStreamStoreDir))
	if err == nil {
		e.set(srv)
		err = e.watch(ctx, srv, store)
		e.set(nil)
		store.release()
	}
	srv.Shutdown()
	srv.WaitForShutdown()
	if errors.Is(err, errHalfWiped) {
		// What is left is no longer a store: recovering half a stream would claim a Position
		// whose events are gone.
		return errors.Join(err, e.setAside())
	}
	return err
}

func (e *Embedded) set(srv *server.Server) {
	e.mu.Lock()
	e.srv = srv
	e.mu.Unlock()
}

// watch returns when the server no longer works on the folder it was given, or ctx ends.
func (e *Embedded) watch(ctx context.Context, srv *server.Server, store *folder) error {
	tick := time.NewTicker(watchEvery)
	defer tick.Stop()
	absent := 0
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
		if !store.inPlace() {
			return errWiped
		}
		if !srv.Running() || !srv.JetStreamEnabled() {
			return errors.New("natsbus: JetStream switched itself off")
		}
		// A stream that is being made or deleted may lack its folder for a moment: look twice.
		if absent++; e.streamsInPlace(srv) {
			absent = 0
		}
		if absent == 2 {
			return errHalfWiped
		}
	}
}

// open starts a server on the folder; when that fails, on a fresh one.
func (e *Embedded) open() (*server.Server, error) {
	srv, err := e.start()
	if err == nil {
		return srv, nil
	}
	e.cfg.Log.Warn("the broker's folder cannot be opened and is moved aside", "error", err)
	if err := e.setAside(); err != nil {
		return nil, err
	}
	return e.start()
}

func (e *Embedded) start() (*server.Server, error) {
	if err := os.MkdirAll(e.cfg.Dir, 0o700); err != nil {
		return nil, fmt.Errorf("natsbus: make the broker's folder: %w", err)
	}
	srv, err := server.NewServer(&server.Options{
		ServerName:             "greenroom",
		DontListen:             true,
		NoSigs:                 true,
		JetStream:              true,
		StoreDir:               e.cfg.Dir,
		JetStreamMaxStore:      e.cfg.MaxStore,
		JetStreamMaxMemory:     e.cfg.MaxMemory,
		DisableJetStreamBanner: true,
	})
	if err != nil {
		return nil, fmt.Errorf("natsbus: configure the broker: %w", err)
	}
	log := &serverLog{log: e.cfg.Log}
	srv.SetLoggerV2(log, false, false, false)
	srv.Start()
	err = log.fatal()
	if err == nil && !srv.ReadyForConnections(startTimeout) {
		err = fmt.Errorf("natsbus: the broker is not ready after %s", startTimeout)
	}
	if err == nil && !e.recovered(srv) {
		err = errors.New("natsbus: the broker left a stream of its folder out")
	}
	if err != nil {
		srv.Shutdown()
		srv.WaitForShutdown()
		return nil, err
	}
	return srv, nil
}

// setAside moves the folder to <dir>.aside, in the place of what was moved there before: one is
// enough to look into, and the disk stays bounded.
func (e *Embedded) setAside() error {
	aside := e.cfg.Dir + ".aside"
	if err := os.RemoveAll(aside); err != nil {
		return fmt.Errorf("natsbus: remove what was set aside before: %w", err)
	}
	if err := os.Rename(e.cfg.Dir, aside); err != nil && !errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("natsbus: set the broker's folder aside: %w", err)
	}
	return nil
}
