package console

import (
	"cmp"
	"errors"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/greenroomlive/greenroom/internal/core/fault"
	"github.com/greenroomlive/greenroom/internal/core/ident"
	"github.com/greenroomlive/greenroom/internal/core/view"
	"github.com/greenroomlive/greenroom/internal/flow/command"
)

// nextBroadcasts is how many the room page lists.
const nextBroadcasts = 8

// nextWithin is how far ahead they are looked for.
const nextWithin = 366 * 24 * time.Hour

// scheduleView is the panel of what is planned.
type scheduleView struct {
	Room ident.RoomID
	// May is true for who may plan; Next is for them: the broadcasts that come next.
	May  bool
	Next []view.Occurrence
}

// repeats are the rules that the form offers; whoever needs another one has the API.
var repeats = []struct{ Rule, Word string }{
	{"", "once"}, {"FREQ=DAILY", "every day"}, {"FREQ=WEEKLY", "every week"}, {"FREQ=WEEKLY;INTERVAL=2", "every other week"}, {"FREQ=MONTHLY", "every month on this day"},
}

// planForm is a plan as it was sent, or as it is offered.
type planForm struct {
	Room                                ident.RoomID
	Title, Start, Zone, Minutes, Repeat string
}

// Repeats are the choices of the form.
func (planForm) Repeats() []struct{ Rule, Word string } { return repeats }

// broadcastForm is a planned broadcast to confirm something about.
type broadcastForm struct {
	Room     ident.RoomID
	Plan     ident.PlanID
	Title    string
	Original string
	// Series is true when other broadcasts hang on the plan.
	Series bool
}

// schedule reads the panel. Whether somebody may see it is asked of the commands.
func (c *Console) schedule(r *http.Request, id ident.RoomID) (scheduleView, error) {
	v := scheduleView{Room: id}
	caller, signed := c.caller(r)
	if c.Planning == nil || !signed {
		return v, nil
	}
	now := c.Clock()
	next, err := c.Planning.Occurrences(r.Context(), command.Meta{Caller: caller}, id, now, now.Add(nextWithin), nextBroadcasts)
	if errors.Is(err, fault.PermissionDenied) {
		return v, nil
	}
	v.May, v.Next = err == nil, next
	return v, err
}

// draftForm offers a form, filled in as it was sent if it was.
func (c *Console) draftForm(r *http.Request, _ command.Caller) (any, error) {
	id, err := roomID(r)
	return planForm{
		Room: id, Title: r.PostFormValue("title"), Start: r.PostFormValue("start"), Zone: cmp.Or(r.PostFormValue("zone"), "UTC"),
		Minutes: cmp.Or(r.PostFormValue("length_minutes"), "60"), Repeat: r.PostFormValue("rule"),
	}, err
}

func (c *Console) plan(r *http.Request, caller command.Caller) (outcome, error) {
	id, err := roomID(r)
	if err != nil {
		return outcome{}, err
	}
	minutes, err := strconv.Atoi(r.PostFormValue("length_minutes"))
	if err != nil || minutes < 0 || minutes > 24*60 {
		return outcome{}, fault.InvalidArgument.New("length_minutes: 1 to 1440").With("field", "length_minutes")
	}
	start := r.PostFormValue("start")
	if len(start) == len("2006-01-02T15:04") { // browsers leave zero seconds out
		start += ":00"
	}
	_, err = c.Planning.Plan(r.Context(), c.meta(r, caller), id, view.Plan{
		Title: strings.TrimSpace(r.PostFormValue("title")), Start: start, Zone: strings.TrimSpace(r.PostFormValue("zone")),
		Length: time.Duration(minutes) * time.Minute, Rule: r.PostFormValue("rule"),
	})
	return c.scheduleChanged(r, id, err)
}

// confirmBroadcast finds what there is to cancel.
func (c *Console) confirmBroadcast(r *http.Request, caller command.Caller) (any, error) {
	id, err := roomID(r)
	if err != nil {
		return nil, err
	}
	plan, err := planID(r)
	if err != nil {
		return nil, err
	}
	planned, err := c.Planning.Get(r.Context(), command.Meta{Caller: caller}, id)
	if err != nil {
		return nil, err
	}
	for _, p := range planned.Schedule.Plans {
		if p.ID == plan {
			return broadcastForm{Room: id, Plan: plan, Title: p.Title, Original: r.PathValue("original"), Series: p.Rule != ""}, nil
		}
	}
	return nil, notFound()
}

func (c *Console) unplan(r *http.Request, caller command.Caller) (outcome, error) {
	id, err := roomID(r)
	if err != nil {
		return outcome{}, err
	}
	plan, err := planID(r)
	if err != nil {
		return outcome{}, err
	}
	if r.PostFormValue("all") != "" {
		_, err = c.Planning.Unplan(r.Context(), c.meta(r, caller), id, plan)
	} else {
		_, err = c.Planning.Except(r.Context(), c.meta(r, caller), id, plan, view.Exception{Original: r.PathValue("original")})
	}
	return c.scheduleChanged(r, id, err)
}

// scheduleChanged shows the panel as it is now.
func (c *Console) scheduleChanged(r *http.Request, id ident.RoomID, err error) (outcome, error) {
	if err != nil {
		return outcome{}, err
	}
	v, err := c.schedule(r, id)
	return outcome{template: "schedule-changed", body: v, to: returnPath(r)}, err
}

func planID(r *http.Request) (ident.PlanID, error) {
	n, err := strconv.ParseInt(r.PathValue("plan"), 10, 64)
	if err != nil || n <= 0 {
		return 0, notFound()
	}
	return ident.PlanID(n), nil
}
