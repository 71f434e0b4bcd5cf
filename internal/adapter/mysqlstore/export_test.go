package mysqlstore

import (
	"context"
	"time"
)

// EngineFault types an error of the engine.
func EngineFault(err error) error { return engineFault(err) }

// Passes reports whether a fault is worth another try.
func Passes(err error) bool { return passes(err) }

// Retry runs attempt as Write does.
func Retry(ctx context.Context, attempt func() error) error { return retry(ctx, attempt) }

// Patience bounds the retries of who has no deadline.
const Patience = time.Duration(patience)

// Keep renews the claim once.
func (n *Node) Keep(ctx context.Context) error { return n.keep(ctx) }
