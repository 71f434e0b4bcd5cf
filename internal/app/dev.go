package app

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"runtime/debug"
	"syscall"
	"time"

	"github.com/alecthomas/kong"

	"github.com/greenroomlive/greenroom/internal/core/room"
	"github.com/greenroomlive/greenroom/internal/door/auth"
	"github.com/greenroomlive/greenroom/internal/door/cli"
	"github.com/greenroomlive/greenroom/internal/flow/command"
)

// Dev is `greenroom dev`: all roles in one process on embedded engines. Each field is a flag, an
// environment variable (GREENROOM_<FLAG>) and a key of the YAML file.
type Dev struct {
	QueryAddr      string `default:"127.0.0.1:8000" help:"Viewers' side: HTTP."`
	QueryGRPCAddr  string `name:"query-grpc-addr" default:"127.0.0.1:8001" help:"Viewers' side: gRPC."`
	QueryAdminAddr string `default:"127.0.0.1:8002" help:"Viewers' side: metrics and probes, not for viewers."`
	CommandAddr    string `default:"127.0.0.1:8080" help:"Broadcasters' side: REST, Connect, gRPC, hooks, console, metrics."`

	Lease time.Duration `default:"10s" help:"How long a session lives without a sign of its stream."`
	Grace time.Duration `default:"30s" help:"How long an interrupted session waits for its encoder."`

	L1MiB      int64         `name:"l1-mib" env:"GREENROOM_L1_MIB" default:"2048" placeholder:"N" help:"Memory for the rooms that are not on air, in MiB; a million of usual size take about 1,000. Rooms on air stay in memory whatever they take."`
	L2Redis    []string      `name:"l2-redis" env:"GREENROOM_L2_REDIS" placeholder:"HOST:PORT" help:"Redis that the viewers' nodes of a zone share: a server, or some nodes of a cluster. Empty: none."`
	HedgeAfter time.Duration `default:"0s" placeholder:"DURATION" help:"Ask L2 or L3 a second time when the first answer takes longer, for one question in ten at most. 0: never."`

	HotFrom float64 `default:"500" placeholder:"N" help:"Reads a second of one room, on one node, from which it is hot: announced to all nodes and kept warm."`

	Media `embed:""`

	ConsoleHosts []string `placeholder:"NAME" help:"Names by which browsers reach the console, besides those of loopback."`

	Admission `embed:""`

	Examples     bool       `help:"Make a few example rooms when there are none."`
	OTLPEndpoint string     `name:"otlp-endpoint" placeholder:"URL" help:"Send traces to this OTLP/HTTP endpoint, as in http://127.0.0.1:4318. Off by default."`
	LogLevel     slog.Level `default:"info" help:"debug, info, warn or error."`
}

// Validate is kong's: what is mistyped is said at once, and not logged again and again.
func (d *Dev) Validate() error {
	for _, addr := range d.L2Redis {
		if _, _, err := net.SplitHostPort(addr); err != nil {
			return fmt.Errorf("--l2-redis: %w", err)
		}
	}
	return nil
}

// gcPercent lets the heap grow to three times what lives: with few rooms the live part is small, and commands
// make much that dies young. With a million rooms that would be gigabytes of nothing: from the memory limit on
// the collector works more often instead. GOGC and GOMEMLIMIT overrule both.
const gcPercent = 200

// memoryLimit is L1 when it is full, half of it again for rooms on air and for what dies young, and what the rest needs.
func (d *Dev) memoryLimit() int64 { return d.L1MiB<<20*3/2 + 1<<30 }

// devEnv is what dev takes from the command line besides its own flags.
type devEnv struct {
	Data, Token string
	Stdout      io.Writer
}

// Command plugs `greenroom dev` into the command line.
func Command() kong.Option {
	return kong.DynamicCommand("dev", "Serve: all roles in one process, no other software needed.", "", &Dev{})
}

// Run serves until ctx ends. It prints the addresses, the token, and a last line when it is ready;
// what goes on later is logged to stderr.
func (d *Dev) Run(ctx context.Context, stdout io.Writer, g *cli.Globals) error {
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(gcPercent)
	}
	if os.Getenv("GOMEMLIMIT") == "" {
		debug.SetMemoryLimit(d.memoryLimit())
	}
	env := devEnv{Data: g.Data, Token: g.Token, Stdout: stdout}
	logger := slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: d.LogLevel}))
	if err := os.MkdirAll(env.Data, 0o700); err != nil {
		return err
	}
	unlock, err := lockData(env.Data)
	if err != nil {
		return err
	}
	defer unlock()
	token, err := opsToken(env)
	if err != nil {
		return err
	}
	h, err := openHouse(ctx, d, env.Data, token, logger)
	if err != nil {
		return err
	}
	defer h.close()
	if err := h.listen(d); err != nil {
		return err
	}
	d.announce(env, h, token)
	return h.process().run(ctx, func(ctx context.Context) error {
		if err := d.seed(ctx, h.corridor.Anchor); err != nil {
			return err
		}
		_, err := fmt.Fprintln(env.Stdout, "ready")
		return err
	})
}

// lockData keeps a second process off the folder: two sequencers on one log would be two truths.
func lockData(dir string) (unlock func(), err error) {
	f, err := os.OpenFile(filepath.Join(dir, "lock"), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, err
	}
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		_ = f.Close()
		return nil, fmt.Errorf("%s is in use by another greenroom; stop it, or choose another --data", dir)
	}
	return func() { _ = f.Close() }, nil // closing releases the lock
}

// opsToken is the given one, or the one of the last start, or a new one; the command line finds it in the data folder.
func opsToken(env devEnv) (string, error) {
	token := env.Token
	if token == "" {
		var err error
		if token, err = auth.LoadOpsToken(env.Data); err != nil {
			return "", err
		}
	}
	if token == "" {
		token = auth.NewOpsToken()
	}
	return token, auth.SaveOpsToken(env.Data, token)
}

func (d *Dev) announce(env devEnv, h *house, token string) {
	row := func(name, value string) { _, _ = fmt.Fprintf(env.Stdout, "%-10s %s\n", name, value) }
	row("console", fmt.Sprintf("http://%s/?token=%s", h.at.command.Addr(), token))
	row("command", fmt.Sprintf("http://%s", h.at.command.Addr()))
	row("query", fmt.Sprintf("http://%s", h.at.query.Addr()))
	row("query-grpc", h.at.grpc.Addr().String())
	row("admin", fmt.Sprintf("http://%s", h.at.admin.Addr()))
	row("data", env.Data)
	row("token", token)
}

func (d *Dev) terms() room.Terms { return room.Terms{Lease: d.Lease, Grace: d.Grace} }

// listeners are the addresses of a process.
type listeners struct{ command, query, grpc, admin net.Listener }

var devCaller = command.Caller{Subject: "dev", Scopes: []command.Scope{command.ScopeOps}}

// seed gives an empty house a few areas, and example rooms when they are wanted.
func (d *Dev) seed(ctx context.Context, a *command.Anchor) error {
	meta := command.Meta{Caller: devCaller}
	if err := a.SeedAreas(ctx, meta, exampleAreas, exampleOrder); err != nil {
		return err
	}
	if !d.Examples {
		return nil
	}
	some, err := a.ListRooms(ctx, meta, 0, 0, 1)
	if err != nil || len(some) > 0 {
		return err
	}
	for _, e := range exampleRooms {
		r, err := a.CreateRoom(ctx, meta, e.anchor, e.is)
		if err != nil {
			return err
		}
		if !e.live {
			continue
		}
		if _, err := a.StartRoom(ctx, meta, r.ID); err != nil {
			return err
		}
	}
	return nil
}
