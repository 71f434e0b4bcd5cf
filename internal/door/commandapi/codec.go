package commandapi

import (
	"bytes"
	"encoding/json"
	"fmt"

	"connectrpc.com/vanguard"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
)

// The JSON of this door, on REST and Connect alike: names as in the protos, zero values present,
// and a request field that does not exist is refused, since a typo must not look like a success.
var (
	encodes = protojson.MarshalOptions{UseProtoNames: true, EmitUnpopulated: true}
	decodes = protojson.UnmarshalOptions{DiscardUnknown: false}
)

func restCodec(res vanguard.TypeResolver) vanguard.Codec {
	c := restJSON{vanguard.JSONCodec{MarshalOptions: encodes, UnmarshalOptions: decodes}}
	c.MarshalOptions.Resolver, c.UnmarshalOptions.Resolver = res, res
	return c
}

// restJSON makes one JSON of an answer: protojson puts spaces where chance wants them, and the same
// room would look different from one answer to the next, and on the C side.
type restJSON struct{ vanguard.JSONCodec }

func (c restJSON) MarshalAppend(base []byte, m proto.Message) ([]byte, error) {
	text, err := c.JSONCodec.MarshalAppend(nil, m)
	if err != nil {
		return nil, err
	}
	out := bytes.NewBuffer(base)
	err = json.Compact(out, text)
	return out.Bytes(), err
}

// connectJSON is the same for connect, which knows a codec by its content type.
type connectJSON struct{ name string }

func (c connectJSON) Name() string { return c.name }

func (c connectJSON) Marshal(message any) ([]byte, error) {
	m, ok := message.(proto.Message)
	if !ok {
		return nil, fmt.Errorf("%T is no proto message", message)
	}
	return restJSON{vanguard.JSONCodec{MarshalOptions: encodes}}.MarshalAppend(nil, m)
}

func (c connectJSON) Unmarshal(data []byte, message any) error {
	m, ok := message.(proto.Message)
	if !ok {
		return fmt.Errorf("%T is no proto message", message)
	}
	return decodes.Unmarshal(data, m)
}
