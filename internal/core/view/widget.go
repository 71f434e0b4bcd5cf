package view

import (
	"fmt"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/greenroomlive/greenroom/internal/core/ident"
)

// Widget is a typed value that hangs in a room, for players to draw.
type Widget struct {
	Name string
	Type string
	// Version is that of the room when the widget changed last: it never comes back, also when the widget was away.
	Version ident.Version
	// Value is a JSON object as AppendValue writes it: one text for one value, so that checksums of a card agree.
	Value string
}

// MaxExact bounds the numbers in values: beyond it a double, which protobuf and browsers hold numbers in, skips integers.
const MaxExact = 1<<53 - 1

// ValueError says what is wrong in a value, and where.
type ValueError struct {
	Pointer string // RFC 6901; empty is the whole value
	Problem string
}

func (e *ValueError) Error() string { return fmt.Sprintf("at %q: %s", e.Pointer, e.Problem) }

// AppendValue appends the canonical JSON of what encoding/json reads into an any: keys sorted, no blanks, numbers as
// JavaScript writes them, which is how the proto3 mapping renders a Struct. Objects and lists may be nested depth deep.
// A *ValueError names what has no such form.
func AppendValue(b []byte, v any, depth int) ([]byte, error) { return appendValue(b, v, depth, "") }

func appendValue(b []byte, v any, depth int, at string) ([]byte, error) {
	switch v := v.(type) {
	case nil:
		return append(b, "null"...), nil
	case bool:
		return strconv.AppendBool(b, v), nil
	case float64:
		if math.IsNaN(v) || math.Abs(v) > MaxExact {
			return b, &ValueError{at, "a number is at most 9007199254740991 either way; a longer one goes as a string"}
		}
		return appendNumber(b, v), nil
	case string:
		return AppendString(b, v), nil
	case []any, map[string]any:
		if depth <= 0 {
			return b, &ValueError{at, "is nested too deep"}
		}
		if list, ok := v.([]any); ok {
			return appendList(b, list, depth-1, at)
		}
		return appendObject(b, v.(map[string]any), depth-1, at)
	}
	return b, &ValueError{at, fmt.Sprintf("%T is no JSON", v)}
}

func appendList(b []byte, list []any, depth int, at string) (_ []byte, err error) {
	b = append(b, '[')
	for i, v := range list {
		if i > 0 {
			b = append(b, ',')
		}
		if b, err = appendValue(b, v, depth, at+"/"+strconv.Itoa(i)); err != nil {
			return b, err
		}
	}
	return append(b, ']'), nil
}

func appendObject(b []byte, object map[string]any, depth int, at string) (_ []byte, err error) {
	b = append(b, '{')
	for i, key := range slices.Sorted(maps.Keys(object)) {
		if i > 0 {
			b = append(b, ',')
		}
		b = append(AppendString(b, key), ':')
		if b, err = appendValue(b, object[key], depth, Pointer(at, key)); err != nil {
			return b, err
		}
	}
	return append(b, '}'), nil
}

// Pointer is the JSON pointer (RFC 6901) of a key of the object at a pointer.
func Pointer(at, key string) string { return at + "/" + pointerEscapes.Replace(key) }

var pointerEscapes = strings.NewReplacer("~", "~0", "/", "~1")

// appendNumber appends a finite number that is at most MaxExact.
func appendNumber(b []byte, f float64) []byte {
	if f == 0 {
		return append(b, '0') // and not -0
	}
	if math.Abs(f) >= 1e-6 {
		return strconv.AppendFloat(b, f, 'f', -1, 64)
	}
	b = strconv.AppendFloat(b, f, 'e', -1, 64)
	if n := len(b); b[n-4] == 'e' && b[n-2] == '0' { // e-07 is e-7
		b = append(b[:n-2], b[n-1])
	}
	return b
}

// appendWidgets appends the object from names to widgets; they are ordered by name.
func appendWidgets(b []byte, list []Widget) []byte {
	b = append(b, '{')
	for i, w := range list {
		if i > 0 {
			b = append(b, ',')
		}
		b = AppendString(append(AppendString(b, w.Name), `:{"type":`...), w.Type)
		b = appendID(append(b, `,"version":`...), int64(w.Version))
		b = append(append(append(b, `,"value":`...), w.Value...), '}')
	}
	return append(b, '}')
}
