package console

import (
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/greenroomlive/greenroom/internal/core/audit"
	"github.com/greenroomlive/greenroom/internal/core/fault"
	"github.com/greenroomlive/greenroom/internal/core/ident"
	"github.com/greenroomlive/greenroom/internal/flow/command"
)

// auditShown is how many entries a page of the audit log has.
const auditShown = 50

// wall is a moment as a form sends it; here in UTC, as all times of the console.
const wall = "2006-01-02T15:04"

// auditView is the page of the audit log.
type auditView struct {
	// Room, Actor, Command, Since and Until are the filter, as it was sent.
	Room, Actor, Command, Since, Until string
	Entries                            []command.AuditEntry
	// Older is where the next page is; empty when there is none.
	Older string
	// Wrong is what is wrong with the filter.
	Wrong string
}

func (c *Console) auditPage(w http.ResponseWriter, r *http.Request) error {
	caller, signed := c.caller(r)
	if c.Audit == nil {
		return notFound()
	}
	if !signed {
		return fault.Unauthenticated.New("the audit log is for staff; sign in")
	}
	q := r.URL.Query()
	v := auditView{Room: strings.TrimSpace(q.Get("room")), Actor: strings.TrimSpace(q.Get("actor")),
		Command: strings.TrimSpace(q.Get("command")), Since: q.Get("since"), Until: q.Get("until")}
	filter, wrong := v.filter()
	before, err := strconv.ParseInt(q.Get("before"), 10, 64)
	if err != nil || before < 0 {
		before = 0 // from the newest
	}
	if v.Wrong = wrong; wrong == "" {
		var next int64
		if v.Entries, next, err = c.Audit.List(r.Context(), command.Meta{Caller: caller}, filter, before, auditShown); err != nil {
			return err
		}
		if next != 0 {
			q.Set("before", strconv.FormatInt(next, 10))
			v.Older = (&url.URL{Path: "/audit", RawQuery: q.Encode()}).String()
		}
	}
	return c.write(w, r, http.StatusOK, "audit", "Audit log", v)
}

// filter reads what was sent; wrong says what cannot be read.
func (v auditView) filter() (f command.AuditFilter, wrong string) {
	f = command.AuditFilter{Actor: v.Actor, Command: v.Command}
	if v.Room != "" {
		id, ok := ident.ParseRoomID(v.Room)
		if !ok {
			return f, "A room is a number."
		}
		f.Room = id
	}
	for text, at := range map[string]*time.Time{v.Since: &f.From, v.Until: &f.To} {
		if text == "" {
			continue
		}
		t, err := time.Parse(wall, text)
		if err != nil {
			return f, "A time is a day and a minute, as 2026-12-01T12:00."
		}
		*at = t
	}
	if !f.To.IsZero() {
		f.To = f.To.Add(time.Minute - time.Millisecond) // the minute that was named is meant whole
	}
	return f, ""
}

// Value is one side of a change: what is empty is said to be so.
func (v auditView) Value(s string) string {
	if s == "" {
		return "–"
	}
	return s
}

// Of names the row of a change, where it is not the room's own.
func (v auditView) Of(c audit.Change) string {
	if c.Row == "" {
		return c.Column
	}
	return c.Column + " of " + c.Row
}
