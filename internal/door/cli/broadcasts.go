package cli

import (
	"context"

	greenroom "github.com/greenroomlive/greenroom/client"
)

type sessionCmd struct {
	List sessionList `cmd:"" help:"List a room's broadcasts, newest first."`
}

type sessionList struct {
	Room  int64 `arg:"" help:"Room id."`
	Limit int   `help:"At most so many." default:"50"`
}

func (c *sessionList) Run(ctx context.Context, s *session) error {
	sessions, err := pages(c.Limit, func(token string) ([]*greenroom.Session, string, error) {
		return s.ListSessions(ctx, c.Room, token)
	})
	if err != nil {
		return err
	}
	return list(s, sessions, "The room has not been on air yet.", "SESSION EPOCH STATUS STARTED ENDED REASON FROM CLIENT", func(b *greenroom.Session) []string {
		reason := b.GetEndReason().String()
		if b.GetEndedAt() == nil {
			reason = dash
		}
		return []string{num(b.GetId()), num(b.GetEpoch()), b.GetStatus().String(), at(b.GetStartedAt()), at(b.GetEndedAt()), reason, b.GetMediaServer(), orDash(b.GetClientIp())}
	})
}
