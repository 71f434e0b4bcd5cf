package commandapi

import (
	"context"

	"connectrpc.com/connect"

	opsv1 "github.com/greenroomlive/greenroom/api/gen/greenroom/ops/v1"
	"github.com/greenroomlive/greenroom/internal/core/ident"
	"github.com/greenroomlive/greenroom/internal/guard/switches"
	"github.com/greenroomlive/greenroom/internal/wire"
)

// Switches are what operators may turn at run time; switches.Set says how its methods behave.
type Switches interface {
	List(ctx context.Context) ([]switches.State, error)
	Turn(ctx context.Context, t switches.Turn, ifMatch ident.Version) (switches.State, error)
}

// ListSwitches shows every switch with its last turns.
func (h *opsHandler) ListSwitches(ctx context.Context, _ *connect.Request[opsv1.ListSwitchesRequest]) (*connect.Response[opsv1.ListSwitchesResponse], error) {
	all, err := h.switches.List(ctx)
	out := &opsv1.ListSwitchesResponse{}
	for i := range all {
		out.Switches = append(out.Switches, switchMessage(&all[i]))
	}
	return respond(out, err)
}

// SetSwitch turns one, in the name of the caller.
func (h *opsHandler) SetSwitch(ctx context.Context, req *connect.Request[opsv1.SetSwitchRequest]) (*connect.Response[opsv1.Switch], error) {
	meta, err := metaOf(ctx, req.Header())
	if err != nil {
		return nil, err
	}
	state, err := h.switches.Turn(ctx, switches.Turn{
		Name: req.Msg.GetName(), On: req.Msg.GetOn(), By: meta.Caller.Subject, Reason: req.Msg.GetReason(), Asked: meta.Deed(),
	}, meta.IfMatch)
	if err != nil {
		return nil, err
	}
	return respond(switchMessage(&state), nil)
}

func switchMessage(s *switches.State) *opsv1.Switch {
	out := &opsv1.Switch{Name: s.Name, On: s.On, DefaultOn: s.Default, Meaning: s.Meaning, Version: int64(s.Version)}
	for _, t := range s.Turns {
		out.Turns = append(out.Turns, &opsv1.SwitchTurn{Version: int64(t.Version), On: t.On, By: t.By, Reason: t.Reason, At: wire.Time(t.At)})
	}
	return out
}
