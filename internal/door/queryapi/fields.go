package queryapi

import (
	"bytes"
	"iter"
	"slices"
	"strings"

	"github.com/valyala/fasthttp"
	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/known/fieldmaskpb"

	roomv1 "github.com/greenroomlive/greenroom/api/gen/greenroom/room/v1"
	"github.com/greenroomlive/greenroom/internal/core/fault"
	"github.com/greenroomlive/greenroom/internal/flow/query"
)

// maxFields bounds a mask: a card has fewer fields, and none needs naming twice.
const maxFields = 32

// mask names the fields of a card that an answer shows, as fields= and read_mask do; nil shows all. It cuts
// them out of the encoded card, in the card's order: the rooms of a masked list are not marshalled either.
type mask []masked

type masked struct {
	name   string
	number protowire.Number
	// of names the fields within; nil is all of them.
	of mask
}

// fields reads the mask of a request; nil when there is none.
func fields(ctx *fasthttp.RequestCtx) (mask, error) {
	args := ctx.QueryArgs()
	if !args.Has("fields") {
		return nil, nil
	}
	return newMask("fields", strings.SplitSeq(string(args.Peek("fields")), ","))
}

// readMask is fields, of gRPC.
func readMask(m *fieldmaskpb.FieldMask) (mask, error) {
	if len(m.GetPaths()) == 0 {
		return nil, nil
	}
	return newMask("read_mask", slices.Values(m.GetPaths()))
}

// newMask makes a mask of paths like "title" and "live.status". INVALID_ARGUMENT names the first that the
// card does not have.
func newMask(field string, paths iter.Seq[string]) (mask, error) {
	var m mask
	var n int
	for path := range paths {
		if n++; n > maxFields {
			return nil, fault.TooLarge.New("more than %d fields in %s", maxFields, field).With("field", field)
		}
		var ok bool
		if m, ok = m.with((*roomv1.Room)(nil).ProtoReflect().Descriptor(), path); !ok {
			return nil, invalid(field, "there is no field %q in a room", path[:min(len(path), 64)])
		}
	}
	return m, nil
}

// with adds a path to the mask of message d, which says what fields there are.
func (m mask) with(d protoreflect.MessageDescriptor, path string) (mask, bool) {
	name, rest, deeper := strings.Cut(path, ".")
	f := d.Fields().ByName(protoreflect.Name(name))
	if f == nil {
		return nil, false
	}
	at := slices.IndexFunc(m, func(known masked) bool { return known.name == name })
	known := at >= 0
	if !known {
		m, at = append(m, masked{name: name, number: f.Number()}), len(m)
	}
	switch {
	case !deeper:
		m[at].of = nil
		return m, true
	case f.Message() == nil || f.Cardinality() == protoreflect.Repeated || f.Message().ParentFile() != d.ParentFile():
		return nil, false // a time is one value, and who wants a widget takes all
	}
	of, ok := m[at].of.with(f.Message(), rest)
	if !known || m[at].of != nil { // else all of it is named already
		m[at].of = of
	}
	return m, ok
}

// appendCard appends the JSON of a card.
func (m mask) appendCard(b []byte, e *query.Entry) []byte {
	if m == nil {
		return append(b, e.Card()...)
	}
	return m.appendJSON(b, e.Card())
}

// appendJSON appends an object's members that the mask names. The object is one that Greenroom encoded:
// no blanks, and names of members need no escapes.
func (m mask) appendJSON(b, object []byte) []byte {
	b = append(b, '{')
	for empty, rest := true, object[1:]; rest[0] != '}'; {
		if rest[0] == ',' {
			rest = rest[1:]
		}
		name := rest[1 : 1+bytes.IndexByte(rest[1:], '"')]
		value := rest[len(name)+len(`"":`):]
		value = value[:valueLen(value)]
		member := rest[:len(name)+len(`"":`)+len(value)]
		rest = rest[len(member):]
		at := slices.IndexFunc(m, func(f masked) bool { return f.name == string(name) })
		if at < 0 {
			continue
		}
		if !empty {
			b = append(b, ',')
		}
		empty = false
		// What is null has no fields to choose from.
		if of := m[at].of; of != nil && value[0] == '{' {
			b = of.appendJSON(append(b, member[:len(member)-len(value)]...), value)
		} else {
			b = append(b, member...)
		}
	}
	return append(b, '}')
}

// valueLen is the length of the JSON value that v begins with; behind it comes the rest of an object.
func valueLen(v []byte) int {
	depth := 0
	for i := 0; i < len(v); i++ {
		switch v[i] {
		case '"':
			for i++; v[i] != '"'; i++ {
				if v[i] == '\\' {
					i++
				}
			}
		case '{', '[':
			depth++
		case '}', ']', ',':
			if depth == 0 {
				return i
			}
			if v[i] != ',' {
				depth--
			}
		}
	}
	return len(v)
}

// appendAnswer appends the greenroom.room.v1.GetRoomResponse of a card.
func (m mask) appendAnswer(b []byte, e *query.Entry) []byte {
	if m == nil {
		return append(b, e.Proto...)
	}
	return mask{{number: 1, of: m}}.appendProto(b, e.Proto)
}

// appendProto appends a message's fields that the mask names.
func (m mask) appendProto(b, message []byte) []byte {
	for len(message) > 0 {
		number, kind, tag := protowire.ConsumeTag(message)
		field := message[:tag+protowire.ConsumeFieldValue(number, kind, message[tag:])]
		message = message[len(field):]
		at := slices.IndexFunc(m, func(f masked) bool { return f.number == number })
		switch {
		case at < 0:
		case m[at].of == nil:
			b = append(b, field...)
		default:
			within, _ := protowire.ConsumeBytes(field[tag:])
			b = append(b, field[:tag]...)
			begin := len(b)
			b = m[at].of.appendProto(b, within)
			var size [5]byte
			b = slices.Insert(b, begin, protowire.AppendVarint(size[:0], uint64(len(b)-begin))...)
		}
	}
	return b
}
