package commandapi

import (
	"context"
	"net/http"
	"time"

	"connectrpc.com/connect"

	managementv1 "github.com/greenroomlive/greenroom/api/gen/greenroom/management/v1"
	roomv1 "github.com/greenroomlive/greenroom/api/gen/greenroom/room/v1"
	"github.com/greenroomlive/greenroom/internal/core/fault"
	"github.com/greenroomlive/greenroom/internal/core/ident"
	"github.com/greenroomlive/greenroom/internal/core/room"
	"github.com/greenroomlive/greenroom/internal/flow/command"
	"github.com/greenroomlive/greenroom/internal/wire"
)

// rulesHandler serves greenroom.management.v1.RulesService.
type rulesHandler struct{ commands *command.Rules }

type rulesAnswer = connect.Response[managementv1.RulesDocument]

// GetRules reads a room's document.
func (h *rulesHandler) GetRules(ctx context.Context, req *connect.Request[managementv1.GetRulesRequest]) (*rulesAnswer, error) {
	return h.get(ctx, req.Header(), ident.RoomID(req.Msg.GetRoomId()))
}

// GetPlatformRules reads the platform's.
func (h *rulesHandler) GetPlatformRules(ctx context.Context, req *connect.Request[managementv1.GetPlatformRulesRequest]) (*rulesAnswer, error) {
	return h.get(ctx, req.Header(), ident.Platform)
}

// SetRules puts a whole document in place.
func (h *rulesHandler) SetRules(ctx context.Context, req *connect.Request[managementv1.SetRulesRequest]) (*rulesAnswer, error) {
	return h.set(ctx, req.Header(), ident.RoomID(req.Msg.GetRoomId()), req.Msg.GetRules())
}

// SetPlatformRules puts the platform's in place.
func (h *rulesHandler) SetPlatformRules(ctx context.Context, req *connect.Request[managementv1.SetPlatformRulesRequest]) (*rulesAnswer, error) {
	return h.set(ctx, req.Header(), ident.Platform, req.Msg.GetRules())
}

// UpdateRules changes some fields.
func (h *rulesHandler) UpdateRules(ctx context.Context, req *connect.Request[managementv1.UpdateRulesRequest]) (*rulesAnswer, error) {
	return h.update(ctx, req.Header(), ident.RoomID(req.Msg.GetRoomId()), req.Msg.GetRules(), req.Msg.GetUpdateMask().GetPaths())
}

// UpdatePlatformRules changes some fields of the platform's.
func (h *rulesHandler) UpdatePlatformRules(ctx context.Context, req *connect.Request[managementv1.UpdatePlatformRulesRequest]) (*rulesAnswer, error) {
	return h.update(ctx, req.Header(), ident.Platform, req.Msg.GetRules(), req.Msg.GetUpdateMask().GetPaths())
}

// ChangeTerms blocks terms and lets others go.
func (h *rulesHandler) ChangeTerms(ctx context.Context, req *connect.Request[managementv1.ChangeTermsRequest]) (*rulesAnswer, error) {
	return h.terms(ctx, req.Header(), ident.RoomID(req.Msg.GetRoomId()), req.Msg)
}

// ChangePlatformTerms does so for the platform.
func (h *rulesHandler) ChangePlatformTerms(ctx context.Context, req *connect.Request[managementv1.ChangePlatformTermsRequest]) (*rulesAnswer, error) {
	return h.terms(ctx, req.Header(), ident.Platform, req.Msg)
}

func (h *rulesHandler) get(ctx context.Context, header http.Header, place ident.RoomID) (*rulesAnswer, error) {
	m, err := metaOf(ctx, header)
	if err != nil {
		return nil, err
	}
	return ruled(h.commands.Get(ctx, m, place))
}

func (h *rulesHandler) set(ctx context.Context, header http.Header, place ident.RoomID, next *roomv1.Rules) (*rulesAnswer, error) {
	m, err := metaOf(ctx, header)
	if err != nil {
		return nil, err
	}
	rules := *wire.GoRules(next) // the protos require it
	rules.MinAccountAge = ageOf(next.GetMinAccountAgeSeconds())
	return ruled(h.commands.Set(ctx, m, place, rules))
}

func (h *rulesHandler) update(ctx context.Context, header http.Header, place ident.RoomID, fields *managementv1.RulesPatch, mask []string) (*rulesAnswer, error) {
	m, err := metaOf(ctx, header)
	if err != nil {
		return nil, err
	}
	p, err := rulesPatchOf(fields, mask)
	if err != nil {
		return nil, err
	}
	return ruled(h.commands.Patch(ctx, m, place, p))
}

func (h *rulesHandler) terms(ctx context.Context, header http.Header, place ident.RoomID, req interface {
	GetAdd() []string
	GetRemove() []string
},
) (*rulesAnswer, error) {
	m, err := metaOf(ctx, header)
	if err != nil {
		return nil, err
	}
	return ruled(h.commands.ChangeTerms(ctx, m, place, req.GetAdd(), req.GetRemove()))
}

// rulesPatchOf reads which fields an edit changes, as patchOf does for a room's.
func rulesPatchOf(fields *managementv1.RulesPatch, paths []string) (out room.RulesPatch, err error) {
	if len(paths) == 0 {
		paths = presentRules(fields)
	}
	for _, path := range paths {
		switch path {
		case "slow_mode_seconds":
			out.SlowMode = new(time.Duration(fields.GetSlowModeSeconds()) * time.Second)
		case "members_only":
			out.MembersOnly = new(fields.GetMembersOnly())
		case "min_account_age_seconds":
			out.MinAccountAge = new(ageOf(fields.GetMinAccountAgeSeconds()))
		case "no_links":
			out.NoLinks = new(fields.GetNoLinks())
		case "emote_only":
			out.EmoteOnly = new(fields.GetEmoteOnly())
		case "blocked_terms":
			out.BlockedTerms = new(fields.GetBlockedTerms())
		case "blocked_expressions":
			out.BlockedExpressions = new(fields.GetBlockedExpressions())
		default:
			return out, fault.InvalidArgument.New("update_mask: rules have no field %q", path).With("field", "update_mask")
		}
	}
	return out, nil
}

// ageOf keeps a number that is far too large from turning into a small one.
func ageOf(seconds int64) time.Duration {
	const most = int64(room.MaxAccountAge/time.Second) + 1
	return time.Duration(max(-1, min(seconds, most))) * time.Second
}

// presentRules names the fields that the body holds. Empty lists cannot be told from absent ones.
func presentRules(f *managementv1.RulesPatch) (out []string) {
	for _, field := range []struct {
		has  bool
		name string
	}{
		{f.SlowModeSeconds != nil, "slow_mode_seconds"},
		{f.MembersOnly != nil, "members_only"},
		{f.MinAccountAgeSeconds != nil, "min_account_age_seconds"},
		{f.NoLinks != nil, "no_links"},
		{f.EmoteOnly != nil, "emote_only"},
		{len(f.GetBlockedTerms()) > 0, "blocked_terms"},
		{len(f.GetBlockedExpressions()) > 0, "blocked_expressions"},
	} {
		if field.has {
			out = append(out, field.name)
		}
	}
	return out
}

// ruled answers with a document. Its version goes back as If-Match.
func ruled(d *room.Rules, err error) (*rulesAnswer, error) {
	if err != nil {
		return nil, err
	}
	out := connect.NewResponse(&managementv1.RulesDocument{
		Rules: wire.Rules(&d.Rules), Version: int64(d.Version), UpdatedAt: wire.Time(d.UpdatedAt), Actor: d.Actor,
	})
	out.Header().Set("ETag", `"`+d.Version.String()+`"`)
	return out, nil
}
