package mysqlstore_test

import (
	"context"
	"database/sql"
	"fmt"
	"os"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/greenroomlive/greenroom/internal/adapter/mysqlstore"
	"github.com/greenroomlive/greenroom/internal/stage"
)

// server is the one MariaDB of this package's tests; nil where it is not installed.
var server *stage.MariaDB

func TestMain(m *testing.M) { os.Exit(withServer(m)) }

func withServer(m *testing.M) (code int) {
	if stage.MissingMariaDB() != "" {
		return m.Run() // each test that needs it says so
	}
	dir, err := os.MkdirTemp("", "mysqlstore")
	if err != nil {
		fmt.Println(err)
		return 1
	}
	defer func() { _ = os.RemoveAll(dir) }()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	if server, err = stage.StartMariaDB(ctx, dir); err != nil {
		fmt.Println(err)
		return 1
	}
	defer func() { server.Kill() }()
	if code = m.Run(); code == 0 {
		server.Kill() // whoever waits for it is no leak
		if err := goleak.Find(); err != nil {
			fmt.Println(err)
			return 1
		}
	}
	return code
}

// databases numbers them, one for each test.
var databases atomic.Int64

// database makes an empty one, migrated for the side, and returns its DSN.
func database(t testing.TB, side mysqlstore.Side) string {
	t.Helper()
	dsn := emptyDatabase(t)
	if _, err := mysqlstore.Migrate(t.Context(), dsn, side); err != nil {
		t.Fatal(err)
	}
	return dsn
}

func emptyDatabase(t testing.TB) string {
	t.Helper()
	if server == nil {
		t.Skipf("this machine lacks the Debian package %s", stage.MissingMariaDB())
	}
	name := fmt.Sprintf("room_%d", databases.Add(1))
	if err := server.CreateDatabase(t.Context(), name); err != nil {
		t.Fatal(err)
	}
	return server.DSN(name)
}

// other runs statements on the database as another process would.
func other(t testing.TB, dsn string, statements ...string) {
	t.Helper()
	db, err := sql.Open("mysql", dsn)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = db.Close() }()
	for _, text := range statements {
		if _, err := db.ExecContext(t.Context(), text); err != nil {
			t.Fatalf("%s: %v", text, err)
		}
	}
}
