package greenroom

import (
	"context"
	"time"

	"google.golang.org/protobuf/types/known/timestamppb"

	managementv1 "github.com/greenroomlive/greenroom/api/gen/greenroom/management/v1"
	roomv1 "github.com/greenroomlive/greenroom/api/gen/greenroom/room/v1"
)

// The nouns of people in rooms.
type (
	// Member is a user of a room, or of the platform.
	Member = managementv1.Member
	// Measure is a mute or a ban in force.
	Measure = managementv1.Measure
	// Outcome is what became of one user of a command.
	Outcome = managementv1.Outcome
	// PeopleResponse is what a command on people answers: an outcome for each user, in their order.
	PeopleResponse = managementv1.PeopleResponse
	// Role is what a user is in a room, beside its owner.
	Role = roomv1.Person_Role
	// PeopleKind selects people of a room.
	PeopleKind = managementv1.ListPeopleRequest_Kind
)

// The roles that can be granted.
const (
	VIP       = roomv1.Person_VIP
	Moderator = roomv1.Person_MODERATOR
)

// Platform stands for a room's id where a call is about the whole platform; then it needs the scope staff or ops.
const Platform int64 = 0

// MaxNamed is how many users a command may name.
const MaxNamed = 1000

// Term is how long something lasts for users, and why.
type Term struct {
	// Reason is for the users, Note for staff only.
	Reason, Note string
	// For is how long, in whole minutes. 0: until Until, or without that for good. ThisSession is for a mute: until the
	// broadcast that runs is over.
	For         time.Duration
	Until       time.Time
	ThisSession bool
	// DryRun asks what would become of the users, and changes nothing.
	DryRun bool
}

func (t Term) until() *timestamppb.Timestamp {
	if t.Until.IsZero() {
		return nil
	}
	return timestamppb.New(t.Until)
}

func (t Term) minutes() int32 { return int32(t.For / time.Minute) }

func (t Term) sanction(room int64, users []int64) *managementv1.SanctionRequest {
	return &managementv1.SanctionRequest{
		RoomId: room, UserIds: users, Reason: t.Reason, Note: t.Note, Minutes: t.minutes(), Until: t.until(), ThisSession: t.ThisSession, DryRun: t.DryRun,
	}
}

// Mute keeps up to MaxNamed users from speaking in a room; who is muted already has the new term.
func (c *Client) Mute(ctx context.Context, room int64, users []int64, t Term, options ...CallOption) (*PeopleResponse, error) {
	return write(ctx, c, c.people.Mute, t.sanction(room, users), options)
}

// Unmute takes mutes back. Of the term reason and dry run count.
func (c *Client) Unmute(ctx context.Context, room int64, users []int64, t Term, options ...CallOption) (*PeopleResponse, error) {
	return write(ctx, c, c.people.Unmute, &managementv1.LiftSanctionRequest{RoomId: room, UserIds: users, Reason: t.Reason, DryRun: t.DryRun}, options)
}

// Ban keeps up to MaxNamed users out of a room, or of the Platform.
func (c *Client) Ban(ctx context.Context, room int64, users []int64, t Term, options ...CallOption) (*PeopleResponse, error) {
	if room == Platform {
		return write(ctx, c, c.people.BanFromPlatform, &managementv1.BanFromPlatformRequest{
			UserIds: users, Reason: t.Reason, Note: t.Note, Minutes: t.minutes(), Until: t.until(), DryRun: t.DryRun,
		}, options)
	}
	return write(ctx, c, c.people.Ban, t.sanction(room, users), options)
}

// Unban takes bans back. Of the term reason and dry run count.
func (c *Client) Unban(ctx context.Context, room int64, users []int64, t Term, options ...CallOption) (*PeopleResponse, error) {
	if room == Platform {
		return write(ctx, c, c.people.UnbanFromPlatform, &managementv1.UnbanFromPlatformRequest{UserIds: users, Reason: t.Reason, DryRun: t.DryRun}, options)
	}
	return write(ctx, c, c.people.Unban, &managementv1.LiftSanctionRequest{RoomId: room, UserIds: users, Reason: t.Reason, DryRun: t.DryRun}, options)
}

// GrantRole makes up to MaxNamed users VIPs or moderators. Of the term its end and dry run count.
func (c *Client) GrantRole(ctx context.Context, room int64, users []int64, role Role, t Term, options ...CallOption) (*PeopleResponse, error) {
	return write(ctx, c, c.people.GrantRole, &managementv1.GrantRoleRequest{
		RoomId: room, UserIds: users, Role: role, Minutes: t.minutes(), Until: t.until(), DryRun: t.DryRun,
	}, options)
}

// RevokeRole makes users viewers again. Of the term dry run counts.
func (c *Client) RevokeRole(ctx context.Context, room int64, users []int64, t Term, options ...CallOption) (*PeopleResponse, error) {
	return write(ctx, c, c.people.RevokeRole, &managementv1.RevokeRoleRequest{RoomId: room, UserIds: users, DryRun: t.DryRun}, options)
}

// ListPeople pages by user through a room's people of a kind, or through those who are banned from the Platform.
func (c *Client) ListPeople(ctx context.Context, room int64, kind PeopleKind, pageToken string) (people []*Member, next string, err error) {
	var a *managementv1.ListPeopleResponse
	if room == Platform {
		a, err = call(ctx, c, c.people.ListPlatformPeople, &managementv1.ListPlatformPeopleRequest{PageSize: 200, PageToken: pageToken}, nil)
	} else {
		a, err = call(ctx, c, c.people.ListPeople, &managementv1.ListPeopleRequest{RoomId: room, Kind: kind, PageSize: 200, PageToken: pageToken}, nil)
	}
	return a.GetPeople(), a.GetNextPageToken(), err
}

// Person shows one user of a room, or of the Platform; one of whom nothing is to be said is a viewer.
func (c *Client) Person(ctx context.Context, room, user int64) (*Member, error) {
	if room == Platform {
		return call(ctx, c, c.people.GetPlatformPerson, &managementv1.GetPlatformPersonRequest{UserId: user}, nil)
	}
	return call(ctx, c, c.people.GetPerson, &managementv1.GetPersonRequest{RoomId: room, UserId: user}, nil)
}
