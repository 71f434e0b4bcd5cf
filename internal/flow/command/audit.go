package command

// Story: staff asks who changed what. The log is read in pages, as the store keeps it; nothing here writes.

import (
	"bytes"
	"context"
	"slices"
	"strings"
	"time"

	"github.com/greenroomlive/greenroom/internal/core/audit"
	"github.com/greenroomlive/greenroom/internal/core/fault"
	"github.com/greenroomlive/greenroom/internal/core/ident"
)

const (
	// auditPages is how many pages of the log are read at once: one commit's entries each.
	auditPages = 64
	// auditLook bounds what one call of List reads, in bytes, and auditAnswer what one call answers with. A filter that
	// fits little gives a short answer, and where to go on.
	auditLook   = 32 << 20
	auditAnswer = 1 << 20
)

// Audit reads the audit log. Its callers need the scope staff or ops.
type Audit struct{ anchor *Anchor }

// NewAudit reads the log of the broadcasters' commands' store.
func NewAudit(a *Anchor) *Audit { return &Audit{a} }

// AuditFilter is which entries are meant; what is zero asks for nothing.
type AuditFilter struct {
	Room ident.RoomID
	// Actor and Command are compared whole.
	Actor, Command string
	// From and To bound an entry's time, both of them included.
	From, To time.Time
}

// AuditEntry is an entry with its place.
type AuditEntry struct {
	audit.Mark
	audit.Entry
}

// List finds entries, the newest first, below before (0: from the newest), at most limit. next is where to go on; 0:
// there are no more. The answer may be short before that, even empty. A line that cannot be read is passed over:
// to find damage is for who verifies.
func (a *Audit) List(ctx context.Context, m Meta, f AuditFilter, before int64, limit int) (out []AuditEntry, next int64, err error) {
	if err := m.Caller.mustBePrivileged("the audit log"); err != nil {
		return nil, 0, err
	}
	if before == 1 {
		return nil, 0, nil // nothing stands before the first
	}
	type found struct {
		list []AuditEntry
		next int64
	}
	got, err := read(ctx, a.anchor, func(rd Reader) (found, error) {
		s := auditSearch{filter: f, below: before, limit: limit}
		for s.more() {
			pages, err := rd.AuditBefore(s.below, f.From, f.To, auditPages)
			if err != nil {
				return found{}, err
			}
			s.take(pages)
			if s.below == 1 || (len(pages) < auditPages && s.more()) {
				return found{s.out, 0}, nil
			}
		}
		return found{s.out, s.below}, nil
	})
	return got.list, got.next, err
}

// auditSearch goes backwards through the log.
type auditSearch struct {
	filter        AuditFilter
	below         int64 // everything from here on was looked at; 0: nothing yet
	limit         int
	read, answers int // bytes
	out           []AuditEntry
}

func (s *auditSearch) more() bool {
	return len(s.out) < s.limit && s.read < auditLook && s.answers < auditAnswer
}

func (s *auditSearch) take(pages []audit.Page) {
	for _, p := range pages {
		s.read += len(p.Lines)
		if s.below == 0 || p.Last.Seq < s.below {
			s.below = p.Last.Seq + 1 // of a page that cannot be read it is all that moves on
		}
		lines := bytes.Split(bytes.TrimSuffix(p.Lines, []byte("\n")), []byte("\n"))
		for _, text := range slices.Backward(lines) {
			if !s.more() {
				return
			}
			s.look(text)
		}
	}
}

func (s *auditSearch) look(text []byte) {
	l, err := audit.ParseLine(text)
	if err != nil || (s.below != 0 && l.Seq >= s.below) {
		return
	}
	s.below = l.Seq
	if !s.mayFit(l.Entry) {
		return
	}
	if e, err := l.Decode(); err == nil && s.filter.fits(&e) {
		s.answers += len(text)
		s.out = append(s.out, AuditEntry{l.Mark, e})
	}
}

// mayFit spares most of the lines the decoding.
func (s *auditSearch) mayFit(entry []byte) bool {
	return s.filter.Room == 0 || bytes.Contains(entry, []byte(`"room_id":"`+s.filter.Room.String()+`"`))
}

func (f *AuditFilter) fits(e *audit.Entry) bool {
	return (f.Room == 0 || e.Room == f.Room) && (f.Actor == "" || e.Actor == f.Actor) &&
		(f.Command == "" || strings.EqualFold(e.Command, f.Command)) &&
		!e.At.Before(f.From) && (f.To.IsZero() || !e.At.After(f.To))
}

// Export gives out the lines behind after, the oldest first, as they stand in the store: damaged ones too, for whoever
// reads them is who finds that. last is where to go on; the same as after when there is nothing more.
func (a *Audit) Export(ctx context.Context, m Meta, after int64) (lines []byte, last int64, err error) {
	if err := m.Caller.mustBePrivileged("the audit log"); err != nil {
		return nil, 0, err
	}
	if after < 0 {
		return nil, 0, fault.InvalidArgument.New("after: must not be negative").With("field", "after")
	}
	last = after
	err = a.anchor.store.Read(ctx, func(rd Reader) error {
		for len(lines) < auditAnswer {
			pages, err := rd.AuditAfter(last, 1)
			if err != nil || len(pages) == 0 {
				return err
			}
			lines = append(lines, behind(pages[0].Lines, after)...)
			last = pages[0].Last.Seq
		}
		return nil
	})
	return lines, last, err
}

// behind are the lines from the first that is not known to stand at or before after.
func behind(lines []byte, after int64) []byte {
	for len(lines) > 0 {
		first, rest, _ := bytes.Cut(lines, []byte("\n"))
		if l, err := audit.ParseLine(first); err != nil || l.Seq > after {
			break
		}
		lines = rest
	}
	return lines
}
