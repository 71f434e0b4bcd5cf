// Package cli is the command line: every command is one call of the public client, and one
// printing of what came back.
//
// Flags are also environment variables (GREENROOM_TOKEN) and keys of a YAML file (--config). Results go to
// stdout, errors to stderr as "greenroom: CODE: message (field …; request id …)". The process's status
// is 0 for success, 1 for a fault and 2 for a command line that makes no sense. An interrupt ends a
// command that follows something with 0. With --json each result is one JSON object a line, with the names
// of the protos. Tokens and other secrets are never printed, but for a stream key when it is made and a
// token when it is minted, which is what was asked for.
package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"os/signal"
	"slices"
	"strings"
	"syscall"

	"github.com/alecthomas/kong"
	kongyaml "github.com/alecthomas/kong-yaml"

	greenroom "github.com/greenroomlive/greenroom/client"
	"github.com/greenroomlive/greenroom/internal/core/fault"
)

// Globals are the flags of all commands. A command plugged in by Main's caller asks for them with a
// parameter of type *Globals.
type Globals struct {
	CommandURL string          `help:"Address of the B side: commands." default:"${command_url}" placeholder:"URL"`
	QueryURL   string          `help:"Address of the C side: reads and the feed." default:"${query_url}" placeholder:"URL"`
	Token      string          `placeholder:"TOKEN" help:"Bearer token. Without it the ops token that 'greenroom dev' left in the data folder is used."`
	Data       string          `help:"Data folder of 'greenroom dev'." default:"./greenroom-data" type:"path" placeholder:"DIR"`
	JSON       bool            `help:"Print JSON, one object a line."`
	Config     kong.ConfigFlag `help:"YAML file with flags as keys." type:"existingfile" placeholder:"FILE"`
}

// grammar is the whole command line.
type grammar struct {
	Globals

	Room     roomCmd     `cmd:"" help:"Rooms: create, edit, start, stop, and what viewers see."`
	Key      keyCmd      `cmd:"" help:"Stream keys of a room."`
	Area     areaCmd     `cmd:"" help:"The tree of areas that rooms are filed under."`
	Session  sessionCmd  `cmd:"" help:"Broadcasts of a room."`
	Control  controlCmd  `cmd:"" help:"Room control, for staff: warn, cut, hide and lock rooms, and take it back."`
	People   peopleCmd   `cmd:"" help:"People of a room and of the platform: roles, mutes, bans."`
	Rules    rulesCmd    `cmd:"" help:"Rules of speech of a room and of the platform."`
	Trace    traceCmd    `cmd:"" help:"The way of a room's last changes, from the command to the viewers."`
	Parked   parkedCmd   `cmd:"" help:"Events that could not be applied; their rooms wait."`
	Schedule scheduleCmd `cmd:"" help:"What anchors plan to broadcast, once or again and again."`
	Extend   extendCmd   `cmd:"" help:"What hangs in a room beside the stream: announcement, pinned message, badges."`
	Audit    auditCmd    `cmd:"" help:"Who changed what, when, why and from where; for staff."`
	Audience audienceCmd `cmd:"" help:"Who watches a room: now, and minute by minute."`
	Hot      hotCmd      `cmd:"" help:"The rooms that a crowd of viewers reads now, the most read first."`
	Zone     zoneCmd     `cmd:"" help:"Zones: how they stand, and whether they take readers."`
	Switch   switchCmd   `cmd:"" help:"What operators turn off and on while the house runs."`
	Rebuild  rebuildCmd  `cmd:"" help:"Build the viewers' database anew, while it is in use."`
	Explain  explainCmd  `cmd:"" help:"How something goes through the code."`
	Tokens   tokenCmd    `cmd:"" name:"token" help:"Bearer tokens of the B side."`
	Ready    readyCmd    `cmd:"" help:"Whether a process may get traffic: for health checks."`
	Version  versionCmd  `cmd:"" help:"Print the version."`
}

// Exit statuses.
const (
	statusOK    = 0
	statusFault = 1
	statusUsage = 2
)

// exit carries kong's wish to leave (after --help) out of the parser.
type exit int

// Main runs the command line and returns the process's status. Extra options plug in more
// commands (kong.DynamicCommand); their Run may take a context.Context that ends on an interrupt, the
// io.Writer of the results, and *Globals.
func Main(args []string, stdout, stderr io.Writer, extra ...kong.Option) int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	return run(ctx, args, stdout, stderr, extra...)
}

func run(ctx context.Context, args []string, stdout, stderr io.Writer, extra ...kong.Option) (status int) {
	defer func() {
		p := recover()
		if code, ok := p.(exit); ok {
			status = int(code)
		} else if p != nil {
			panic(p)
		}
	}()
	parser, err := grammarWith(ctx, stdout, stderr, extra...)
	if err != nil {
		return complain(stderr, err, statusUsage)
	}
	command, err := parser.Parse(args)
	if err != nil {
		_ = complain(stderr, err, statusUsage)
		fmt.Fprintln(stderr, "Try 'greenroom --help'.")
		return statusUsage
	}
	if err := command.Run(); err != nil && ctx.Err() == nil {
		return complain(stderr, err, statusFault)
	}
	return statusOK
}

// grammarWith is the parser of the whole command line, with what is plugged in.
func grammarWith(ctx context.Context, stdout, stderr io.Writer, extra ...kong.Option) (*kong.Kong, error) {
	var g grammar
	return kong.New(&g, append([]kong.Option{
		kong.Name("greenroom"), kong.Description("The room service of a live-streaming platform."),
		kong.Vars{"command_url": greenroom.DefaultCommandURL, "query_url": greenroom.DefaultQueryURL},
		kong.DefaultEnvars("GREENROOM"), kong.Configuration(file),
		kong.ConfigureHelp(kong.HelpOptions{Compact: true}),
		kong.Writers(stdout, stderr), kong.Exit(func(code int) { panic(exit(code)) }),
		kong.Bind(&g.Globals), kong.BindTo(ctx, (*context.Context)(nil)), kong.BindTo(stdout, (*io.Writer)(nil)),
		kong.BindSingletonProvider(newSession),
	}, extra...)...)
}

// file reads the YAML file. Kong would let it overrule the environment; here what is closer to the call
// wins: flag, environment, file, default.
func file(r io.Reader) (kong.Resolver, error) {
	settings, err := kongyaml.Loader(r)
	if err != nil {
		return nil, err
	}
	return kong.ResolverFunc(func(c *kong.Context, parent *kong.Path, flag *kong.Flag) (any, error) {
		for _, name := range flag.Envs {
			if _, set := os.LookupEnv(name); set {
				return nil, nil
			}
		}
		return settings.Resolve(c, parent, flag)
	}), nil
}

// Model describes every command, flag and argument, for the reference.
func Model(extra ...kong.Option) (*kong.Application, error) {
	parser, err := grammarWith(context.Background(), io.Discard, io.Discard, extra...)
	if err != nil {
		return nil, err
	}
	return parser.Model, nil
}

// complain prints the error the way all doors name faults.
func complain(w io.Writer, err error, status int) int {
	fmt.Fprintln(w, "greenroom: "+describe(err))
	return status
}

func describe(err error) string {
	code, message, requestID := "", err.Error(), ""
	var details map[string]string
	if e, ok := errors.AsType[*greenroom.Error](err); ok {
		code, message, requestID, details = e.Code, e.Message, e.RequestID, e.Details
	} else if f, ok := errors.AsType[*fault.Error](err); ok {
		code, message, details = f.Code.Name, f.Message, f.Details
	}
	if code != "" {
		message = code + ": " + message
	}
	var facts []string
	for _, name := range slices.Sorted(maps.Keys(details)) {
		facts = append(facts, name+" "+details[name])
	}
	if errors.Is(err, syscall.ECONNREFUSED) {
		facts = append(facts, "is 'greenroom dev' running?")
	}
	if code == fault.ConfirmationNeeded.Name {
		facts = append(facts, "another person types 'greenroom control confirm "+details["proposal_id"]+"'")
	}
	if requestID != "" {
		facts = append(facts, "request id "+requestID)
	}
	if len(facts) > 0 {
		message += " (" + strings.Join(facts, "; ") + ")"
	}
	return message
}
