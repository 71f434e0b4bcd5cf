package cli

import (
	"context"
	"strconv"

	opsv1 "github.com/greenroomlive/greenroom/api/gen/greenroom/ops/v1"
)

type hotCmd struct{ ofZone }

func (c *hotCmd) Run(ctx context.Context, s *session) error {
	hot, err := s.ListHot(ctx, c.option())
	if err != nil {
		return err
	}
	rank := 0
	empty := "No room is read " + num(hot.GetHotFrom()) + " times a second or more."
	return list(s, hot.GetRooms(), empty, "RANK ROOM READS/S SINCE TITLE", func(r *opsv1.HotRoom) []string {
		rank++
		return []string{strconv.Itoa(rank), num(r.GetRoomId()), num(r.GetReadsPerSecond()), at(r.GetSince()), orDash(r.GetTitle())}
	})
}
