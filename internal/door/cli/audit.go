package cli

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	greenroom "github.com/greenroomlive/greenroom/client"
	"github.com/greenroomlive/greenroom/internal/core/audit"
)

type auditCmd struct {
	List   auditList   `cmd:"" help:"Who changed what, the newest first."`
	Export auditExport `cmd:"" help:"The log as NDJSON, the oldest first, to keep it elsewhere."`
	Verify auditVerify `cmd:"" help:"Read the log's chain and say where it is damaged first; prints the anchor to expect next time."`
}

type auditList struct {
	Room    int64     `placeholder:"ID" help:"Only of this room."`
	Actor   string    `placeholder:"NAME" help:"Only by this one, as in anchor:42."`
	Command string    `placeholder:"NAME" help:"Only of this command, as in UpdateRoom."`
	Since   time.Time `placeholder:"2026-12-01T12:00:00Z" help:"Only from then on."`
	Until   time.Time `placeholder:"2026-12-01T12:00:00Z" help:"Only until then."`
	Limit   int       `placeholder:"N" help:"At most so many." default:"50"`
}

func (c *auditList) Run(ctx context.Context, s *session) error {
	entries, err := pages(c.Limit, func(token string) ([]*greenroom.AuditEntry, string, error) {
		return s.ListAudit(ctx, greenroom.AuditFilter{
			Room: c.Room, Actor: c.Actor, Command: c.Command, Since: c.Since, Until: c.Until,
		}, token)
	})
	if err != nil {
		return err
	}
	const head = "SEQ AT ACTOR COMMAND ROOM FROM REASON CHANGES"
	return list(s, entries, "Nothing that fits is in the audit log.", head, func(e *greenroom.AuditEntry) []string {
		var changes []string
		for _, c := range e.GetChanges() {
			changes = append(changes, c.GetColumn()+": "+short(c.GetBefore())+" → "+short(c.GetAfter()))
		}
		room := ""
		if e.GetRoomId() != 0 {
			room = num(e.GetRoomId())
		}
		from := strings.TrimSpace(e.GetDoor() + " " + e.GetFrom())
		return []string{num(e.GetSeq()), at(e.GetAt()), e.GetActor(), e.GetCommand(), orDash(room), orDash(from), orDash(e.GetReason()), strings.Join(changes, "; ")}
	})
}

// shortMax is how much of a value a table shows; --json shows all of it.
const shortMax = 40

func short(value string) string {
	if r := []rune(value); len(r) > shortMax {
		value = string(r[:shortMax]) + "…"
	}
	return orDash(value)
}

type auditExport struct {
	After int64 `placeholder:"SEQ" help:"Only what stands behind this entry."`
}

func (c *auditExport) Run(ctx context.Context, s *session) error {
	return s.auditLines(ctx, c.After, func(lines []byte) error {
		_, err := s.out.Write(lines)
		return err
	})
}

// auditLines hands on the log behind after, piece by piece.
func (s *session) auditLines(ctx context.Context, after int64, take func(lines []byte) error) error {
	for {
		lines, last, err := s.ExportAudit(ctx, after)
		if err != nil || last == after {
			return err
		}
		if err := take(lines); err != nil {
			return err
		}
		after = last
	}
}

type auditVerify struct {
	Expect string `placeholder:"SEQ:HASH" help:"An anchor that was noted before: the log must still reach it, untouched."`
	File   string `placeholder:"FILE" type:"existingfile" help:"Verify an export instead of the running system."`
}

// Validate is kong's.
func (c *auditVerify) Validate() error {
	if c.Expect == "" {
		return nil
	}
	_, err := audit.ParseMark(c.Expect)
	return err
}

func (c *auditVerify) Run(ctx context.Context, s *session) error {
	var v audit.Verification
	if c.Expect != "" {
		v.Expect, _ = audit.ParseMark(c.Expect) // Validate has
	}
	if err := c.read(ctx, s, &v); err != nil {
		return err
	}
	if err := v.End(); err != nil {
		return err
	}
	return s.facts("entries", num(v.At.Seq), "damage", "none", "anchor", v.At.String())
}

// read takes the whole log through the verification.
func (c *auditVerify) read(ctx context.Context, s *session, v *audit.Verification) (err error) {
	if c.File == "" {
		return s.auditLines(ctx, 0, func(lines []byte) error {
			for line := range bytes.Lines(lines) {
				if err := v.Line(bytes.TrimSuffix(line, []byte("\n"))); err != nil {
					return err
				}
			}
			return nil
		})
	}
	f, err := os.Open(c.File)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	for r := bufio.NewReader(f); ; {
		line, err := r.ReadBytes('\n')
		if errors.Is(err, io.EOF) && len(line) == 0 {
			return nil
		}
		if err != nil && !errors.Is(err, io.EOF) {
			return fmt.Errorf("read %s: %w", c.File, err)
		}
		if err := v.Line(bytes.TrimSuffix(line, []byte("\n"))); err != nil {
			return err
		}
	}
}
