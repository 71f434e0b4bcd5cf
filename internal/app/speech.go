package app

import (
	"context"
	"time"

	"github.com/greenroomlive/greenroom/internal/core/fault"
	"github.com/greenroomlive/greenroom/internal/door/auth"
	"github.com/greenroomlive/greenroom/internal/door/queryapi"
	"github.com/greenroomlive/greenroom/internal/flow/command"
)

// newSpeech answers chat systems from a node's court.
func newSpeech(v *viewing, callers *auth.Authenticator) *queryapi.Speech {
	return &queryapi.Speech{
		Court: v.Roster.Court, Now: time.Now,
		MayAsk: func(ctx context.Context, bearer string) error {
			caller, err := callers.Caller(ctx, bearer)
			if err == nil && !mayAsk(&caller) {
				err = fault.PermissionDenied.New("who may speak is told to the scopes service, staff and ops")
			}
			return err
		},
		Knows: func(bearer []byte) bool {
			caller, known := callers.Known(bearer)
			return known && mayAsk(&caller)
		},
	}
}

func mayAsk(c *command.Caller) bool {
	return c.Has(command.ScopeService, command.ScopeStaff, command.ScopeOps)
}

// courtSize is how much a node judges by.
func courtSize(v *viewing) (people, rules int) {
	if c := v.Roster.Court(); c != nil {
		return c.Size()
	}
	return 0, 0
}
