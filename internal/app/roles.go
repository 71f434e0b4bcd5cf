package app

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
)

// role is a service of the fleet: the parts that a process with it runs, and the doors in front of them. `greenroom
// dev` is all of them on the embedded engines.
type role struct {
	name string
	// does is for people.
	does string
	// needs says which flag is missing.
	needs func(*Serve) error
	// open adds the parts to a process; what two roles share is opened once.
	open func(*fleetNode) error
}

// roles is who may live in a process.
var roles = []role{
	{
		name: "xroom-management", does: "room control: staff warns, cuts, hides and locks rooms; roles, mutes, bans and rules of speech; what has an end is lifted then. In the home zone only.",
		needs: homeOnly("controlled"),
		open:  (*fleetNode).openManagement,
	},
	{
		name: "xroom-extend", does: "what hangs in rooms beside the stream: announcement, pinned message, badges. In the home zone only.",
		needs: homeOnly("extended"),
		open:  (*fleetNode).openExtend,
	},
	{
		name: "xanchor", does: "rooms, keys and sessions: commands and media servers; of all of them one sequences the log. In a zone that is not home it forwards commands there.",
		needs: func(s *Serve) error {
			if !s.atHome() {
				return errors.Join(required("--home-command", s.HomeCommand...), required("--internal-secret", s.InternalSecret))
			}
			return errors.Join(required("--room-b", s.RoomB), required("--nats", s.NATS...), required("--internal-secret", s.InternalSecret))
		},
		open: (*fleetNode).openAnchor,
	},
	{
		name: "xroom", does: "viewers' reads in one zone; of all of the zone one writes its views.",
		needs: func(s *Serve) error {
			return errors.Join(required("--room-c", s.RoomC), required("--nats", s.NATS...), required("--source", s.Source...), required("--internal-secret", s.InternalSecret), reachable(s))
		},
		open: (*fleetNode).openViewers,
	},
	{
		name: "watch", does: "the console and the operators' desk.",
		needs: func(s *Serve) error {
			if s.has("xanchor") && !s.atHome() {
				return errors.New("beside an xanchor that forwards it needs a process of its own: both would serve --command-addr")
			}
			return errors.Join(required("--room-b", s.RoomB), required("--room-c", s.RoomC), required("--nats", s.NATS...))
		},
		open: (*fleetNode).openWatch,
	},
}

// homeOnly is what a role needs that decides about rooms; other zones forward to it.
func homeOnly(done string) func(*Serve) error {
	return func(s *Serve) error {
		if !s.atHome() {
			return fmt.Errorf("rooms are %s in the home zone; an xanchor elsewhere forwards there", done)
		}
		return errors.Join(required("--room-b", s.RoomB), required("--nats", s.NATS...), required("--internal-secret", s.InternalSecret))
	}
}

// reachable refuses a process that would tell the others to call it at an address that is everybody's own.
func reachable(s *Serve) error {
	host, _, err := net.SplitHostPort(s.InternalAddr)
	at, _ := netip.ParseAddr(host) // a name is fine
	if err == nil && s.Advertise == "" && (host == "" || at.IsUnspecified()) {
		return errors.New("it needs --internal-advertise: --internal-addr names no host by which the others reach it")
	}
	return nil
}

func required(flag string, values ...string) error {
	for _, v := range values {
		if v != "" {
			return nil
		}
	}
	return fmt.Errorf("it needs %s", flag)
}

func roleNamed(name string) *role {
	for i := range roles {
		if roles[i].name == name {
			return &roles[i]
		}
	}
	return nil
}

func roleNames() []string {
	out := make([]string, len(roles))
	for i, r := range roles {
		out[i] = r.name
	}
	return out
}
