package mysqlstore

import (
	"context"
	"errors"
	"net"

	"github.com/go-sql-driver/mysql"

	"github.com/greenroomlive/greenroom/internal/core/fault"
)

// Why the engine did not take a request: details.cause of STORE_UNAVAILABLE.
const (
	deadlock   = "deadlock"
	locked     = "locked"
	lost       = "connection lost"
	readOnly   = "read only"
	crowded    = "too many connections"
	diskFull   = "disk full"
	notAllowed = "access denied"
)

// causes are the engine's error numbers that say something about its state. All other numbers say something
// about our statement: INTERNAL.
var causes = map[uint16]string{
	1213: deadlock,
	1020: deadlock, // MariaDB, of a record that changed since the snapshot that it would be written from
	1205: locked,
	1290: readOnly, 1792: readOnly, 1836: readOnly,
	1040: crowded, 1203: crowded, 1226: crowded,
	1021: diskFull, 1114: diskFull,
	1044: notAllowed, 1045: notAllowed, 1698: notAllowed,
	// Shut down, killed, interrupted, still starting, or a replica that is not in the cluster yet.
	1053: lost, 1927: lost, 1317: lost, 1047: lost, 1094: lost, 1152: lost, 1159: lost, 1160: lost, 1161: lost, 3169: lost, 4031: lost,
}

// duplicate is the number of a unique key that is there already.
const duplicate = 1062

func isDuplicate(err error) bool {
	e, ok := errors.AsType[*mysql.MySQLError](err)
	return ok && e.Number == duplicate
}

// engineFault types an error of the engine. Faults and nil pass unchanged.
func engineFault(err error) error {
	if err == nil {
		return nil
	}
	if _, ok := errors.AsType[*fault.Error](err); ok {
		return err
	}
	dial, dialing := errors.AsType[*net.OpError](err) // its own time-out passes for that of a context
	if !(dialing && dial.Timeout()) && (errors.Is(err, context.DeadlineExceeded) || errors.Is(err, context.Canceled)) {
		return fault.DeadlineExceeded.Wrap(err, "the database did not answer in time")
	}
	cause := lost // whatever is no answer of the server: refused, reset, timed out
	if e, ok := errors.AsType[*mysql.MySQLError](err); ok {
		if cause = causes[e.Number]; cause == "" {
			return err
		}
	}
	return fault.StoreUnavailable.Wrap(err, "the database does not take the request: %s", cause).With("cause", cause)
}

// passes reports whether the fault passes by itself, and soon: then the same transaction is worth another try.
func passes(err error) bool {
	if !errors.Is(err, fault.StoreUnavailable) {
		return false
	}
	switch fault.Of(err).Details["cause"] {
	case deadlock, locked, lost, readOnly, crowded:
		return true
	}
	return false
}
