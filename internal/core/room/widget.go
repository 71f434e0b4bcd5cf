package room

// Story: typed widgets hang in a room, for players to draw: a poll, a countdown, a link.
//
//	door/commandapi ─▶ command.Extend ─▶ the type's schema ─▶ this file decides ─▶ store commits ─▶ as every change
//
// What a value may be is written in its type, a JSON Schema that staff put into the registry. A widget keeps the value
// that was right when it was put: a type that changes later, or is retired, takes nothing off a room.

import (
	"cmp"
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/greenroomlive/greenroom/internal/core/audit"
	"github.com/greenroomlive/greenroom/internal/core/event"
	"github.com/greenroomlive/greenroom/internal/core/fault"
	"github.com/greenroomlive/greenroom/internal/core/ident"
	"github.com/greenroomlive/greenroom/internal/core/view"
)

// Bounds of widgets and their types. A card with all of it has to stay a small message: it goes out with every event.
const (
	MaxWidgets      = 8
	MaxWidgetName   = 24
	MaxWidgetValue  = 2 << 10 // bytes of canonical JSON
	MaxWidgetBytes  = 8 << 10 // of all values of a room
	MaxWidgetDepth  = 8
	MaxWidgetTypes  = 100
	MaxSchema       = 16 << 10 // bytes of canonical JSON
	MaxSchemaDepth  = 24
	widgetNameRules = "1 to 24 of a-z, 0-9 and -"
)

// Widget is a typed value that hangs in a room.
type Widget struct {
	Name string `json:"name"`
	Type string `json:"type"`
	// Version is that of the room when the widget changed last.
	Version ident.Version `json:"version"`
	// Value is canonical JSON (view.AppendValue).
	Value string `json:"value"`
	Actor string `json:"actor"`
}

// PutWidget hangs a widget up, or gives the one of the name another value. The type has judged the value. With expected
// (0: any) the widget has to be at that version still, else VERSION_CONFLICT.
func (r *Room) PutWidget(by By, name string, of *WidgetType, value map[string]any, expected ident.Version) error {
	if err := checkWidgetName("name", name); err != nil {
		return err
	}
	if of.Retired {
		return fault.WidgetTypeRetired.New("the widget type %s is retired", of.Name).With("field", "type")
	}
	text, err := canonical("value", value, MaxWidgetValue, MaxWidgetDepth)
	if err != nil {
		return err
	}
	had, at, known := r.widget(name)
	if expected != 0 && had.Version != expected {
		return overtaken(name, had.Version, expected)
	}
	if known && had.Type == of.Name && had.Value == text {
		return nil
	}
	next := slices.Clone(r.Extension.Widgets)
	if !known {
		next = slices.Insert(next, at, Widget{})
	}
	next[at] = Widget{Name: name, Type: of.Name, Version: r.Version + 1, Value: text, Actor: by.Actor}
	if err := checkQuota(next); err != nil {
		return err
	}
	r.Extension.Widgets = next
	r.record(by, event.WidgetsChanged, "")
	return nil
}

// RemoveWidget takes a widget down; one that the room does not have stays so, without an event. With expected (0: any)
// it has to be at that version still.
func (r *Room) RemoveWidget(by By, name string, expected ident.Version) error {
	had, at, known := r.widget(name)
	if expected != 0 && had.Version != expected {
		return overtaken(name, had.Version, expected)
	}
	if known {
		r.Extension.Widgets = slices.Delete(slices.Clone(r.Extension.Widgets), at, at+1)
		r.record(by, event.WidgetsChanged, "")
	}
	return nil
}

// widget finds one, or where it would be.
func (r *Room) widget(name string) (w Widget, at int, known bool) {
	at, known = slices.BinarySearchFunc(r.Extension.Widgets, name, func(w Widget, name string) int { return cmp.Compare(w.Name, name) })
	if known {
		w = r.Extension.Widgets[at]
	}
	return w, at, known
}

func overtaken(name string, is, expected ident.Version) error {
	return fault.VersionConflict.New("the widget %s is at version %s, not %s", name, is, expected).
		With("version", is.String()).With("field", "expected_version")
}

func checkQuota(list []Widget) error {
	size := 0
	for _, w := range list {
		size += len(w.Value)
	}
	if len(list) > MaxWidgets || size > MaxWidgetBytes {
		return fault.WidgetLimit.New("a room has at most %d widgets, and %d bytes in them", MaxWidgets, MaxWidgetBytes)
	}
	return nil
}

func checkWidgetName(field, name string) error {
	odd := func(c rune) bool { return (c < 'a' || c > 'z') && (c < '0' || c > '9') && c != '-' }
	if name == "" || len(name) > MaxWidgetName || strings.ContainsFunc(name, odd) {
		return invalid(field, "a name is "+widgetNameRules)
	}
	return nil
}

// canonical is the one text of an object. A fault's field is the request's, with the JSON pointer to what is wrong.
func canonical(field string, object map[string]any, size, depth int) (string, error) {
	text, err := view.AppendValue(nil, object, depth)
	if wrong, ok := errors.AsType[*view.ValueError](err); ok {
		return "", invalid(field+wrong.Pointer, "%s", wrong.Problem)
	}
	if len(text) > size {
		return "", invalid(field, "%d bytes of JSON, at most %d", len(text), size)
	}
	return string(text), nil
}

// WidgetType is an entry of the registry.
type WidgetType struct {
	Name string `json:"name"`
	// Version counts the changes of the type, from 1.
	Version ident.Version `json:"version"`
	// Schema is a JSON Schema, as canonical JSON.
	Schema string `json:"schema"`
	// Retired types keep their widgets, and take no new values.
	Retired   bool      `json:"retired"`
	ChangedAt time.Time `json:"changed_at"`
	Actor     string    `json:"actor"`

	was *WidgetType // as loaded, kept by the first change; nil before it
}

// NewWidgetType is a type that nobody has put yet: its version is 0.
func NewWidgetType(name string) (*WidgetType, error) {
	return &WidgetType{Name: name}, checkWidgetName("name", name)
}

// Put gives the type a schema, which the caller has compiled; a retired type is in use again. What says the same is no
// change.
func (t *WidgetType) Put(by By, schema string) {
	if t.Version == 0 || t.Schema != schema || t.Retired {
		t.step(by)
		t.Schema, t.Retired = schema, false
	}
}

// Retire takes the type out of use; one that is retired stays so.
func (t *WidgetType) Retire(by By) {
	if !t.Retired {
		t.step(by)
		t.Retired = true
	}
}

// Changed reports whether a story changed the type since it was loaded.
func (t *WidgetType) Changed() bool { return t.was != nil }

// BaseVersion is the version the type was loaded at; a store saves only over exactly that.
func (t *WidgetType) BaseVersion() ident.Version {
	if t.was == nil {
		return t.Version
	}
	return t.was.Version
}

func (t *WidgetType) step(by By) {
	if t.was == nil {
		was := *t
		t.was = &was
	}
	t.Version, t.ChangedAt, t.Actor = t.Version+1, by.Now, by.Actor
}

// Stored is a copy as a store gives it out: without what the running command left in it.
func (t *WidgetType) Stored() WidgetType {
	c := *t
	c.was = nil
	return c
}

// Stale is the fault of a store that holds the type at another version than it was loaded at.
func (t *WidgetType) Stale() error {
	return fault.VersionConflict.New("the widget type %s is no longer at version %s", t.Name, t.BaseVersion())
}

// Changes are the columns in which the type differs from what was loaded.
func (t *WidgetType) Changes() []audit.Change {
	if t.was == nil {
		return nil
	}
	c := changes{entity: "widget_type", row: t.Name}
	if t.was.Version == 0 {
		c.text("name", "", t.Name)
	}
	c.number("version", int64(t.was.Version), int64(t.Version))
	c.document("content", t.was, t)
	return c.list
}

// Schema is the canonical text of a schema. INVALID_ARGUMENT points into it.
func Schema(object map[string]any) (string, error) {
	return canonical("schema", object, MaxSchema, MaxSchemaDepth)
}
