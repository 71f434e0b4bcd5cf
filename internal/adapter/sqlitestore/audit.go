package sqlitestore

import (
	"database/sql"
	"math"
	"time"

	"github.com/greenroomlive/greenroom/internal/core/audit"
)

const auditSchema = `
-- The audit log: a page for each commit, with the entries of all commands that share it. seq and hash are those of the
-- page's last entry. A row for each entry would double what a command writes.
CREATE TABLE IF NOT EXISTS audit (
	seq INTEGER PRIMARY KEY, hash BLOB NOT NULL, earliest INTEGER NOT NULL, latest INTEGER NOT NULL, lines BLOB NOT NULL
) STRICT;
`

// pageFull is when a page is written before its transaction ends: whoever reads one holds it in memory.
const pageFull = 256 << 10

// trail is the end of the audit log as the running transaction makes it. For the writer's goroutine alone.
type trail struct {
	page  audit.Page
	entry []byte // the last one's bytes; the array is used again
	// begun: the page stands behind the newest row of the file.
	begun bool
}

// Record is command.Tx.
func (tx *roomsTx) Record(e *audit.Entry) error { return tx.store.trail.record(tx.c, e) }

func (t *trail) record(c *conn, e *audit.Entry) error {
	if !t.begun {
		if err := t.begin(c); err != nil {
			return err
		}
	}
	c.writes++ // a unit that failed from here on would leave an entry of what it did not do
	t.entry = e.AppendJSON(t.entry[:0])
	t.page.Append(t.entry, e.At)
	if len(t.page.Lines) < pageFull {
		return nil
	}
	return t.seal(c)
}

func (t *trail) begin(c *conn) error {
	var hash []byte
	t.page = audit.Page{Lines: t.page.Lines[:0]}
	_, err := one(c, `SELECT seq, hash FROM audit ORDER BY seq DESC LIMIT 1`, nil, &t.page.Last.Seq, &hash)
	copy(t.page.Last.Hash[:], hash)
	t.begun = err == nil
	return err
}

// seal writes the page, if it holds anything; the next one follows it.
func (t *trail) seal(c *conn) error {
	t.begun = false
	if len(t.page.Lines) == 0 {
		return nil
	}
	p := &t.page
	_, err := c.exec(`INSERT INTO audit (seq, hash, earliest, latest, lines) VALUES (?, ?, ?, ?, ?)`,
		p.Last.Seq, p.Last.Hash[:], millis(p.Earliest), millis(p.Latest), p.Lines)
	*p = audit.Page{Last: p.Last, Lines: p.Lines[:0]}
	return err
}

// void drops what a transaction recorded that was not committed.
func (t *trail) void() { t.begun, t.page.Lines = false, t.page.Lines[:0] }

const auditColumns = `SELECT seq, hash, earliest, latest, lines FROM audit`

func (rd roomsReader) AuditAfter(after int64, limit int) ([]audit.Page, error) {
	return rd.auditPages(auditColumns+` WHERE seq > ? ORDER BY seq LIMIT ?`, after, limit)
}

func (rd roomsReader) AuditBefore(before int64, from, to time.Time, limit int) ([]audit.Page, error) {
	if before == 0 {
		before = math.MaxInt64
	}
	latest := int64(math.MaxInt64)
	if !to.IsZero() {
		latest = millis(to)
	}
	// The page that holds the entry before-1 ends there or later.
	return rd.auditPages(auditColumns+` WHERE seq <= COALESCE((SELECT MIN(seq) FROM audit WHERE seq >= ?), ?)
		AND latest >= ? AND earliest <= ? ORDER BY seq DESC LIMIT ?`, before-1, int64(math.MaxInt64), millis(from), latest, limit)
}

func (rd roomsReader) auditPages(text string, args ...any) (out []audit.Page, err error) {
	err = each(rd.q, func(rows *sql.Rows) error {
		var (
			p                audit.Page
			hash             []byte
			earliest, latest int64
		)
		err := rows.Scan(&p.Last.Seq, &hash, &earliest, &latest, &p.Lines)
		copy(p.Last.Hash[:], hash)
		p.Earliest, p.Latest = goTime(earliest), goTime(latest)
		out = append(out, p)
		return err
	}, text, args...)
	return out, err
}
