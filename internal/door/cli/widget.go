package cli

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/types/known/structpb"

	greenroom "github.com/greenroomlive/greenroom/client"
)

type widgetCmd struct {
	Put    widgetPut     `cmd:"" help:"Hang a widget up, or give it another value."`
	Remove widgetRemove  `cmd:"" help:"Take a widget down."`
	Type   widgetTypeCmd `cmd:"" help:"The registry of types: what may hang."`
}

type widgetPut struct {
	Room    int64  `arg:"" help:"Room id."`
	Name    string `arg:"" help:"1 to 24 of a-z, 0-9 and -."`
	Type    string `arg:"" help:"A type of the registry."`
	Value   string `arg:"" help:"A JSON object that the type allows."`
	Expect  int64  `placeholder:"N" help:"Only while the widget is at this version."`
	IfMatch int64  `placeholder:"N" help:"Only while the room is at this version."`
}

func (c *widgetPut) Run(ctx context.Context, s *session) error {
	value, err := object("VALUE", c.Value)
	if err != nil {
		return err
	}
	return s.extension(s.PutWidget(ctx, c.Room, c.Name, c.Type, value, c.Expect, matching(c.IfMatch)...))
}

type widgetRemove struct {
	Room   int64  `arg:"" help:"Room id."`
	Name   string `arg:"" help:"The widget."`
	Expect int64  `placeholder:"N" help:"Only while the widget is at this version."`
}

func (c *widgetRemove) Run(ctx context.Context, s *session) error {
	return s.extension(s.RemoveWidget(ctx, c.Room, c.Name, c.Expect))
}

type widgetTypeCmd struct {
	List   widgetTypeList   `cmd:"" help:"Show what types there are."`
	Show   widgetTypeShow   `cmd:"" help:"Show a type with its schema."`
	Put    widgetTypePut    `cmd:"" help:"Put a type into the registry, or give it another schema."`
	Retire widgetTypeRetire `cmd:"" help:"Take a type out of use; what hangs stays."`
}

type widgetTypeList struct{}

func (c *widgetTypeList) Run(ctx context.Context, s *session) error {
	list, err := s.WidgetTypes(ctx)
	if err != nil {
		return err
	}
	for _, t := range list {
		if s.json {
			err = s.message(t)
		} else {
			_, err = fmt.Fprintln(s.out, widgetTypeWords(t))
		}
		if err != nil {
			return err
		}
	}
	return nil
}

type widgetTypeShow struct {
	Name string `arg:"" help:"The type."`
}

func (c *widgetTypeShow) Run(ctx context.Context, s *session) error {
	return s.widgetType(s.WidgetType(ctx, c.Name))
}

type widgetTypePut struct {
	Name    string `arg:"" help:"1 to 24 of a-z, 0-9 and -."`
	Schema  string `arg:"" help:"A JSON Schema (draft 2020-12) that refers to nothing."`
	IfMatch int64  `placeholder:"N" help:"Only while the type is at this version."`
}

func (c *widgetTypePut) Run(ctx context.Context, s *session) error {
	schema, err := object("SCHEMA", c.Schema)
	if err != nil {
		return err
	}
	return s.widgetType(s.PutWidgetType(ctx, c.Name, schema, matching(c.IfMatch)...))
}

type widgetTypeRetire struct {
	Name    string `arg:"" help:"The type."`
	IfMatch int64  `placeholder:"N" help:"Only while the type is at this version."`
}

func (c *widgetTypeRetire) Run(ctx context.Context, s *session) error {
	return s.widgetType(s.RetireWidgetType(ctx, c.Name, matching(c.IfMatch)...))
}

// object reads a JSON object of the command line.
func object(name, text string) (*structpb.Struct, error) {
	var out structpb.Struct
	if err := protojson.Unmarshal([]byte(text), &out); err != nil {
		return nil, fmt.Errorf("%s is not a JSON object", name) // protojson words its faults anew in every build
	}
	return &out, nil
}

// widgetType prints a type of the registry.
func (s *session) widgetType(t *greenroom.WidgetType, err error) error {
	if err != nil {
		return err
	}
	if s.json {
		return s.message(t)
	}
	schema, err := t.GetSchema().MarshalJSON()
	if err != nil {
		return err
	}
	return s.facts("type", widgetTypeWords(t), "changed", at(t.GetChangedAt()), "by", plain(t.GetChangedBy()), "schema", plain(string(schema)))
}

func widgetTypeWords(t *greenroom.WidgetType) string {
	words := t.GetName() + " version " + num(t.GetVersion())
	if t.GetRetired() {
		words += " retired"
	}
	return words
}

func widgetWords(all map[string]*greenroom.Widget) string {
	var words []string
	for _, name := range slices.Sorted(maps.Keys(all)) {
		words = append(words, fmt.Sprintf("%s (%s, version %s)", name, all[name].GetType(), num(all[name].GetVersion())))
	}
	return strings.Join(words, ", ")
}
