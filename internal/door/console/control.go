package console

import (
	"errors"
	"net/http"
	"strings"

	"github.com/greenroomlive/greenroom/internal/core/fault"
	"github.com/greenroomlive/greenroom/internal/core/ident"
	"github.com/greenroomlive/greenroom/internal/core/room"
	"github.com/greenroomlive/greenroom/internal/core/view"
	"github.com/greenroomlive/greenroom/internal/flow/command"
)

// levelView is a level of room control as the page speaks of it: a verb, and what it means.
type levelView struct {
	Path  string // in the address
	State view.ControlState
	Verb  string
	Means string
}

// levels are those that staff can put in force, the mildest first.
var levels = []levelView{
	{"warn", view.Warned, "Warn", "Viewers see the warning. Nothing else changes."},
	{"cut", view.Cut, "Cut", "The broadcast ends now. The next one may begin at once, unless it is held back for a while."},
	{"hide", view.Hidden, "Hide", "The room is on no list any more. Who has its link still plays it."},
	{"lock", view.Locked, "Lock", "The broadcast ends now, and nobody may publish until the room is unlocked."},
}

// controlView is the panel of room control.
type controlView struct {
	Room ident.RoomID
	// Shown is what viewers see; Staff is true for who may intervene, and InForce is for them.
	Shown   view.Control
	Staff   bool
	InForce []room.Intervention
	Levels  []levelView
}

// controlForm is what there is to confirm: what would happen, found out without doing it.
type controlForm struct {
	Room    ident.RoomID
	Title   string
	Level   levelView
	Ends    ident.SessionID
	Viewers command.Viewers
	// Reason, Note and the length are as they were sent.
	Reason, Note string
	lengthChoice
}

// control reads the panel. Whether somebody may see it is asked of the commands.
func (c *Console) control(r *http.Request, card view.RoomCard) (controlView, error) {
	v := controlView{Room: card.ID, Shown: card.Control, Levels: levels}
	caller, signed := c.caller(r)
	if c.Control == nil || !signed {
		return v, nil
	}
	rm, err := c.Control.Get(r.Context(), command.Meta{Caller: caller}, card.ID)
	if errors.Is(err, fault.PermissionDenied) {
		return v, nil
	}
	if err != nil {
		return v, err
	}
	v.Staff, v.InForce = true, rm.Interventions
	return v, nil
}

func levelOf(r *http.Request) (levelView, error) {
	for _, l := range levels {
		if l.Path == r.PathValue("level") {
			return l, nil
		}
	}
	return levelView{}, notFound()
}

// order reads the form.
func order(r *http.Request) (o room.Order, err error) {
	o = room.Order{Reason: strings.TrimSpace(r.PostFormValue("reason")), Note: strings.TrimSpace(r.PostFormValue("note"))}
	o.For, err = lengthSent(r)
	return o, err
}

// foresee fills the form that asks for confirmation.
func (c *Console) foresee(r *http.Request, caller command.Caller) (any, error) {
	id, err := roomID(r)
	if err != nil {
		return nil, err
	}
	level, err := levelOf(r)
	if err != nil {
		return nil, err
	}
	f, err := c.Control.ForeseeIntervene(r.Context(), command.Meta{Caller: caller}, id, level.State, room.Order{Reason: "asked only"})
	if err != nil {
		return nil, err
	}
	sent, _ := order(r) // a form that is shown anew keeps what can be kept
	forever := "until it is lifted"
	if level.State == view.Cut {
		forever = "not at all"
	}
	return controlForm{Room: id, Title: f.Was.Title, Level: level, Ends: f.Ends(), Viewers: f.Viewers,
		Reason: sent.Reason, Note: sent.Note, lengthChoice: lengthChoice{sent.For, forever}}, nil
}

func (c *Console) intervene(r *http.Request, caller command.Caller) (outcome, error) {
	id, err := roomID(r)
	if err != nil {
		return outcome{}, err
	}
	level, err := levelOf(r)
	if err != nil {
		return outcome{}, err
	}
	o, err := order(r)
	if err != nil {
		return outcome{}, err
	}
	_, err = c.Control.Intervene(r.Context(), c.meta(r, caller), id, level.State, o)
	return c.controlChanged(r, id, err)
}

func (c *Console) lift(r *http.Request, caller command.Caller) (outcome, error) {
	id, err := roomID(r)
	if err != nil {
		return outcome{}, err
	}
	level, err := levelOf(r)
	if err != nil {
		return outcome{}, err
	}
	_, err = c.Control.Lift(r.Context(), c.meta(r, caller), id, level.State, strings.TrimSpace(r.PostFormValue("reason")))
	return c.controlChanged(r, id, err)
}

// controlChanged shows the panel as it is now; the rest of the page follows by its stream.
func (c *Console) controlChanged(r *http.Request, id ident.RoomID, err error) (outcome, error) {
	if err != nil {
		return outcome{}, err
	}
	rm, err := c.Commands.GetRoom(r.Context(), c.reading(), id)
	if err != nil {
		return outcome{}, err
	}
	v, err := c.control(r, rm.Card())
	return outcome{template: "control-changed", body: v, to: returnPath(r)}, err
}

// Left is how an intervention ends.
func (v controlView) Left(i room.Intervention) string {
	if i.Until.IsZero() {
		return "until it is lifted"
	}
	return "until " + clockText(i.Until) + " UTC"
}

// Path is the level's word in addresses.
func (v controlView) Path(s view.ControlState) string {
	for _, l := range levels {
		if l.State == s {
			return l.Path
		}
	}
	return ""
}
