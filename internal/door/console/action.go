package console

import (
	"crypto/rand"
	"net/http"
	"slices"

	"github.com/greenroomlive/greenroom/internal/core/fault"
	"github.com/greenroomlive/greenroom/internal/flow/command"
)

// action is something a signed-in caller can do: a form to fill or to confirm, and the command behind it.
type action struct {
	title    string
	template string
	// fields the form can show a fault at, by the names the commands use.
	fields []string
	// fill makes the form for GET; nil for none but the path's ids.
	fill func(*http.Request, command.Caller) (any, error)
	// run does it and returns what to show: the answer's template and body, or where to go.
	run func(*http.Request, command.Caller) (outcome, error)
}

// outcome of an action: something to show once, or the page to be on afterwards. In a dialog that
// stands on that page already, there is nothing to go to: the dialog closes, the page updates itself.
type outcome struct {
	template string
	body     any
	to       string
}

// formView is an action's form.
type formView struct {
	// Once is the Idempotency-Key: a form sent twice (a double click, a reload) is done once.
	Once string
	// Fields is what is filled in: a description, or the object to confirm.
	Fields any
	// Wrong names the fields at fault; the fault that belongs to none stands under "".
	Wrong map[string]string
}

func (c *Console) actions() map[string]action {
	roomFields := []string{"title", "anchor_id", "area_id", "tags", "language", "cover_url"}
	all := map[string]action{
		"/console/rooms/new":                    {"New room", "room-form", roomFields, c.newRoomForm, c.createRoom},
		"/console/rooms/{id}/edit":              {"Edit room", "room-form", roomFields, c.editRoomForm, c.editRoom},
		"/console/rooms/{id}/start":             {"Start broadcast", "start-form", nil, c.confirmRoom, c.startRoom},
		"/console/rooms/{id}/stop":              {"Stop broadcast", "stop-form", nil, c.confirmRoom, c.stopRoom},
		"/console/rooms/{id}/keys/new":          {"New stream key", "key-form", []string{"label"}, c.confirmRoom, c.createKey},
		"/console/rooms/{id}/keys/{key}/rotate": {"Rotate stream key", "rotate-form", nil, c.confirmKey, c.rotateKey},
		"/console/rooms/{id}/keys/{key}/revoke": {"Revoke stream key", "revoke-form", nil, c.confirmKey, c.revokeKey},
	}
	if c.Planning != nil {
		all["/console/rooms/{id}/schedule/new"] = action{"Plan a broadcast", "plan-form", []string{"title", "start", "zone", "length_minutes", "rule"}, c.draftForm, c.plan}
		all["/console/rooms/{id}/schedule/{plan}/{original}/cancel"] = action{"Cancel", "unplan-form", nil, c.confirmBroadcast, c.unplan}
	}
	if c.People != nil {
		sanctioned := []string{"users", "reason", "note", "until"}
		all["/console/rooms/{id}/people/mute"] = action{"Mute", "person-form", sanctioned, c.draftPerson, c.treat}
		all["/console/rooms/{id}/people/ban"] = action{"Ban", "person-form", sanctioned, c.draftPerson, c.treat}
		all["/console/rooms/{id}/people/moderator"] = action{"New moderator", "person-form", sanctioned, c.draftPerson, c.treat}
		all["/console/rooms/{id}/people/vip"] = action{"New VIP", "person-form", sanctioned, c.draftPerson, c.treat}
		all["/console/rooms/{id}/people/{user}/{deed}/undo"] = action{"Undo", "undo-form", []string{"reason"}, c.confirmUndo, c.undo}
	}
	if c.Rules != nil {
		all["/console/rooms/{id}/rules"] = action{"Rules of speech", "rules-form",
			[]string{"slow_mode", "min_account_age", "blocked_terms", "blocked_expressions"}, c.rulesForm, c.setRules}
	}
	if c.Control != nil {
		all["/console/rooms/{id}/control/{level}"] = action{"Room control", "control-form", []string{"reason", "note", "until"}, c.foresee, c.intervene}
		all["/console/rooms/{id}/control/{level}/lift"] = action{"Lift", "lift-form", []string{"reason"}, c.foresee, c.lift}
	}
	return all
}

// form shows an action's form; to a visitor the way to sign in.
func (c *Console) form(a action) handler {
	return func(w http.ResponseWriter, r *http.Request) error {
		caller, ok := c.caller(r)
		if !ok {
			return c.showSignIn(w, r, http.StatusOK, signInView{Next: returnPath(r)})
		}
		fields, err := a.fill(r, caller)
		if err != nil {
			return err
		}
		return c.show(w, r, http.StatusOK, a.template, a.title, formView{Once: rand.Text(), Fields: fields})
	}
}

// do runs an action. What the caller can mend comes back as the form, filled in as it was sent.
func (c *Console) do(a action) handler {
	return func(w http.ResponseWriter, r *http.Request) error {
		caller, ok := c.caller(r)
		if !ok {
			return c.showSignIn(w, r, http.StatusUnauthorized, signInView{Next: returnPath(r), Error: "Your sign-in has ended. Please sign in again."})
		}
		if err := r.ParseForm(); err != nil {
			return fault.InvalidArgument.New("the form cannot be read")
		}
		out, err := a.run(r, caller)
		if err != nil {
			return c.again(w, r, a, caller, err)
		}
		if out.template == "" || (out.to != "" && !isFragment(r)) {
			c.redirect(w, r, out.to)
			return nil
		}
		return c.show(w, r, http.StatusOK, out.template, a.title, out.body)
	}
}

func (c *Console) again(w http.ResponseWriter, r *http.Request, a action, caller command.Caller, err error) error {
	f := fault.Of(err)
	field := f.Details["field"]
	if f.Code.HTTP >= http.StatusInternalServerError || f.Code.HTTP == http.StatusForbidden || f.Code == fault.RoomNotFound {
		return err
	}
	fields, fillErr := a.fill(r, caller)
	if fillErr != nil {
		return fillErr
	}
	if form, ok := fields.(roomForm); ok {
		fields = form.refilled(r)
	}
	if !slices.Contains(a.fields, field) {
		field = ""
	}
	v := formView{Once: r.PostFormValue("once"), Fields: fields, Wrong: map[string]string{field: plain(f, field)}}
	return c.show(w, r, f.Code.HTTP, a.template, a.title, v)
}

// returnPath is the page an action belongs to.
func returnPath(r *http.Request) string {
	if id := r.PathValue("id"); id != "" {
		return localPath("/rooms/" + id)
	}
	return "/"
}
