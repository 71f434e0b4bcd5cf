package app

import "errors"

// Ready says why this node should get no viewers yet; nil when it should. Once said, it stays said as long as
// the views do: what a node holds it may serve, however old it grows, and its answers say how old.
//
// A node that begins is behind until it has proven otherwise, and cold until its rooms are in memory: viewers
// that came earlier would be shown what was, and would all at once ask room_c.
func (v *viewing) Ready() error {
	if !v.fresh.Complete() {
		return errors.New("the views are being filled")
	}
	if v.fresh.ProvenAt().IsZero() {
		return errors.New("the views have not caught up with the log")
	}
	if _, err := v.Reads.LiveIDs(); err != nil {
		return err
	}
	if !v.Reads.Resident() {
		return errors.New("the rooms are being brought into memory")
	}
	return nil
}
