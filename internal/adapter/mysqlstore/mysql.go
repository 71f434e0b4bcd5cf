package mysqlstore

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"time"

	"github.com/go-sql-driver/mysql"

	"github.com/greenroomlive/greenroom/internal/core/fault"
)

const (
	// dialWithin, and ioWithin for each packet: a server that is gone without a word is noticed after them, or at
	// the caller's deadline if that is sooner. A statement waits for locks no longer than lockWithin seconds.
	dialWithin = 2 * time.Second
	ioWithin   = 10 * time.Second
	lockWithin = 2
	// idleWithin, in seconds: the server rolls back for a process that stopped in the middle of a transaction, so
	// that its locks do not outlive its leases by much. MariaDB only; on MySQL they live until the connection dies.
	idleWithin = 2
	// writers and readers bound the connections of one process to one database. Commits share the server's
	// fsyncs, the better the more of them run at once.
	writers = 32
	readers = 8
	// connLife spreads processes over the servers behind one name again after a failover.
	connLife = 10 * time.Minute
	// connIdle gives back what only a peak needed: the server's connections are for all processes.
	connIdle = time.Minute
)

// Isolation, for all transactions of a connection. The default of a server is not relied upon.
const (
	// committed, for writing: what a transaction decides on it has locked, and what it reads after
	// the lock is the newest. The gaps that REPEATABLE READ would lock as well are what deadlocks are made of.
	committed = "READ COMMITTED"
	// frozen, for reading: one committed snapshot for the whole transaction.
	frozen = "REPEATABLE READ"
)

// errDSN says nothing of what the driver says of a DSN: it may quote the password.
var errDSN = errors.New("mysqlstore: the DSN cannot be read; it is user:password@tcp(host:port)/database, and parameters that the driver knows")

// database is the connections of one process to one database.
type database struct{ write, read *sql.DB }

// open prepares the connections; the first is made when it is needed.
func open(dsn string) (*database, error) {
	write, err := connect(dsn, committed, writers, ioWithin)
	if err != nil {
		return nil, err
	}
	read, err := connect(dsn, frozen, readers, ioWithin)
	if err != nil {
		return nil, errors.Join(err, write.Close())
	}
	return &database{write, read}, nil
}

func (d *database) close() error { return errors.Join(d.write.Close(), d.read.Close()) }

// connect makes a pool. The DSN says where and as whom (user:password@tcp(host:port)/database?tls=…); how to talk is
// decided here, whatever else it says.
func connect(dsn, isolation string, most int, io time.Duration) (*sql.DB, error) {
	cfg, err := mysql.ParseDSN(dsn)
	if err != nil {
		return nil, errDSN
	}
	// Times are integers of our own, and text is compared by its bytes: no session setting can change what is stored.
	cfg.ParseTime, cfg.Collation = false, "utf8mb4_bin"
	// The arguments go into the text here: one round trip a statement, and nothing to prepare anew after a failover.
	cfg.InterpolateParams, cfg.MultiStatements = true, false
	// After a failover the old primary is read only: such a connection is dropped, and the next one looks again.
	cfg.RejectReadOnly, cfg.CheckConnLiveness, cfg.ClientFoundRows = true, true, false
	cfg.Timeout, cfg.ReadTimeout, cfg.WriteTimeout = dialWithin, io, io
	cfg.ConnectionAttributes = "program_name:greenroom"
	cfg.Logger = &mysql.NopLogger{} // all it would say comes back as an error, too
	inner, err := mysql.NewConnector(cfg)
	if err != nil {
		return nil, errDSN
	}
	db := sql.OpenDB(connector{inner, []string{
		"SET SESSION TRANSACTION ISOLATION LEVEL " + isolation,
		// Strict: what does not fit is refused, never cut. The M-comment is for MariaDB alone.
		fmt.Sprintf("SET SESSION sql_mode = 'STRICT_ALL_TABLES,NO_ENGINE_SUBSTITUTION', innodb_lock_wait_timeout = %d /*M!, idle_transaction_timeout = %d */",
			lockWithin, idleWithin),
	}})
	db.SetMaxOpenConns(most)
	db.SetMaxIdleConns(most)
	db.SetConnMaxLifetime(connLife)
	db.SetConnMaxIdleTime(connIdle)
	return db, nil
}

// connector sets each new connection up before its first use.
type connector struct {
	driver.Connector
	setup []string
}

func (c connector) Connect(ctx context.Context) (driver.Conn, error) {
	conn, err := c.Connector.Connect(ctx)
	if err != nil {
		return nil, err
	}
	for _, text := range c.setup {
		if _, err := conn.(driver.ExecerContext).ExecContext(ctx, text, nil); err != nil {
			return nil, errors.Join(err, conn.Close())
		}
	}
	return conn, nil
}

// querier is what a read needs: a transaction, or single statements. It lives for one call, under its context.
type querier interface {
	query(text string, args ...any) (*sql.Rows, error)
	// typed is the fault that an error of the engine is.
	typed(err error) error
}

// single runs each statement on its own snapshot.
type single struct {
	ctx context.Context
	db  *sql.DB
}

func (s single) query(text string, args ...any) (*sql.Rows, error) {
	rows, err := s.db.QueryContext(s.ctx, text, args...)
	return rows, s.typed(err)
}

func (s single) typed(err error) error { return engineFault(err) }

// transaction is one transaction on one connection. Not safe for concurrent use.
type transaction struct {
	ctx context.Context
	c   *sql.Conn
	// writes counts the statements that may have changed something.
	writes int
	// broken is the engine's fault that ended the transaction. After some of them the server has rolled back by
	// itself, and what a unit that overlooks the fault does next would be committed alone, statement by statement.
	broken error
}

func (t *transaction) query(text string, args ...any) (*sql.Rows, error) {
	if t.broken != nil {
		return nil, t.broken
	}
	rows, err := t.c.QueryContext(t.ctx, text, args...)
	return rows, t.typed(err)
}

// exec returns the number of rows that changed.
func (t *transaction) exec(text string, args ...any) (int64, error) {
	if t.broken != nil {
		return 0, t.broken
	}
	t.writes++
	res, err := t.c.ExecContext(t.ctx, text, args...)
	if err != nil {
		return 0, t.typed(err)
	}
	return res.RowsAffected() // the driver knows it already
}

func (t *transaction) typed(err error) error {
	err = engineFault(err)
	if errors.Is(err, fault.StoreUnavailable) || errors.Is(err, fault.DeadlineExceeded) {
		t.broken = err
	}
	return err
}

// transact runs f in one transaction, once. Errors before the commit leave no trace; an unanswered one says
// that the commit happened or did not.
func transact(ctx context.Context, db *sql.DB, begin string, f func(*transaction) error) error {
	c, err := db.Conn(ctx)
	if err != nil {
		return engineFault(err)
	}
	t, clean := &transaction{ctx: ctx, c: c}, false
	defer func() {
		if !clean { // the server rolls back what a connection leaves behind
			_ = c.Raw(func(any) error { return driver.ErrBadConn })
		}
		_ = c.Close() // gives it back, or has it thrown away by the line above
	}()
	if _, err := c.ExecContext(ctx, begin); err != nil {
		return engineFault(err)
	}
	err = f(t)
	if t.broken != nil {
		err = t.broken
	}
	if err != nil {
		_, rollback := c.ExecContext(ctx, "ROLLBACK")
		clean = rollback == nil
		return err
	}
	if _, err := c.ExecContext(ctx, "COMMIT"); err != nil {
		return &unanswered{engineFault(err)}
	}
	clean = true
	return nil
}

// unanswered is a COMMIT that was sent and not answered with yes: it may have happened.
type unanswered struct{ error }

func (u *unanswered) Unwrap() error { return u.error }

// change runs f in one writing transaction, once.
func (d *database) change(ctx context.Context, f func(*transaction) error) error {
	return transact(ctx, d.write, "START TRANSACTION", f)
}

// look runs f on one committed snapshot, that of the moment it begins.
func (d *database) look(ctx context.Context, f func(querier) error) error {
	return transact(ctx, d.read, "START TRANSACTION WITH CONSISTENT SNAPSHOT, READ ONLY", func(t *transaction) error { return f(t) })
}

// now reads with single statements, each on the newest committed state.
func (d *database) now(ctx context.Context) querier { return single{ctx, d.read} }

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
				return q.typed(broken)
			}
			return err // the engine gave the row; that we cannot read it is ours: INTERNAL
		}
	}
	return q.typed(rows.Err())
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
