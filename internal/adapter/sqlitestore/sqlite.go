// Package sqlitestore is the embedded engine of both databases: room_b (Rooms) and room_c (Views).
//
// Each is one file with one writing connection and a few reading ones. Writers wait in a bounded
// queue and share commits: what Write returned is fsynced (room_b) in commit order; readers see
// committed snapshots and never wait for writers. room_c is not fsynced per commit: it can be
// rebuilt from the log. Faults of the engine (full, locked, gone) are STORE_UNAVAILABLE and leave no half
// change. The package holds no rules: what may be written was decided before.
package sqlitestore

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"time"

	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"

	"github.com/greenroomlive/greenroom/internal/core/fault"
)

// durability is SQLite's synchronous setting.
type durability string

const (
	// fsynced: a commit survives power loss.
	fsynced durability = "FULL"
	// crashSafe: a commit survives kill -9; power loss may take the newest ones, never corrupt.
	crashSafe durability = "NORMAL"
)

// busyTimeout is how long a statement waits for another process's lock before STORE_UNAVAILABLE.
const busyTimeout = 2 * time.Second

// readers bounds the reading connections of one database.
const readers = 4

// open opens the file, creating it with the schema when it is new.
func open(path, schema string, d durability) (write *conn, read *sql.DB, err error) {
	dsn := func(more ...string) string {
		q := url.Values{"_pragma": append([]string{
			"busy_timeout(" + fmt.Sprint(busyTimeout.Milliseconds()) + ")",
			"journal_mode(WAL)", "synchronous(" + string(d) + ")", "foreign_keys(0)",
			"wal_autocheckpoint(4000)", "cache_size(-32000)", "temp_store(MEMORY)",
		}, more...)}
		return "file:" + path + "?" + q.Encode()
	}
	db, err := sql.Open("sqlite", dsn())
	if err != nil {
		return nil, nil, err
	}
	db.SetMaxOpenConns(1)
	c, err := db.Conn(context.Background())
	if err != nil {
		return nil, nil, errors.Join(fmt.Errorf("sqlitestore: open %s: %w", path, err), db.Close())
	}
	write = &conn{db: db, c: c, stmts: map[string]*sql.Stmt{}}
	if _, err := c.ExecContext(context.Background(), schema); err != nil {
		return nil, nil, errors.Join(fmt.Errorf("sqlitestore: schema of %s: %w", path, err), write.close())
	}
	// mode=rw makes no file: a reader that connects after the file was deleted must fail, not find an
	// empty database without a table in the deleted one's place.
	read, err = sql.Open("sqlite", dsn("query_only(1)")+"&mode=rw")
	if err != nil {
		return nil, nil, errors.Join(err, write.close())
	}
	read.SetMaxOpenConns(readers)
	read.SetMaxIdleConns(readers)
	return write, read, nil
}

// conn is a connection with its prepared statements. Not safe for concurrent use.
type conn struct {
	db    *sql.DB
	c     *sql.Conn
	stmts map[string]*sql.Stmt
	// writes counts the statements that may have changed something.
	writes int
}

func (c *conn) close() error {
	for _, s := range c.stmts {
		_ = s.Close()
	}
	return errors.Join(c.c.Close(), c.db.Close())
}

// stmt prepares once per text. The statements live as long as the connection: no request's
// context may end them, which is why all of them run under Background.
func (c *conn) stmt(text string) (*sql.Stmt, error) {
	if s := c.stmts[text]; s != nil {
		return s, nil
	}
	s, err := c.c.PrepareContext(context.Background(), text)
	if err != nil {
		return nil, engineFault(err)
	}
	c.stmts[text] = s
	return s, nil
}

// exec returns the number of rows that changed.
func (c *conn) exec(text string, args ...any) (int64, error) {
	s, err := c.stmt(text)
	if err != nil {
		return 0, err
	}
	c.writes++
	res, err := s.Exec(args...)
	if err != nil {
		return 0, engineFault(err)
	}
	n, err := res.RowsAffected()
	return n, engineFault(err)
}

func (c *conn) query(text string, args ...any) (*sql.Rows, error) {
	s, err := c.stmt(text)
	if err != nil {
		return nil, err
	}
	rows, err := s.Query(args...)
	return rows, engineFault(err)
}

// querier is what a read needs: the writing connection inside a transaction, or a reading one.
type querier interface {
	query(text string, args ...any) (*sql.Rows, error)
}

// snapshot is a reading transaction.
type snapshot struct{ tx *sql.Tx }

func (s snapshot) query(text string, args ...any) (*sql.Rows, error) {
	rows, err := s.tx.Query(text, args...)
	return rows, engineFault(err)
}

// look runs f on one committed snapshot.
func look(ctx context.Context, db *sql.DB, f func(querier) error) error {
	tx, err := db.BeginTx(ctx, &sql.TxOptions{ReadOnly: true})
	if err != nil {
		return engineFault(err)
	}
	defer func() { _ = tx.Rollback() }() // a read has nothing to commit
	return f(snapshot{tx})
}

// each scans all rows of a query.
func each(q querier, scan func(rows *sql.Rows) error, text string, args ...any) error {
	rows, err := q.query(text, args...)
	if err != nil {
		return err
	}
	defer func() { _ = rows.Close() }() // rows.Err below says what matters
	for rows.Next() {
		if err := scan(rows); err != nil {
			if broken := rows.Err(); broken != nil {
				return engineFault(broken)
			}
			return err // the engine gave the row; that we cannot read it is ours: INTERNAL
		}
	}
	return engineFault(rows.Err())
}

// one scans the single row of a query; false when there is none.
func one(q querier, text string, args []any, dest ...any) (bool, error) {
	found := false
	err := each(q, func(rows *sql.Rows) error {
		found = true
		return rows.Scan(dest...)
	}, text, args...)
	return found, err
}

// engineFault types an error of the engine. Faults and nil pass unchanged.
func engineFault(err error) error {
	if err == nil {
		return nil
	}
	if _, ok := errors.AsType[*fault.Error](err); ok {
		return err
	}
	if errors.Is(err, context.DeadlineExceeded) || errors.Is(err, context.Canceled) {
		return fault.DeadlineExceeded.Wrap(err, "the database did not answer in time")
	}
	if e, ok := errors.AsType[*sqlite.Error](err); ok {
		switch e.Code() & 0xff { // the low byte is the primary code
		case sqlite3.SQLITE_FULL:
			return fault.StoreUnavailable.Wrap(err, "the disk of the database is full").With("cause", "disk full")
		case sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED:
			return fault.StoreUnavailable.Wrap(err, "the database is locked").With("cause", "locked")
		case sqlite3.SQLITE_CONSTRAINT, sqlite3.SQLITE_MISMATCH, sqlite3.SQLITE_TOOBIG, sqlite3.SQLITE_ERROR:
			return err // ours: INTERNAL
		case sqlite3.SQLITE_INTERRUPT: // only an ended context interrupts
			return fault.DeadlineExceeded.Wrap(err, "the database did not answer in time")
		}
	}
	return fault.StoreUnavailable.Wrap(err, "the database does not take the request")
}

// isDamaged reports whether the file holds something that no database would write.
func isDamaged(err error) bool {
	e, ok := errors.AsType[*sqlite.Error](err)
	return ok && (e.Code()&0xff == sqlite3.SQLITE_CORRUPT || e.Code()&0xff == sqlite3.SQLITE_NOTADB)
}

// Times are stored as milliseconds since 1970, zero as 0.
func millis(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixMilli()
}

func goTime(ms int64) time.Time {
	if ms == 0 {
		return time.Time{}
	}
	return time.UnixMilli(ms).UTC()
}
