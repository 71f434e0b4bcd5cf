package greenroom

import (
	"context"

	"google.golang.org/protobuf/types/known/fieldmaskpb"

	managementv1 "github.com/greenroomlive/greenroom/api/gen/greenroom/management/v1"
	roomv1 "github.com/greenroomlive/greenroom/api/gen/greenroom/room/v1"
)

// The nouns of rules of speech.
type (
	// Rules say who may speak in a room and what.
	Rules = roomv1.Rules
	// RulesDocument is what is in force; its version goes back with IfMatch.
	RulesDocument = managementv1.RulesDocument
	// RulesPatch holds the fields that an edit changes.
	RulesPatch = managementv1.RulesPatch
)

// Rules reads the rules of a room, or of the Platform.
func (c *Client) Rules(ctx context.Context, room int64) (*RulesDocument, error) {
	if room == Platform {
		return call(ctx, c, c.rules.GetPlatformRules, &managementv1.GetPlatformRulesRequest{}, nil)
	}
	return call(ctx, c, c.rules.GetRules, &managementv1.GetRulesRequest{RoomId: room}, nil)
}

// SetRules puts a whole document in place.
func (c *Client) SetRules(ctx context.Context, room int64, rules *Rules, options ...CallOption) (*RulesDocument, error) {
	if room == Platform {
		return write(ctx, c, c.rules.SetPlatformRules, &managementv1.SetPlatformRulesRequest{Rules: rules}, options)
	}
	return write(ctx, c, c.rules.SetRules, &managementv1.SetRulesRequest{RoomId: room, Rules: rules}, options)
}

// UpdateRules changes the fields that the patch holds, or with names in mask exactly those: that is how a list is emptied.
func (c *Client) UpdateRules(ctx context.Context, room int64, patch *RulesPatch, mask []string, options ...CallOption) (*RulesDocument, error) {
	var fields *fieldmaskpb.FieldMask
	if len(mask) > 0 {
		fields = &fieldmaskpb.FieldMask{Paths: mask}
	}
	if room == Platform {
		return write(ctx, c, c.rules.UpdatePlatformRules, &managementv1.UpdatePlatformRulesRequest{Rules: patch, UpdateMask: fields}, options)
	}
	return write(ctx, c, c.rules.UpdateRules, &managementv1.UpdateRulesRequest{RoomId: room, Rules: patch, UpdateMask: fields}, options)
}

// ChangeTerms blocks terms and lets others go, up to 500 of each: two who do so at once do not undo each other's.
func (c *Client) ChangeTerms(ctx context.Context, room int64, add, remove []string, options ...CallOption) (*RulesDocument, error) {
	if room == Platform {
		return write(ctx, c, c.rules.ChangePlatformTerms, &managementv1.ChangePlatformTermsRequest{Add: add, Remove: remove}, options)
	}
	return write(ctx, c, c.rules.ChangeTerms, &managementv1.ChangeTermsRequest{RoomId: room, Add: add, Remove: remove}, options)
}
