package app

import (
	"fmt"
	"log/slog"
	"net"
	"os"
	"runtime/debug"
	"time"

	"github.com/greenroomlive/greenroom/internal/core/room"
)

// Broadcasters are the flags of the broadcasters' side.
type Broadcasters struct {
	CommandAddr string `default:"127.0.0.1:8080" help:"Broadcasters' side: REST, Connect, gRPC, hooks, console, metrics."`

	Lease time.Duration `default:"10s" help:"How long a session lives without a sign of its stream."`
	Grace time.Duration `default:"30s" help:"How long an interrupted session waits for its encoder."`

	TwoPersonAbove int64 `default:"10000" placeholder:"N" help:"From more viewers on, a second person has to confirm an intervention of staff. 0: never."`

	Media `embed:""`

	ConsoleHosts []string `placeholder:"NAME" help:"Names by which browsers reach the console, besides those of loopback."`
}

func (f Broadcasters) terms() room.Terms { return room.Terms{Lease: f.Lease, Grace: f.Grace} }

// Viewers are the flags of the viewers' side.
type Viewers struct {
	QueryAddr      string `default:"127.0.0.1:8000" help:"Viewers' side: HTTP."`
	QueryGRPCAddr  string `name:"query-grpc-addr" default:"127.0.0.1:8001" help:"Viewers' side: gRPC."`
	QueryAdminAddr string `default:"127.0.0.1:8002" help:"Viewers' side: metrics and probes, not for viewers."`

	L1MiB      int64         `name:"l1-mib" env:"GREENROOM_L1_MIB" default:"2048" placeholder:"N" help:"Memory for the rooms that are not on air, in MiB; a million of usual size take about 1,000. Rooms on air stay in memory whatever they take."`
	L2Redis    []string      `name:"l2-redis" env:"GREENROOM_L2_REDIS" placeholder:"HOST:PORT" help:"Redis that the viewers' nodes of a zone share: a server, or some nodes of a cluster. Empty: none."`
	HedgeAfter time.Duration `default:"0s" placeholder:"DURATION" help:"Ask L2 or L3 a second time when the first answer takes longer, for one question in ten at most. 0: never."`

	HotFrom float64 `default:"500" placeholder:"N" help:"Reads a second of one room, on one node, from which it is hot: announced to all nodes and kept warm."`

	Admission `embed:""`
}

// Validate is kong's: what is mistyped is said at once, and not logged again and again.
func (f Viewers) Validate() error { return addresses("--l2-redis", f.L2Redis) }

// addresses says which of them is none.
func addresses(flag string, all []string) error {
	for _, addr := range all {
		if _, _, err := net.SplitHostPort(addr); err != nil {
			return fmt.Errorf("%s: %w", flag, err)
		}
	}
	return nil
}

// gcPercent lets the heap grow to three times what lives: with few rooms the live part is small, and commands
// make much that dies young. With a million rooms that would be gigabytes of nothing: from the memory limit on
// the collector works more often instead. GOGC and GOMEMLIMIT overrule both.
const gcPercent = 200

// boundMemory sets the limit to L1 when it is full, half of it again for rooms on air and for what dies young, and
// what the rest needs.
func (f Viewers) boundMemory() {
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(gcPercent)
	}
	if os.Getenv("GOMEMLIMIT") == "" {
		debug.SetMemoryLimit(f.L1MiB<<20*3/2 + 1<<30)
	}
}

// Reports are the flags about what a process tells of itself.
type Reports struct {
	OTLPEndpoint string     `name:"otlp-endpoint" placeholder:"URL" help:"Send traces to this OTLP/HTTP endpoint, as in http://127.0.0.1:4318. Off by default."`
	LogLevel     slog.Level `default:"info" help:"debug, info, warn or error."`
}

func (f Reports) logger() *slog.Logger {
	return slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: f.LogLevel}))
}
