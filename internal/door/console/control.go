package console

import (
	"errors"
	"net/http"
	"strconv"
	"strings"
	"time"

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

// lengths are how long an intervention may be put in force from the page; 0 is until it is lifted.
var lengths = []time.Duration{0, 10 * time.Minute, time.Hour, 24 * time.Hour, 7 * 24 * time.Hour}

// controlForm is what there is to confirm: what would happen, found out without doing it.
type controlForm struct {
	Room    ident.RoomID
	Title   string
	Level   levelView
	Ends    ident.SessionID
	Viewers command.Viewers
	Lengths []time.Duration
	// Reason, Note and Length are as they were sent.
	Reason, Note string
	Length       time.Duration
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

// order reads the form. What is not one of its lengths was not sent by it.
func order(r *http.Request) (room.Order, error) {
	o := room.Order{Reason: strings.TrimSpace(r.PostFormValue("reason")), Note: strings.TrimSpace(r.PostFormValue("note"))}
	seconds, err := strconv.Atoi(r.PostFormValue("seconds"))
	if err != nil || seconds < 0 || time.Duration(seconds)*time.Second > lengths[len(lengths)-1] {
		return o, fault.InvalidArgument.New("the length is none of those offered").With("field", "until")
	}
	o.For = time.Duration(seconds) * time.Second
	return o, nil
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
	return controlForm{Room: id, Title: f.Was.Title, Level: level, Ends: f.Ends(), Viewers: f.Viewers, Lengths: lengths,
		Reason: sent.Reason, Note: sent.Note, Length: sent.For}, nil
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

// LengthWord is a length as people say it.
func (f controlForm) LengthWord(d time.Duration) string {
	switch {
	case d == 0 && f.Level.State == view.Cut:
		return "not at all"
	case d == 0:
		return "until it is lifted"
	case d%(24*time.Hour) == 0:
		return plural(int(d/(24*time.Hour)), "day", "days")
	case d%time.Hour == 0:
		return plural(int(d/time.Hour), "hour", "hours")
	}
	return plural(int(d/time.Minute), "minute", "minutes")
}

// Seconds is a length as the form sends it.
func (f controlForm) Seconds(d time.Duration) int64 { return int64(d / time.Second) }
