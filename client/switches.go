package greenroom

import (
	"context"

	opsv1 "github.com/greenroomlive/greenroom/api/gen/greenroom/ops/v1"
)

// Switch is something that operators turn off and on while the house runs.
type Switch = opsv1.Switch

// SwitchTurn is one change of a Switch.
type SwitchTurn = opsv1.SwitchTurn

// ListSwitches lists all switches, each with its newest ten turns. Scope ops.
func (c *Client) ListSwitches(ctx context.Context) ([]*Switch, error) {
	a, err := call(ctx, c, c.ops.ListSwitches, &opsv1.ListSwitchesRequest{}, nil)
	return a.GetSwitches(), err
}

// SetSwitch turns a switch, in the caller's name and for the reason, and returns it as it stands then. What stands so
// already stays. With IfMatch only while the switch has that version, VERSION_CONFLICT otherwise. Scope ops.
func (c *Client) SetSwitch(ctx context.Context, name string, on bool, reason string, options ...CallOption) (*Switch, error) {
	return call(ctx, c, c.ops.SetSwitch, &opsv1.SetSwitchRequest{Name: name, On: &on, Reason: reason}, options)
}
