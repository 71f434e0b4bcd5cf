package queryapi

import (
	"google.golang.org/grpc/encoding"
	_ "google.golang.org/grpc/encoding/proto" // registers the codec that the rest goes through
	"google.golang.org/grpc/mem"
)

// encoded is a message that is encoded already. It is shared with the cache: nobody writes to it.
type encoded []byte

// codec passes encoded messages through and leaves all others to the standard one.
type codec struct{ encoding.CodecV2 }

func newCodec() codec { return codec{encoding.GetCodecV2("proto")} }

func (c codec) Marshal(v any) (mem.BufferSlice, error) {
	if b, ok := v.(encoded); ok {
		// A SliceBuffer is not pooled: grpc frees it without taking the bytes for its own use.
		return mem.BufferSlice{mem.SliceBuffer(b)}, nil
	}
	return c.CodecV2.Marshal(v)
}
