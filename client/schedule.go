package greenroom

import (
	"context"
	"net/url"
	"strconv"
	"time"

	"google.golang.org/protobuf/types/known/timestamppb"

	roomv1 "github.com/greenroomlive/greenroom/api/gen/greenroom/room/v1"
	schedulev1 "github.com/greenroomlive/greenroom/api/gen/greenroom/schedule/v1"
)

// Scheduled is a room with all that is planned in it.
type Scheduled = schedulev1.ScheduleResponse

// Plan is a broadcast that an anchor means to make, or a series of them.
type Plan = roomv1.Plan

// PlanDraft is what an anchor says of a plan: times as a clock on the wall of its zone shows them.
type PlanDraft = schedulev1.PlanDraft

// Occurrence is one planned broadcast.
type Occurrence = roomv1.Occurrence

// Schedule reads what is planned in a room from the B side: strongly consistent, for its owner and for staff.
func (c *Client) Schedule(ctx context.Context, room int64) (*Scheduled, error) {
	return call(ctx, c, c.schedule.GetSchedule, &schedulev1.GetScheduleRequest{RoomId: room}, nil)
}

// PlanBroadcast adds a plan to a room; the answer's PlanId is its id.
func (c *Client) PlanBroadcast(ctx context.Context, room int64, p *PlanDraft, options ...CallOption) (*Scheduled, error) {
	return write(ctx, c, c.schedule.PlanBroadcast, &schedulev1.PlanBroadcastRequest{RoomId: room, Plan: p}, options)
}

// EditPlan replaces what was said of a plan.
func (c *Client) EditPlan(ctx context.Context, room, plan int64, p *PlanDraft, options ...CallOption) (*Scheduled, error) {
	return write(ctx, c, c.schedule.EditPlan, &schedulev1.EditPlanRequest{RoomId: room, PlanId: plan, Plan: p}, options)
}

// CancelPlan takes a plan back with all of its broadcasts.
func (c *Client) CancelPlan(ctx context.Context, room, plan int64, options ...CallOption) (*Scheduled, error) {
	return write(ctx, c, c.schedule.CancelPlan, &schedulev1.CancelPlanRequest{RoomId: room, PlanId: plan}, options)
}

// CancelBroadcast takes one broadcast out of a plan: the one that the rule has begin at original, by the clock on the wall.
func (c *Client) CancelBroadcast(ctx context.Context, room, plan int64, original string, options ...CallOption) (*Scheduled, error) {
	return write(ctx, c, c.schedule.CancelBroadcast, &schedulev1.CancelBroadcastRequest{RoomId: room, PlanId: plan, Original: original}, options)
}

// MoveBroadcast has one broadcast of a plan begin at another time; the original itself takes back what was done to it.
func (c *Client) MoveBroadcast(ctx context.Context, room, plan int64, original, to string, options ...CallOption) (*Scheduled, error) {
	return write(ctx, c, c.schedule.MoveBroadcast, &schedulev1.MoveBroadcastRequest{RoomId: room, PlanId: plan, Original: original, To: to}, options)
}

// Occurrences lists a room's planned broadcasts that begin from from until before to, at most limit. A zero from is now,
// a zero to thirty days later, a zero limit 50.
func (c *Client) Occurrences(ctx context.Context, room int64, from, to time.Time, limit int) ([]*Occurrence, error) {
	req := &schedulev1.ListOccurrencesRequest{RoomId: room, Limit: int32(limit)}
	if !from.IsZero() {
		req.From = timestamppb.New(from)
	}
	if !to.IsZero() {
		req.To = timestamppb.New(to)
	}
	a, err := call(ctx, c, c.schedule.ListOccurrences, req, nil)
	return a.GetOccurrences(), err
}

// SoonPage is a page of the planned broadcasts that begin next.
type SoonPage = roomv1.ListSoonResponse

// Soon reads the planned broadcasts of which viewers were reminded and that have not begun, the next one first: a page of
// size 1 to 200, 0 for the server's choice, behind the one that token ended.
func (c *Client) Soon(ctx context.Context, size int, token string) (*SoonPage, error) {
	values := url.Values{}
	if size != 0 {
		values.Set("page_size", strconv.Itoa(size))
	}
	if token != "" {
		values.Set("page_token", token)
	}
	got, _, err := read[roomv1.ListSoonResponse](ctx, c, request{path: "/v1/soon", query: values})
	return got, err
}
