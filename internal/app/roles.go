package app

import (
	"errors"
	"fmt"
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
		"xanchor", "rooms, keys and sessions: commands and media servers; of all of them one sequences the log. In a zone that is not home it forwards commands there.",
		func(s *Serve) error {
			if !s.atHome() {
				return errors.Join(required("--home-command", s.HomeCommand...), required("--internal-secret", s.InternalSecret))
			}
			return errors.Join(required("--room-b", s.RoomB), required("--nats", s.NATS...), required("--internal-secret", s.InternalSecret))
		},
		(*fleetNode).openAnchor,
	},
	{
		"xroom", "viewers' reads in one zone; of all of the zone one writes its views.",
		func(s *Serve) error {
			return errors.Join(required("--room-c", s.RoomC), required("--nats", s.NATS...), required("--source", s.Source...), required("--internal-secret", s.InternalSecret))
		},
		(*fleetNode).openViewers,
	},
	{
		"watch", "the console and the operators' desk.",
		func(s *Serve) error {
			return errors.Join(required("--room-b", s.RoomB), required("--room-c", s.RoomC), required("--nats", s.NATS...))
		},
		(*fleetNode).openWatch,
	},
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
