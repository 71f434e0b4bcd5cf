package mysqlstore

import (
	"database/sql"
	"math"
	"strings"
	"time"

	"github.com/greenroomlive/greenroom/internal/core/audit"
	"github.com/greenroomlive/greenroom/internal/core/fault"
)

// Record is command.Tx. Commits of many processes run side by side, so an entry has no place yet: the sequencer chains it.
func (tx *roomsTx) Record(e *audit.Entry) error { return record(tx.t, e) }

func record(t *transaction, e *audit.Entry) error {
	_, err := t.exec(`INSERT INTO audit_outbox (at, entry) VALUES (?, ?)`, millis(e.At), e.AppendJSON(nil))
	return err
}

// chain moves up to limit waiting entries behind the audit log's newest one. The caller holds the sequencer's lease, so
// nobody else does; an entry that is committed late is found next time.
func chain(t *transaction, limit int) error {
	type waiting struct {
		at    time.Time
		entry []byte
	}
	var (
		ids     []any
		entries []waiting
		hash    []byte
		page    audit.Page
	)
	err := each(t, func(rows *sql.Rows) error {
		var id, at int64
		var entry []byte
		err := rows.Scan(&id, &at, &entry)
		ids, entries = append(ids, id), append(entries, waiting{goTime(at), entry})
		return err
	}, `SELECT id, at, entry FROM audit_outbox ORDER BY id LIMIT ?`, limit)
	if err != nil || len(ids) == 0 {
		return err
	}
	if _, err := one(t, `SELECT seq, hash FROM audit ORDER BY seq DESC LIMIT 1`, nil, &page.Last.Seq, &hash); err != nil {
		return err
	}
	copy(page.Last.Hash[:], hash)
	for i, e := range entries {
		page.Append(e.entry, e.at)
		if len(page.Lines) < pageFull && i < len(entries)-1 {
			continue
		}
		if _, err := t.exec(`INSERT INTO audit (seq, hash, earliest, latest, page) VALUES (?, ?, ?, ?, ?)`,
			page.Last.Seq, page.Last.Hash[:], millis(page.Earliest), millis(page.Latest), page.Lines); err != nil {
			return err
		}
		page = audit.Page{Last: page.Last}
	}
	gone, err := t.exec(`DELETE FROM audit_outbox WHERE id IN (`+strings.TrimSuffix(strings.Repeat("?, ", len(ids)), ", ")+`)`, ids...)
	if err == nil && gone != int64(len(ids)) {
		err = fault.Internal.New("%d entries were chained, %d left the outbox", len(ids), gone)
	}
	return err
}

// pageFull is when a page takes no more: whoever reads one holds it in memory.
const pageFull = 256 << 10

const auditColumns = `SELECT seq, hash, earliest, latest, page FROM audit`

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
