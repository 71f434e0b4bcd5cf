// Package schemas judges values by JSON Schema: it is command.Schemas.
//
// A schema comes from staff, a value from anybody who has a room, so neither may cost more than a request is worth. A
// schema refers to nothing: no file or address is ever loaded, and without references inside it a schema is a tree,
// so that a judgement takes at most its size times the value's. Expressions are RE2. Sizes are core's to bound. A
// compiled schema is kept, at most maxKept of them; the oldest makes room, and is compiled again when it is asked for.
//
// Safe for concurrent use. It starts nothing, blocks on nothing, and keeps no value.
package schemas

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"github.com/santhosh-tekuri/jsonschema/v6/kind"
	"golang.org/x/text/language"
	"golang.org/x/text/message"

	"github.com/greenroomlive/greenroom/internal/core/fault"
	"github.com/greenroomlive/greenroom/internal/core/view"
)

// maxKept holds every type there may be, and as many again that were changed meanwhile.
const maxKept = 200

// Judge compiles schemas and keeps them.
type Judge struct {
	mu   sync.Mutex
	kept map[string]*jsonschema.Schema // by the text
	age  []string                      // the texts, oldest first
}

// New makes a judge that has compiled nothing yet.
func New() *Judge { return &Judge{kept: map[string]*jsonschema.Schema{}} }

// Compile is command.Schemas.
func (j *Judge) Compile(schema string) error {
	_, err := j.compiled(schema)
	return err
}

// Check is command.Schemas.
func (j *Judge) Check(schema string, value map[string]any) error {
	s, err := j.compiled(schema)
	if err != nil {
		return err
	}
	wrong, ok := errors.AsType[*jsonschema.ValidationError](s.Validate(value))
	if !ok {
		return nil
	}
	at, problem := told(wrong)
	return fault.InvalidArgument.New("value%s: %s", at, problem).With("field", "value"+at)
}

func (j *Judge) compiled(text string) (*jsonschema.Schema, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	if s, ok := j.kept[text]; ok {
		return s, nil
	}
	s, err := compile(text)
	if err != nil {
		return nil, err
	}
	if len(j.age) == maxKept {
		delete(j.kept, j.age[0])
		j.age = slices.Delete(j.age, 0, 1)
	}
	j.kept[text], j.age = s, append(j.age, text)
	return s, nil
}

// place is what a schema calls itself while it is compiled; nothing is there.
const place = "widget:schema"

func compile(text string) (*jsonschema.Schema, error) {
	var document map[string]any
	if err := json.Unmarshal([]byte(text), &document); err != nil {
		return nil, refused("", "is no JSON object")
	}
	if at, found := reference(document, ""); found {
		return nil, refused(at, "a schema refers to nothing: write out what is meant")
	}
	c := jsonschema.NewCompiler()
	c.DefaultDraft(jsonschema.Draft2020)
	c.AssertFormat()
	c.UseLoader(nowhere{})
	if err := c.AddResource(place, document); err != nil {
		return nil, refused("", "is no JSON Schema")
	}
	s, err := c.Compile(place)
	if err == nil {
		return s, nil
	}
	if bad, ok := errors.AsType[*jsonschema.SchemaValidationError](err); ok {
		if wrong, ok := errors.AsType[*jsonschema.ValidationError](bad.Err); ok {
			return nil, refused(told(wrong))
		}
	}
	return nil, refused("", "is no JSON Schema")
}

func refused(at, problem string) error {
	return fault.InvalidArgument.New("schema%s: %s", at, problem).With("field", "schema"+at)
}

// nowhere loads nothing, from no address.
type nowhere struct{}

// Load is jsonschema.URLLoader.
func (nowhere) Load(string) (any, error) { return nil, errors.New("nothing is loaded") }

// reference finds a keyword that makes more of a schema than the tree it is. Also where it is but the name of a field:
// to tell the two apart is not worth a second reading of the standard.
func reference(v any, at string) (pointer string, found bool) {
	switch v := v.(type) {
	case []any:
		for i, below := range v {
			if pointer, found = reference(below, fmt.Sprintf("%s/%d", at, i)); found {
				return pointer, true
			}
		}
	case map[string]any:
		for _, key := range slices.Sorted(maps.Keys(v)) {
			here := view.Pointer(at, key)
			if key == "$ref" || key == "$dynamicRef" || key == "$recursiveRef" {
				return here, true
			}
			if pointer, found = reference(v[key], here); found {
				return pointer, true
			}
		}
	}
	return "", false
}

// told is the first and deepest of the causes: where the value is wrong, and why. A field that is missing, or one too
// many, is pointed at by its own name.
func told(e *jsonschema.ValidationError) (at, problem string) {
	for len(e.Causes) > 0 {
		e = e.Causes[0]
	}
	for _, name := range e.InstanceLocation {
		at = view.Pointer(at, name)
	}
	switch k := e.ErrorKind.(type) {
	case *kind.Required:
		return view.Pointer(at, k.Missing[0]), "is missing"
	case *kind.AdditionalProperties:
		return view.Pointer(at, slices.Min(k.Properties)), "is not known"
	}
	return at, e.ErrorKind.LocalizedString(message.NewPrinter(language.English))
}
