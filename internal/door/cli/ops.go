package cli

import (
	"context"
	"encoding/hex"
	"fmt"
	"time"

	"google.golang.org/protobuf/types/known/timestamppb"

	opsv1 "github.com/greenroomlive/greenroom/api/gen/greenroom/ops/v1"
	greenroom "github.com/greenroomlive/greenroom/client"
)

// ofZone is the flag of the commands that concern one zone.
type ofZone struct {
	Zone string `help:"Of this zone; the home zone when none is named." placeholder:"NAME"`
}

func (z ofZone) option() greenroom.OpsOption { return greenroom.InZone(z.Zone) }

type traceCmd struct {
	Room traceRoom `cmd:"" help:"When a room's last changes passed each station."`
}

type traceRoom struct {
	ID    int64 `arg:"" help:"Room id."`
	Limit int32 `help:"At most so many changes, newest first; up to 50." default:"10"`
	ofZone
}

func (c *traceRoom) Run(ctx context.Context, s *session) error {
	t, err := s.TraceRoom(ctx, c.ID, c.Limit, c.option())
	if err != nil {
		return err
	}
	if s.json {
		return s.message(t)
	}
	err = s.facts("room", num(t.GetRoomId()), "committed", "version "+num(t.GetCommittedVersion()),
		"view", "version "+num(t.GetViewVersion()), "in L1", orDash(num(t.GetL1Version())))
	if err != nil {
		return err
	}
	fmt.Fprintln(s.out)
	const head = "VERSION TYPE ACCEPTED COMMITTED SEQUENCED PUBLISHED DIRECT QUEUE APPLIED FROM VISIBLE"
	return list(s, t.GetChanges(), "No change of this room is remembered here.", head, func(c *opsv1.Change) []string {
		from := c.GetAcceptedAt()
		return []string{
			num(c.GetVersion()), c.GetType(), at(from), since(from, c.GetCommittedAt()), since(from, c.GetSequencedAt()),
			since(from, c.GetPublishedAt()), since(from, c.GetReceivedDirectAt()), since(from, c.GetReceivedQueueAt()),
			since(from, c.GetAppliedAt()), orDash(c.GetAppliedFrom()), since(from, c.GetVisibleAt()),
		}
	})
}

// since shows how long after the command was accepted a station was passed.
func since(from, t *timestamppb.Timestamp) string {
	switch {
	case t == nil:
		return dash
	case from == nil:
		return at(t)
	}
	return "+" + t.AsTime().Sub(from.AsTime()).Round(10*time.Microsecond).String()
}

type parkedCmd struct {
	List    parkedList    `cmd:"" help:"List parked events, newest first."`
	Show    parkedShow    `cmd:"" help:"Show one, with its bytes."`
	Redrive parkedRedrive `cmd:"" help:"Apply its room again, from the committed state."`
}

type parkedList struct {
	All   bool `help:"Also those that are healed."`
	Limit int  `help:"At most so many." default:"200"`
	ofZone
}

func (c *parkedList) Run(ctx context.Context, s *session) error {
	parked, err := pages(c.Limit, func(token string) ([]*greenroom.Parked, string, error) {
		return s.ListParked(ctx, c.All, token, c.option())
	})
	if err != nil {
		return err
	}
	return list(s, parked, "Nothing is parked.", "ID ROOM VERSION TYPE COURIER PARKED ATTEMPTS HEALED REASON", func(p *greenroom.Parked) []string {
		return []string{
			num(p.GetId()), num(p.GetRoomId()), num(p.GetVersion()), orDash(p.GetType()), p.GetCourier(),
			at(p.GetParkedAt()), num(p.GetAttempts()), at(p.GetHealedAt()), p.GetReason(),
		}
	})
}

type parkedShow struct {
	ID int64 `arg:"" help:"Id of the parked event."`
	ofZone
}

func (c *parkedShow) Run(ctx context.Context, s *session) error {
	p, err := s.GetParked(ctx, c.ID, c.option())
	if err != nil {
		return err
	}
	if s.json {
		return s.message(p)
	}
	if err := s.parked(p.GetParked(), nil); err != nil {
		return err
	}
	if p.GetEvent() != nil {
		if err := s.event(p.GetEvent()); err != nil {
			return err
		}
	}
	_, err = fmt.Fprint(s.out, hex.Dump(p.GetRaw()))
	return err
}

type parkedRedrive struct {
	ID int64 `arg:"" help:"Id of the parked event."`
	ofZone
}

func (c *parkedRedrive) Run(ctx context.Context, s *session) error {
	return s.parked(s.RedriveParked(ctx, c.ID, c.option()))
}

func (s *session) parked(p *greenroom.Parked, err error) error {
	if err != nil {
		return err
	}
	if s.json {
		return s.message(p)
	}
	healed := dash
	if p.GetHealedAt() != nil {
		healed = at(p.GetHealedAt()) + " by " + p.GetHealedBy()
	}
	return s.facts("parked", num(p.GetId()), "room", num(p.GetRoomId()), "version", num(p.GetVersion()), "type", orDash(p.GetType()),
		"courier", p.GetCourier(), "since", at(p.GetParkedAt()), "attempts", num(p.GetAttempts()), "healed", healed, "reason", p.GetReason())
}
