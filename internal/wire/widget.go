package wire

import (
	"cmp"
	"encoding/json"
	"fmt"
	"slices"

	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/structpb"

	roomv1 "github.com/greenroomlive/greenroom/api/gen/greenroom/room/v1"
	"github.com/greenroomlive/greenroom/internal/core/ident"
	"github.com/greenroomlive/greenroom/internal/core/view"
)

// maxNesting bounds what is read of a value. It is wider than what core lets in, so that a bound there can be drawn
// tighter without making cards unreadable.
const maxNesting = 64

// widgets makes the messages of widgets; nil for none.
func widgets(list []view.Widget) map[string]*roomv1.Widget {
	if len(list) == 0 {
		return nil
	}
	out := make(map[string]*roomv1.Widget, len(list))
	for _, w := range list {
		out[w.Name] = &roomv1.Widget{Type: w.Type, Version: int64(w.Version), Value: Object(w.Value)}
	}
	return out
}

// Object makes the message of a JSON object that core made canonical.
func Object(canonical string) *structpb.Struct {
	var value map[string]any
	_ = json.Unmarshal([]byte(canonical), &value) // core read it before
	s, err := structpb.NewStruct(value)
	if err != nil { // a text that is not UTF-8, which speakable refuses before
		return &structpb.Struct{}
	}
	return s
}

// goWidgets is the reverse of widgets.
func goWidgets(m map[string]*roomv1.Widget) ([]view.Widget, error) {
	var out []view.Widget
	for name, w := range m {
		v, err := goWidget(name, w)
		if err != nil {
			return nil, err
		}
		out = append(out, v)
	}
	slices.SortFunc(out, byName)
	return out, nil
}

func goWidget(name string, m *roomv1.Widget) (view.Widget, error) {
	value, err := view.AppendValue(nil, m.GetValue().AsMap(), maxNesting)
	if err != nil {
		return view.Widget{}, fmt.Errorf("widget %q: %w", name, err)
	}
	return view.Widget{Name: name, Type: m.GetType(), Version: ident.Version(m.GetVersion()), Value: string(value)}, nil
}

func byName(a, b view.Widget) int { return cmp.Compare(a.Name, b.Name) }

// appendWidgets appends the entries of Extension.widgets in the order of their names, as a deterministic proto.Marshal
// does. Few rooms have any: the value is worth its messages.
func appendWidgets(b []byte, list []view.Widget) []byte {
	for _, w := range list {
		var at, in, of int
		b, at = opened(b, 4)
		b = protowire.AppendString(protowire.AppendTag(b, 1, protowire.BytesType), w.Name)
		b, in = opened(b, 2)
		b = appendInt(appendText(b, 1, w.Type), 2, int64(w.Version))
		b, of = opened(b, 3)
		if next, err := (proto.MarshalOptions{Deterministic: true}).MarshalAppend(b, Object(w.Value)); err == nil {
			b = next
		}
		b = closed(closed(closed(b, of), in), at)
	}
	return b
}

// readWidget reads one entry of Extension.widgets into its place.
func readWidget(x *view.Extension, entry []byte) error {
	var (
		name string
		m    roomv1.Widget
	)
	err := fields(entry, nil, func(n protowire.Number, v []byte) error {
		switch n {
		case 1:
			return readText(&name, v)
		case 2:
			return proto.Unmarshal(v, &m)
		}
		return nil
	})
	if err != nil {
		return err
	}
	w, err := goWidget(name, &m)
	if err != nil {
		return err
	}
	at, twice := slices.BinarySearchFunc(x.Widgets, w, byName)
	if twice {
		x.Widgets[at] = w // the last one counts, as in every map of protobuf
		return nil
	}
	x.Widgets = slices.Insert(x.Widgets, at, w)
	return nil
}
