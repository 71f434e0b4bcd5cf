package app

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"syscall"

	"github.com/alecthomas/kong"

	"github.com/greenroomlive/greenroom/internal/door/auth"
	"github.com/greenroomlive/greenroom/internal/door/cli"
	"github.com/greenroomlive/greenroom/internal/flow/command"
)

// Dev is `greenroom dev`: all roles in one process on embedded engines. Each field is a flag, an
// environment variable (GREENROOM_<FLAG>) and a key of the YAML file.
type Dev struct {
	Viewers      `embed:""`
	Broadcasters `embed:""`
	Reports      `embed:""`

	Examples bool `help:"Make a few example rooms when there are none."`
}

// Validate is kong's.
func (d *Dev) Validate() error { return d.Viewers.Validate() }

// devEnv is what dev takes from the command line besides its own flags.
type devEnv struct {
	Data, Token string
	Stdout      io.Writer
}

// Commands plugs `greenroom dev`, `serve` and `migrate` into the command line.
func Commands() kong.Option {
	return kong.OptionFunc(func(k *kong.Kong) error {
		return errors.Join(
			kong.Vars{"roles": strings.Join(roleNames(), ", ")}.Apply(k),
			kong.DynamicCommand("dev", "Serve: all roles in one process, no other software needed.", "", &Dev{}).Apply(k),
			kong.DynamicCommand("serve", "Serve: some roles of a fleet, on MySQL, NATS and Redis.", "", &Serve{}).Apply(k),
			kong.DynamicCommand("migrate", "Bring the fleet's databases to this version's schema.", "", &migrateCmd{}).Apply(k),
		)
	})
}

// Run serves until ctx ends. It prints the addresses, the token, and a last line when it is ready;
// what goes on later is logged to stderr.
func (d *Dev) Run(ctx context.Context, stdout io.Writer, g *cli.Globals) error {
	d.boundMemory()
	env := devEnv{Data: g.Data, Token: g.Token, Stdout: stdout}
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
	h, err := openHouse(ctx, d, env.Data, token, d.logger())
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

// listeners are the addresses of a process.
type listeners struct{ command, query, grpc, admin net.Listener }

var devCaller = command.Caller{Subject: "dev", Scopes: []command.Scope{command.ScopeOps}}

// seed gives an empty house a few areas and widget types, and example rooms when they are wanted.
func (d *Dev) seed(ctx context.Context, a *command.Anchor) error {
	meta := command.Meta{Caller: devCaller, Door: "start"}
	if err := errors.Join(a.SeedAreas(ctx, meta, exampleAreas, exampleOrder),
		command.NewExtend(a).SeedWidgetTypes(ctx, meta, exampleWidgets)); err != nil {
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
