package console

import (
	"net/http"
	"strconv"
	"strings"
	"unicode"

	"github.com/greenroomlive/greenroom/internal/core/fault"
	"github.com/greenroomlive/greenroom/internal/core/ident"
	"github.com/greenroomlive/greenroom/internal/core/room"
	"github.com/greenroomlive/greenroom/internal/flow/command"
)

// roomForm is the description of a room as text, the way a form holds it.
type roomForm struct {
	// Action is where the form is sent; New whether it makes a room.
	Action string
	New    bool
	// AskOwner: the caller has no rooms of its own, so the form names the owner.
	AskOwner bool
	Areas    []areaChoice

	Title, Anchor, Area, Tags, Language, Cover, Policy string
	// Version is the one that was edited; another writer's change in between is a conflict.
	Version string
}

func (f roomForm) refilled(r *http.Request) roomForm {
	get := r.PostFormValue
	f.Title, f.Anchor, f.Area, f.Tags = get("title"), get("anchor_id"), get("area_id"), get("tags")
	f.Language, f.Cover, f.Policy = get("language"), get("cover_url"), get("publisher_policy")
	// The version stays the fresh one: sending the form again overwrites on purpose.
	return f
}

func (c *Console) newRoomForm(r *http.Request, caller command.Caller) (any, error) {
	areas, err := c.Commands.Areas(r.Context())
	return roomForm{
		Action: r.URL.Path, New: true, AskOwner: caller.Anchor == 0,
		Areas: choices(areas, "", nil), Policy: "REJECT",
	}, err
}

func (c *Console) editRoomForm(r *http.Request, caller command.Caller) (any, error) {
	rm, err := c.openRoom(r, caller)
	if err != nil {
		return nil, err
	}
	areas, err := c.Commands.Areas(r.Context())
	f := roomForm{
		Action: r.URL.Path, Areas: choices(areas, "", nil), Title: rm.Title, Tags: strings.Join(rm.Tags, ", "),
		Language: rm.Language, Cover: rm.CoverURL, Policy: "REJECT", Version: rm.Version.String(),
	}
	if rm.Area != 0 {
		f.Area = rm.Area.String()
	}
	if rm.Policy == room.TakeOver {
		f.Policy = "TAKE_OVER"
	}
	return f, err
}

func (c *Console) openRoom(r *http.Request, caller command.Caller) (*room.Room, error) {
	id, err := roomID(r)
	if err != nil {
		return nil, err
	}
	return c.Commands.GetRoom(r.Context(), command.Meta{Caller: caller}, id)
}

func (c *Console) createRoom(r *http.Request, caller command.Caller) (outcome, error) {
	d, err := description(r)
	if err != nil {
		return outcome{}, err
	}
	anchor, err := number(r, "anchor_id")
	if err != nil {
		return outcome{}, err
	}
	made, err := c.Commands.CreateRoom(r.Context(), c.meta(r, caller), ident.AnchorID(anchor), d)
	if err != nil {
		return outcome{}, err
	}
	return outcome{to: "/rooms/" + made.ID.String()}, nil
}

func (c *Console) editRoom(r *http.Request, caller command.Caller) (outcome, error) {
	id, err := roomID(r)
	if err != nil {
		return outcome{}, err
	}
	d, err := description(r)
	if err != nil {
		return outcome{}, err
	}
	version, err := number(r, "version")
	if err != nil {
		return outcome{}, err
	}
	m := c.meta(r, caller)
	m.IfMatch = ident.Version(version)
	_, err = c.Commands.UpdateRoom(r.Context(), m, id, room.Patch{
		Title: &d.Title, Area: &d.Area, CoverURL: &d.CoverURL, Tags: &d.Tags, Language: &d.Language, Policy: &d.Policy,
	})
	return done(r), err
}

// description reads the form; core checks it.
func description(r *http.Request) (room.Description, error) {
	area, err := number(r, "area_id")
	if err != nil {
		return room.Description{}, err
	}
	d := room.Description{
		Title: strings.TrimSpace(r.PostFormValue("title")), Area: ident.AreaID(area),
		CoverURL: strings.TrimSpace(r.PostFormValue("cover_url")), Language: strings.TrimSpace(r.PostFormValue("language")),
	}
	for tag := range strings.SplitSeq(r.PostFormValue("tags"), ",") {
		if tag = strings.TrimSpace(tag); tag != "" {
			d.Tags = append(d.Tags, tag)
		}
	}
	if r.PostFormValue("publisher_policy") == "TAKE_OVER" {
		d.Policy = room.TakeOver
	}
	return d, nil
}

// number reads a field that may be empty.
func number(r *http.Request, field string) (int64, error) {
	text := strings.TrimSpace(r.PostFormValue(field))
	if text == "" {
		return 0, nil
	}
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil || n < 0 {
		return 0, fault.InvalidArgument.New("%s: must be a positive number", field).With("field", field)
	}
	return n, nil
}

// plain is a fault's message under the field it names: without the name, as a sentence.
func plain(f *fault.Error, field string) string {
	text := f.Message
	if field != "" {
		text = strings.TrimPrefix(text, field+": ")
	}
	if text == "" {
		return "This is not right."
	}
	first := []rune(text)
	first[0] = unicode.ToUpper(first[0])
	text = string(first)
	if !strings.HasSuffix(text, ".") {
		text += "."
	}
	return text
}

func (c *Console) confirmRoom(r *http.Request, caller command.Caller) (any, error) {
	rm, err := c.openRoom(r, caller)
	if err != nil {
		return nil, err
	}
	return newCard(rm.Card(), nil), nil
}

func (c *Console) startRoom(r *http.Request, caller command.Caller) (outcome, error) {
	id, err := roomID(r)
	if err != nil {
		return outcome{}, err
	}
	_, err = c.Commands.StartRoom(r.Context(), c.meta(r, caller), id)
	return done(r), err
}

func (c *Console) stopRoom(r *http.Request, caller command.Caller) (outcome, error) {
	id, err := roomID(r)
	if err != nil {
		return outcome{}, err
	}
	_, err = c.Commands.StopRoom(r.Context(), c.meta(r, caller), id)
	return done(r), err
}

// done is the outcome of an action that shows nothing of its own.
func done(r *http.Request) outcome { return outcome{template: "done", to: returnPath(r)} }
