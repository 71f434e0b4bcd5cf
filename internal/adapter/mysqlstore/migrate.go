package mysqlstore

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"time"

	"github.com/pressly/goose/v3"

	"github.com/greenroomlive/greenroom/internal/core/fault"
)

// Side is which of the two databases a schema is for.
type Side string

// The sides.
const (
	SideB Side = "b" // room_b, one for all zones
	SideC Side = "c" // room_c, one for each zone
)

// The schemas only grow: a file that was released is never changed, and there is no way down. Each must leave the
// previous release's processes able to go on, because they do while a fleet is replaced one by one; and each of its
// statements must bear to be run again, because the engine commits every one of them by itself.
//
//go:embed migrations
var migrations embed.FS

// Step is a migration that was run.
type Step struct {
	Version int64
	Name    string
	Took    time.Duration
}

// Migrate brings the schema of the database to this program's version and returns what it had to do for that:
// nothing when it was there already or beyond. Any number of processes may call it at once: one does
// it, the others wait until it is done or their context ends. It does not wait for the database to
// come up: STORE_UNAVAILABLE.
func Migrate(ctx context.Context, dsn string, side Side) ([]Step, error) {
	db, err := connect(dsn, committed, 4, 0) // a change of a large table takes its time
	if err != nil {
		return nil, err
	}
	defer func() { _ = db.Close() }()
	var steps []Step
	err = inTurn(ctx, db, func(*sql.Conn) error {
		steps, err = migrate(ctx, db, side)
		return err
	})
	return steps, err
}

// migrate is Migrate in one's turn.
func migrate(ctx context.Context, db *sql.DB, side Side) (steps []Step, err error) {
	p, err := provider(db, side)
	if err != nil {
		return nil, err
	}
	results, err := p.Up(ctx)
	if err != nil {
		return nil, fmt.Errorf("mysqlstore: migrate room_%s: %w", side, engineFault(rootCause(err)))
	}
	for _, r := range results {
		steps = append(steps, Step{r.Source.Version, r.Source.Path, r.Duration})
	}
	return steps, nil
}

// rootCause keeps a caller's fault if there is one; goose wraps what happened in its own words.
func rootCause(err error) error {
	if f, ok := errors.AsType[*fault.Error](err); ok {
		return f
	}
	return err
}

func provider(db *sql.DB, side Side) (*goose.Provider, error) {
	files, err := fs.Sub(migrations, "migrations/"+string(side))
	if err != nil {
		return nil, err
	}
	return goose.NewProvider(goose.DialectMySQL, db, files, goose.WithDisableGlobalRegistry(true))
}

// The name is hashed because it may have no more than 64 characters; locks belong to the server, not to the database.
const turnName = "MD5(CONCAT('greenroom migrate ', DATABASE()))"

// inTurn runs f while no other process changes the schema; it waits for its turn until ctx ends. The lock is the
// connection's: it is free again when its holder dies. It is not goose's own, which begins after goose has looked
// what there is to do: what it found half made by another one it takes for broken.
func inTurn(ctx context.Context, db *sql.DB, f func(*sql.Conn) error) error {
	c, err := db.Conn(ctx)
	if err != nil {
		return engineFault(err)
	}
	defer func() {
		_ = c.Raw(func(any) error { return driver.ErrBadConn }) // closes it, and so gives the turn to the next
		_ = c.Close()
	}()
	for mine := (sql.NullInt64{}); mine.Int64 != 1; {
		if err := c.QueryRowContext(ctx, "SELECT GET_LOCK("+turnName+", 1)").Scan(&mine); err != nil {
			return engineFault(err)
		}
	}
	return f(c)
}

// migrated is NOT_READY when the database's schema is older than this program's. A newer one is fine:
// schemas only grow.
func migrated(ctx context.Context, d *database, side Side) error {
	p, err := provider(d.read, side)
	if err != nil {
		return err
	}
	sources := p.ListSources()
	want, have := sources[len(sources)-1].Version, int64(-1)
	found, err := one(d.now(ctx), `SELECT 1 FROM information_schema.tables WHERE table_schema = DATABASE() AND table_name = ?`,
		[]any{goose.DefaultTablename}, new(int))
	if err == nil && found {
		_, err = one(d.now(ctx), `SELECT COALESCE(MAX(version_id), 0) FROM `+goose.DefaultTablename, nil, &have)
	}
	if err == nil && have < want {
		err = fault.NotReady.New("the schema of room_%s is at %d, this program needs %d: run `greenroom migrate`", side, have, want)
	}
	return err
}
