package cli

import (
	"context"
	"time"

	greenroom "github.com/greenroomlive/greenroom/client"
)

type keyCmd struct {
	Create keyCreate `cmd:"" help:"Make a key. Its secret is shown this once."`
	List   keyList   `cmd:"" help:"List keys, without secrets."`
	Rotate keyRotate `cmd:"" help:"Make a new key; the old one lives on for a while."`
	Revoke keyRevoke `cmd:"" help:"End a key's use at once."`
}

type keyCreate struct {
	Room  int64  `arg:"" help:"Room id."`
	Label string `placeholder:"TEXT" help:"For people: 'studio encoder'."`
	Quiet bool   `short:"q" help:"Print the stream key only, for scripts."`
}

func (c *keyCreate) Run(ctx context.Context, s *session) error {
	made, err := s.CreateKey(ctx, c.Room, c.Label)
	if c.Quiet && err == nil {
		return s.line(made.GetStreamKey())
	}
	return s.newKey(c.Room, made, err)
}

type keyRotate struct {
	Room    int64         `arg:"" help:"Room id."`
	Key     int64         `arg:"" help:"Key id."`
	Overlap time.Duration `help:"How long the old key stays valid, at most 7 days." default:"5m"`
}

func (c *keyRotate) Run(ctx context.Context, s *session) error {
	made, err := s.RotateKey(ctx, c.Room, c.Key, c.Overlap)
	return s.newKey(c.Room, made, err)
}

func (s *session) newKey(room int64, made *greenroom.NewKey, err error) error {
	if err != nil {
		return err
	}
	if s.json {
		return s.message(made)
	}
	return s.facts(
		"key", num(made.GetKeyId()), "stream key", made.GetStreamKey(),
		"publish to", "rtmp://HOST/live/"+num(room)+"?key="+made.GetStreamKey(),
		"note", "the stream key is not shown again",
	)
}

type keyList struct {
	Room int64 `arg:"" help:"Room id."`
}

func (c *keyList) Run(ctx context.Context, s *session) error {
	keys, err := s.ListKeys(ctx, c.Room)
	if err != nil {
		return err
	}
	return list(s, keys, "The room has no keys: greenroom key create "+num(c.Room), "KEY LABEL CREATED EXPIRES REVOKED", func(k *greenroom.Key) []string {
		return []string{num(k.GetKeyId()), orDash(k.GetLabel()), at(k.GetCreatedAt()), at(k.GetExpiresAt()), at(k.GetRevokedAt())}
	})
}

type keyRevoke struct {
	Room int64 `arg:"" help:"Room id."`
	Key  int64 `arg:"" help:"Key id."`
}

func (c *keyRevoke) Run(ctx context.Context, s *session) error {
	k, err := s.RevokeKey(ctx, c.Room, c.Key)
	if err != nil {
		return err
	}
	if s.json {
		return s.message(k)
	}
	return s.facts("key", num(k.GetKeyId()), "revoked", at(k.GetRevokedAt()))
}
