package sqlitestore_test

import (
	"context"
	"database/sql"
	"os"
	"testing"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) {
	if role := os.Getenv(childRole); role != "" {
		child(role)
		return
	}
	goleak.VerifyTestMain(m)
}

// other runs statements on the file as another process would, and closes.
func other(t *testing.T, path string, statements ...string) {
	t.Helper()
	_, release := otherConn(t, path, statements...)
	release()
}

// otherConn keeps the connection, with whatever it locked, until release.
func otherConn(t *testing.T, path string, statements ...string) (conn *sql.Conn, release func()) {
	t.Helper()
	db, err := sql.Open("sqlite", "file:"+path+"?_pragma=busy_timeout(2000)")
	if err != nil {
		t.Fatal(err)
	}
	conn, err = db.Conn(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	for _, text := range statements {
		if _, err := conn.ExecContext(context.Background(), text); err != nil {
			t.Fatalf("%s: %v", text, err)
		}
	}
	return conn, func() { _ = conn.Close(); _ = db.Close() }
}
