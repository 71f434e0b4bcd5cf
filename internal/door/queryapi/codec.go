package queryapi

import (
	"google.golang.org/grpc/encoding"
	_ "google.golang.org/grpc/encoding/proto" // registers the codec that the rest goes through
	"google.golang.org/grpc/mem"
)

// encoded is a message that is encoded already: either shared with the cache, where nobody writes to it, or
// put together for this answer in a buffer of grpc's pool, which goes back there when the answer is sent.
type encoded struct {
	shared []byte
	own    *[]byte
}

// buffer takes an empty buffer with space for n bytes.
func buffer(n int) encoded {
	own := mem.DefaultBufferPool().Get(n)
	*own = (*own)[:0]
	return encoded{own: own}
}

// codec passes encoded messages through and leaves all others to the standard one.
type codec struct{ encoding.CodecV2 }

func newCodec() codec { return codec{encoding.GetCodecV2("proto")} }

func (c codec) Marshal(v any) (mem.BufferSlice, error) {
	e, ok := v.(encoded)
	switch {
	case !ok:
		return c.CodecV2.Marshal(v)
	case e.own == nil:
		// A SliceBuffer is not pooled: grpc frees it without taking the bytes for its own use.
		return mem.BufferSlice{mem.SliceBuffer(e.shared)}, nil
	default:
		return mem.BufferSlice{mem.NewBuffer(e.own, mem.DefaultBufferPool())}, nil
	}
}
