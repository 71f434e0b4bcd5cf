package cli

import (
	"context"
	"fmt"
	"time"

	greenroom "github.com/greenroomlive/greenroom/client"
)

type zoneCmd struct {
	List    zoneList    `cmd:"" help:"How every zone stands."`
	Drain   zoneDrain   `cmd:"" help:"Move a zone's readers away: its nodes say on /readyz that they are not to be asked."`
	Undrain zoneUndrain `cmd:"" help:"Let readers back in."`
}

type zoneList struct{}

func (c *zoneList) Run(ctx context.Context, s *session) error {
	zones, err := s.ListZones(ctx)
	if err != nil {
		return err
	}
	return s.zones(zones)
}

type zoneDrain struct {
	Name   string `arg:"" help:"Name of the zone."`
	Reason string `help:"For the zone's log." placeholder:"TEXT"`
}

func (c *zoneDrain) Run(ctx context.Context, s *session) error {
	return s.drain(ctx, c.Name, true, c.Reason)
}

type zoneUndrain struct {
	Name string `arg:"" help:"Name of the zone."`
}

func (c *zoneUndrain) Run(ctx context.Context, s *session) error {
	return s.drain(ctx, c.Name, false, "")
}

func (s *session) drain(ctx context.Context, zone string, drained bool, reason string) error {
	z, err := s.DrainZone(ctx, zone, drained, reason)
	if err != nil {
		return err
	}
	return s.zones([]*greenroom.ViewerZone{z})
}

func (s *session) zones(zones []*greenroom.ViewerZone) error {
	return list(s, zones, "There is no zone.", "ZONE NODES PROJECTOR READERS AGE FEED NOTE", func(z *greenroom.ViewerZone) []string {
		note, readers, age := z.GetError(), "welcome", dash
		if z.GetHome() && note == "" {
			note = "home"
		}
		if z.GetDrained() {
			readers = "drained"
		}
		if z.GetReachable() == 0 {
			readers = dash
		}
		if z.AgeMs != nil {
			age = (time.Duration(z.GetAgeMs()) * time.Millisecond).String()
		}
		return []string{
			z.GetName(), fmt.Sprintf("%d of %d", z.GetReachable(), z.GetNodes()), orDash(z.GetLeader()), readers, age, num(z.GetContiguous()), orDash(note),
		}
	})
}
