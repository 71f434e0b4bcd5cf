package schemas_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/greenroomlive/greenroom/internal/core/fault"
	"github.com/greenroomlive/greenroom/internal/core/room"
	"github.com/greenroomlive/greenroom/internal/core/view"
	"github.com/greenroomlive/greenroom/internal/flow/schemas"
)

const poll = `{"type":"object","required":["options"],"additionalProperties":false,"properties":{
	"options":{"type":"array","minItems":1,"items":{"type":"string","maxLength":5}},"at":{"type":"string","format":"date-time"},"a/b":{"type":"integer"}}}`

func TestAFaultPointsAtTheField(t *testing.T) {
	judge := schemas.New()
	for text, field := range map[string]string{
		`{"options":["a"],"a/b":7}`:      "",
		`{"options":["a","too long"]}`:   "value/options/1",
		`{"options":[]}`:                 "value/options",
		`{}`:                             "value/options",
		`{"options":["a"],"x":1}`:        "value/x",
		`{"options":["a"],"a/b":1.5}`:    "value/a~1b",
		`{"options":["a"],"at":"later"}`: "value/at",
	} {
		var value map[string]any
		if err := json.Unmarshal([]byte(text), &value); err != nil {
			t.Fatal(err)
		}
		err := judge.Check(poll, value)
		if field == "" && err == nil {
			continue
		}
		if !errors.Is(err, fault.InvalidArgument) || fault.Of(err).Details["field"] != field {
			t.Errorf("%s: %v, want a fault at %q", text, err, field)
		}
	}
}

func TestASchemaThatIsNoneOrRefersIsRefused(t *testing.T) {
	judge := schemas.New()
	for text, field := range map[string]string{
		`[]`:           "schema",
		`{"type":"x"}`: "schema/type",
		`{"properties":{"a":{"$ref":"http://127.0.0.1:1/s"}}}`: "schema/properties/a/$ref",
		`{"allOf":[{"$dynamicRef":"#a"}]}`:                     "schema/allOf/0/$dynamicRef",
		`{"$schema":"http://127.0.0.1:1/meta"}`:                "schema",
		`{"pattern":"(?=x)"}`:                                  "schema/pattern",
	} {
		err := judge.Compile(text)
		if !errors.Is(err, fault.InvalidArgument) || fault.Of(err).Details["field"] != field {
			t.Errorf("%s: %v, want a fault at %q", text, err, field)
		}
	}
}

func TestMoreSchemasThanAreKeptAreJudgedAllTheSame(t *testing.T) {
	judge := schemas.New()
	for range 2 {
		for i := range 250 {
			schema := fmt.Sprintf(`{"maxProperties":%d}`, i)
			if err := judge.Check(schema, map[string]any{}); err != nil {
				t.Fatal(err)
			}
		}
	}
}

// FuzzPut puts what decodes as a value: it is refused with a field of the value, or has one canonical text that reads
// back as itself.
func FuzzPut(f *testing.F) {
	for _, seed := range []string{`{}`, `{"options":["a"]}`, `{"a":[1e300,-0,1e-9,null,true]}`, `{"\u0000":"\u2028"}`, strings.Repeat(`{"a":`, 20)} {
		f.Add([]byte(seed))
	}
	judge := schemas.New()
	f.Fuzz(func(t *testing.T, text []byte) {
		var value map[string]any
		if json.Unmarshal(text, &value) != nil {
			return
		}
		if err := judge.Check(poll, value); err != nil && !strings.HasPrefix(fault.Of(err).Details["field"], "value") {
			t.Fatalf("%s: %v", text, err)
		}
		canonical, err := view.AppendValue(nil, value, room.MaxWidgetDepth)
		if err != nil {
			return
		}
		var again map[string]any
		if err := json.Unmarshal(canonical, &again); err != nil {
			t.Fatalf("%s: %v", canonical, err)
		}
		if twice, err := view.AppendValue(nil, again, room.MaxWidgetDepth); err != nil || string(twice) != string(canonical) {
			t.Fatalf("%s became %s: %v", canonical, twice, err)
		}
	})
}
