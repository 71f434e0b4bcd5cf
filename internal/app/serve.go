package app

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/greenroomlive/greenroom/internal/adapter/mysqlstore"
	"github.com/greenroomlive/greenroom/internal/door/cli"
)

// Serve is `greenroom serve`: some roles of a fleet in this process, on engines that the fleet shares. Each field
// is a flag, an environment variable (GREENROOM_<FLAG>) and a key of the YAML file. Any number of processes may
// have a role; none keeps anything that another could not do without.
type Serve struct {
	Role []string `required:"" placeholder:"ROLE" help:"What this process does, one or more of: ${roles}."`
	Zone string   `default:"home" help:"The zone that this process is in."`
	Home string   `default:"home" help:"The zone that takes the commands."`

	RoomB string `name:"room-b" env:"GREENROOM_ROOM_B" placeholder:"DSN" help:"MySQL or MariaDB of the commands, as in user:password@tcp(host:3306)/room_b."`
	RoomC string `name:"room-c" env:"GREENROOM_ROOM_C" placeholder:"DSN" help:"MySQL or MariaDB of this zone's views."`

	NATS            []string `name:"nats" env:"GREENROOM_NATS" placeholder:"URL" help:"Some servers of the NATS cluster, or of this zone's own."`
	NATSReplicas    int      `name:"nats-replicas" env:"GREENROOM_NATS_REPLICAS" default:"3" placeholder:"N" help:"Copies of the stream: 3, or 1 for a server that is alone."`
	NATSMirror      string   `name:"nats-mirror-domain" env:"GREENROOM_NATS_MIRROR_DOMAIN" placeholder:"NAME" help:"JetStream domain of the home zone, when this zone's stream is a mirror of the one there. Empty: it is the same stream."`
	NATSCredentials string   `name:"nats-credentials" env:"GREENROOM_NATS_CREDENTIALS" type:"existingfile" placeholder:"FILE" help:"User's JWT and key for NATS."`
	NATSToken       string   `name:"nats-token-file" env:"GREENROOM_NATS_TOKEN_FILE" type:"existingfile" placeholder:"FILE" help:"Token for NATS."`
	NATSCA          string   `name:"nats-ca" env:"GREENROOM_NATS_CA" type:"existingfile" placeholder:"FILE" help:"Certificates that sign those of the NATS servers."`

	InternalAddr   string   `default:"127.0.0.1:8081" help:"Where the fleet's own processes call this one: direct calls, the log, operators."`
	Advertise      string   `name:"internal-advertise" env:"GREENROOM_INTERNAL_ADVERTISE" placeholder:"HOST:PORT" help:"Where they reach this process, when that is not --internal-addr."`
	InternalSecret string   `placeholder:"TEXT" help:"Shared secret of those calls."`
	Internal       []string `placeholder:"ZONE=HOST:PORT" help:"Where the viewer nodes of each zone take those calls: for the direct courier and the operators."`
	Source         []string `placeholder:"HOST:PORT" help:"Where the home zone's xanchor processes take them: for views that lack something."`
	HomeCommand    []string `placeholder:"HOST:PORT" help:"In a zone that is not home: where commands are forwarded to."`

	JWKS string `name:"jwks" env:"GREENROOM_JWKS" placeholder:"FILE|URL" help:"Keys that bearer tokens are signed with. Empty: only the ops token (--token) is taken."`

	TokenIssuer   string `placeholder:"NAME" help:"Who issues those tokens: their iss. Default: greenroom."`
	TokenAudience string `placeholder:"NAME" help:"What has to be in their aud. Empty: anything."`

	Viewers      `embed:""`
	Broadcasters `embed:""`
	Reports      `embed:""`
}

// Validate is kong's: what is mistyped or missing is said at once.
func (s *Serve) Validate() error {
	for _, name := range s.Role {
		r := roleNamed(name)
		if r == nil {
			return fmt.Errorf("--role: there is no role %q; there are %s", name, strings.Join(roleNames(), ", "))
		}
		if err := r.needs(s); err != nil {
			return fmt.Errorf("role %s: %w", name, err)
		}
	}
	if _, err := s.zones(); err != nil {
		return err
	}
	return errors.Join(s.Viewers.Validate(), addresses("--source", s.Source), addresses("--home-command", s.HomeCommand))
}

// zones are the addresses of --internal by zone.
func (s *Serve) zones() (map[string][]string, error) {
	out := map[string][]string{}
	for _, one := range s.Internal {
		zone, addr, ok := strings.Cut(one, "=")
		if !ok || zone == "" {
			return nil, fmt.Errorf("--internal: %q is not zone=host:port", one)
		}
		if err := addresses("--internal", []string{addr}); err != nil {
			return nil, err
		}
		out[zone] = append(out[zone], addr)
	}
	return out, nil
}

func (s *Serve) has(role string) bool { return slices.Contains(s.Role, role) }

// atHome: this process is where commands are decided.
func (s *Serve) atHome() bool { return s.Zone == s.Home }

// Run serves until ctx ends. It prints the addresses, and a last line when it is ready; what goes on
// later is logged to stderr.
func (s *Serve) Run(ctx context.Context, stdout io.Writer, g *cli.Globals) error {
	s.boundMemory()
	n, err := openNode(ctx, s, g.Token)
	if err != nil {
		return err
	}
	defer n.close()
	for _, a := range n.addresses {
		_, _ = fmt.Fprintf(stdout, "%-10s %s\n", a.name, a.at.Addr())
	}
	return n.run(ctx, func(context.Context) error {
		_, err := fmt.Fprintln(stdout, "ready")
		return err
	})
}

// migrateCmd is `greenroom migrate`.
type migrateCmd struct {
	RoomB string   `name:"room-b" env:"GREENROOM_ROOM_B" placeholder:"DSN" help:"The commands' database."`
	RoomC []string `name:"room-c" env:"GREENROOM_ROOM_C" placeholder:"DSN" help:"The views' database of a zone, or of several."`
}

// Run brings the schemas up to date and says what it did. Any number may run at once: one works, the
// others wait for it.
func (c *migrateCmd) Run(ctx context.Context, stdout io.Writer) error {
	if c.RoomB == "" && len(c.RoomC) == 0 {
		return errors.New("nothing to migrate: name --room-b, --room-c, or both")
	}
	one := func(what, dsn string, side mysqlstore.Side) error {
		steps, err := mysqlstore.Migrate(ctx, dsn, side)
		for _, s := range steps {
			_, _ = fmt.Fprintf(stdout, "%s  %s  %s\n", what, s.Name, s.Took)
		}
		if err != nil {
			return fmt.Errorf("%s: %w", what, err)
		}
		if len(steps) == 0 {
			_, err = fmt.Fprintf(stdout, "%s  up to date\n", what)
		}
		return err
	}
	if c.RoomB != "" {
		if err := one("room_b", c.RoomB, mysqlstore.SideB); err != nil {
			return err
		}
	}
	for i, dsn := range c.RoomC {
		what := "room_c"
		if len(c.RoomC) > 1 {
			what = fmt.Sprintf("room_c %d of %d", i+1, len(c.RoomC))
		}
		if err := one(what, dsn, mysqlstore.SideC); err != nil {
			return err
		}
	}
	return nil
}
