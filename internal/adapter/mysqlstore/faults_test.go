package mysqlstore_test

import (
	"context"
	"database/sql/driver"
	"errors"
	"io"
	"net"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/go-sql-driver/mysql"

	"github.com/greenroomlive/greenroom/internal/adapter/mysqlstore"
	"github.com/greenroomlive/greenroom/internal/core/fault"
)

func TestEngineFaults(t *testing.T) {
	number := func(n uint16) error { return &mysql.MySQLError{Number: n, Message: "so it is"} }
	for _, c := range []struct {
		err    error
		code   *fault.Code
		cause  string
		passes bool
	}{
		{number(1213), fault.StoreUnavailable, "deadlock", true},
		{number(1205), fault.StoreUnavailable, "locked", true},
		{number(1290), fault.StoreUnavailable, "read only", true},
		{number(1040), fault.StoreUnavailable, "too many connections", true},
		{number(1053), fault.StoreUnavailable, "connection lost", true},
		{mysql.ErrInvalidConn, fault.StoreUnavailable, "connection lost", true},
		{driver.ErrBadConn, fault.StoreUnavailable, "connection lost", true},
		{io.ErrUnexpectedEOF, fault.StoreUnavailable, "connection lost", true},
		{dialTimeout(t), fault.StoreUnavailable, "connection lost", true},
		{number(1114), fault.StoreUnavailable, "disk full", false},
		{number(1045), fault.StoreUnavailable, "access denied", false},
		{number(1062), fault.Internal, "", false}, // a constraint
		{number(1406), fault.Internal, "", false}, // a value that does not fit
		{number(1064), fault.Internal, "", false}, // our own statement
		{context.DeadlineExceeded, fault.DeadlineExceeded, "", false},
		{fault.RoomNotFound.New("no"), fault.RoomNotFound, "", false},
	} {
		got := fault.Of(mysqlstore.EngineFault(c.err))
		if got.Code != c.code || got.Details["cause"] != c.cause || mysqlstore.Passes(got) != c.passes {
			t.Errorf("%v is %v with %v, passes: %v", c.err, got, got.Details, mysqlstore.Passes(got))
		}
		if c.code == fault.Internal && strings.Contains(got.Message, "so it is") {
			t.Errorf("what the engine says of our statement is shown to callers: %s", got.Message)
		}
	}
}

// dialTimeout is what a dialer says of a server that does not answer in its time.
func dialTimeout(t *testing.T) error {
	_, err := (&net.Dialer{Deadline: time.Now().Add(-time.Second)}).DialContext(t.Context(), "tcp", "127.0.0.1:1")
	if !errors.Is(err, context.DeadlineExceeded) {
		t.Fatalf("this test says nothing any more: %v", err)
	}
	return err
}

// TestNoErrorHoldsThePassword: not even of a DSN that was mistyped.
func TestNoErrorHoldsThePassword(t *testing.T) {
	for _, dsn := range []string{"room:sesame/room_b", "room:sesame@127.0.0.1:3306/room_b", "room@tcp(h:1)/room_b?tls=sesame", "room:sesame@tcp(h:1)"} {
		if _, err := mysqlstore.OpenLeases(dsn); err == nil || strings.Contains(err.Error(), "sesame") {
			t.Errorf("%s: %v", dsn, err)
		}
	}
}

func TestRetry(t *testing.T) {
	deadlock := fault.StoreUnavailable.New("no").With("cause", "deadlock")
	full := fault.StoreUnavailable.New("no").With("cause", "disk full")
	for _, c := range []struct {
		name   string
		within time.Duration
		faults []error // of the attempts; the last one repeats
		want   error
		least  int
		took   time.Duration
	}{
		{"a fault that passes", time.Second, []error{deadlock, deadlock, nil}, nil, 3, time.Second},
		{"a fault that does not pass", time.Second, []error{full}, full, 1, 0},
		{"a fault of the unit", time.Second, []error{fault.AlreadyLive.New("no")}, fault.AlreadyLive, 1, 0},
		{"one that stays, until the deadline", time.Second, []error{deadlock}, deadlock, 6, time.Second},
		{"one that stays, without a deadline", 0, []error{deadlock}, deadlock, 100, mysqlstore.Patience},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				ctx := t.Context()
				if c.within > 0 {
					var cancel context.CancelFunc
					ctx, cancel = context.WithTimeout(ctx, c.within)
					defer cancel()
				}
				began, n := time.Now(), 0
				err := mysqlstore.Retry(ctx, func() error {
					n++
					return c.faults[min(n, len(c.faults))-1]
				})
				if !errors.Is(err, c.want) || n < c.least || n > 2000 {
					t.Errorf("%d attempts ended with %v", n, err)
				}
				if took := time.Since(began); took > c.took || c.least > 3 && took < c.took {
					t.Errorf("it took %v, want %v", took, c.took)
				}
			})
		})
	}
}

func TestOpenRooms(t *testing.T) {
	if rooms, err := mysqlstore.OpenRooms(t.Context(), emptyDatabase(t)); rooms != nil || !errors.Is(err, fault.NotReady) {
		t.Errorf("a database without a schema: %v", err)
	}
	const secret = "hunter2"
	for _, dsn := range []string{"root:" + secret + "@tcp(127.0.0.1:1)/room_b", "root:" + secret + "@tcp(127.0.0.1:1", "root:" + secret + "@tcp(" + server.Addr + ")/x"} {
		rooms, err := mysqlstore.OpenRooms(t.Context(), dsn)
		if rooms != nil || err == nil || strings.Contains(err.Error(), secret) {
			t.Errorf("a database that is not there: %v", err)
		}
	}
}
