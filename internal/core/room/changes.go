package room

// What a command left different, column by column: for the audit log. A column that a story learns to change is added
// here; TestTheAuditLogKnowsEveryColumn compares with the ownership table.

import (
	"encoding/json"
	"strconv"
	"strings"
	"time"

	"github.com/greenroomlive/greenroom/internal/core/audit"
	"github.com/greenroomlive/greenroom/internal/core/ident"
)

// changes gathers the columns of one entity that differ.
type changes struct {
	entity, row string
	list        []audit.Change
}

func (c *changes) text(column, before, after string) {
	if before != after {
		c.list = append(c.list, audit.Change{Column: c.entity + "." + column, Row: c.row, Before: before, After: after})
	}
}

func (c *changes) number(column string, before, after int64) {
	if before != after {
		c.text(column, digits(before), digits(after))
	}
}

func (c *changes) moment(column string, before, after time.Time) {
	if !before.Equal(after) {
		c.text(column, clock(before), clock(after))
	}
}

// document is a column that holds JSON.
func (c *changes) document(column string, before, after any) {
	c.text(column, encoded(before), encoded(after))
}

func encoded(v any) string {
	text, err := json.Marshal(v)
	if err != nil { // nothing that the domain keeps; and no reason to keep a command from its entry
		return err.Error()
	}
	return string(text)
}

// digits is a number as text; none is empty.
func digits(n int64) string {
	if n == 0 {
		return ""
	}
	return strconv.FormatInt(n, 10)
}

// clock is a moment as text; none is empty.
func clock(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format(time.RFC3339Nano)
}

// Changes are the columns in which the room and its sessions differ from what was loaded. A lease that was renewed and
// nothing else is none: it is the same session, proven alive again, thousands of times an hour.
func (r *Room) Changes() []audit.Change {
	was, c := r.loaded, changes{entity: "room", list: make([]audit.Change, 0, 4)}
	if was == nil {
		was = &r.before
	}
	if r.BaseVersion() == 0 {
		c.number("anchor_id", 0, int64(r.Anchor))
		c.moment("created_at", time.Time{}, r.CreatedAt)
	}
	c.text("title", was.Title, r.Title)
	c.number("area_id", int64(was.AreaID), int64(r.Area))
	c.text("cover_url", was.CoverURL, r.CoverURL)
	c.text("tags", strings.Join(was.Tags, ", "), strings.Join(r.Tags, ", "))
	c.text("language", was.Language, r.Language)
	if r.Policy != r.policy {
		c.text("publisher_policy", r.policy.String(), r.Policy.String())
	}
	var session Session
	if r.Session != nil {
		session = *r.Session
	}
	c.text("live_status", was.Live.Status.String(), session.Status.String())
	c.number("session_id", int64(was.Live.SessionID), int64(session.ID))
	c.number("epoch", int64(was.Live.Epoch), int64(r.Epoch))
	if r.Controlled() {
		c.entity = "room_control"
		c.text("state", was.Control.State.String(), r.control().State.String())
		c.document("interventions", r.interventions, r.Interventions)
	}
	if r.Extended() {
		c.entity = "room_extension"
		c.document("content", r.extension, r.Extension)
	}
	c.entity = "room"
	c.number("version", int64(r.BaseVersion()), int64(r.Version))
	for _, s := range r.Sessions() {
		before := &Session{}
		if r.session != nil && r.session.ID == s.ID {
			before = r.session
		}
		c.session(before, &s)
	}
	return c.list
}

// session compares one session; a renewed lease is told only beside other changes.
func (c *changes) session(before, after *Session) {
	c.entity, c.row = "session", digits(int64(after.ID))
	known := len(c.list)
	if before.ID == 0 {
		c.number("epoch", 0, int64(after.Epoch))
	}
	c.text("status", before.Status.String(), after.Status.String())
	c.text("media_server", before.Publisher.MediaServer, after.Publisher.MediaServer)
	c.text("client_id", before.Publisher.ClientID, after.Publisher.ClientID)
	c.text("client_ip", before.Publisher.ClientIP, after.Publisher.ClientIP)
	c.number("key_id", int64(before.Publisher.Key), int64(after.Publisher.Key))
	c.moment("started_at", before.StartedAt, after.StartedAt)
	c.moment("ended_at", before.EndedAt, after.EndedAt)
	c.text("end_reason", before.EndReason.String(), after.EndReason.String())
	c.text("lost", before.Lost.String(), after.Lost.String())
	c.moment("grace_until", before.GraceUntil, after.GraceUntil)
	if len(c.list) > known {
		c.moment("lease_until", before.LeaseUntil, after.LeaseUntil)
	}
}

// Changes are the columns in which the key differs from before; from the zero Key it is a new one. Its secret's hash
// is in none of them.
func (k *Key) Changes(before Key) []audit.Change {
	c := changes{entity: "stream_key", row: digits(int64(k.ID))}
	c.text("label", before.Label, k.Label)
	c.moment("created_at", before.CreatedAt, k.CreatedAt)
	c.moment("expires_at", before.ExpiresAt, k.ExpiresAt)
	c.moment("revoked_at", before.RevokedAt, k.RevokedAt)
	return c.list
}

// Changes are the columns in which areas differ from the nodes before.
func (t *AreaTree) Changes(before []AreaNode) []audit.Change {
	was := make(map[ident.AreaID]AreaNode, len(before))
	for _, n := range before {
		was[n.ID] = n
	}
	c := changes{entity: "area"}
	for _, n := range t.Nodes {
		c.row = digits(int64(n.ID))
		c.text("name", was[n.ID].Name, n.Name)
		c.number("parent_id", int64(was[n.ID].Parent), int64(n.Parent))
	}
	return c.list
}

// Changes are the users to whom something happened, each as one document; none for who is a mere viewer.
func (p *People) Changes(before []Person) []audit.Change {
	was := make(map[ident.UserID]string, len(before))
	for _, x := range before {
		was[x.User] = encoded(x)
	}
	var c changes
	for _, x := range p.Changed() {
		after := ""
		if !x.Plain() {
			after = encoded(x)
		}
		c.entity, c.row = "person", digits(int64(x.User))
		c.text("content", was[x.User], after)
	}
	return c.list
}

// Changes is the document, if it differs from before; version 0 is none.
func (d *Rules) Changes(before Rules) []audit.Change {
	if !d.changed {
		return nil
	}
	was, c := "", changes{entity: "room_rules"}
	if before.Version != 0 {
		was = encoded(before)
	}
	c.text("content", was, encoded(d))
	return c.list
}

// Document is the schedule as the audit log shows it; empty when nothing is planned. Stories change a schedule in
// place: who wants to know what was asks before.
func (s *Schedule) Document() string {
	if len(s.Plans) == 0 {
		return ""
	}
	return encoded(s)
}

// Changes is the schedule, if it differs from the document before.
func (s *Schedule) Changes(before string) []audit.Change {
	c := changes{entity: "room_schedule"}
	c.text("content", before, s.Document())
	return c.list
}

// Changes are those of a proposal: what is wanted, or the verdict on what was pending.
func (p *Proposal) Changes() []audit.Change {
	c := changes{entity: "room_proposal", row: p.ID.String()}
	if p.Verdict == Confirmed || p.Verdict == Declined {
		c.text("verdict", Pending.String(), p.Verdict.String())
		return c.list
	}
	c.text("content", "", encoded(p))
	c.text("verdict", "", p.Verdict.String())
	c.moment("until_at", time.Time{}, p.Until)
	return c.list
}
