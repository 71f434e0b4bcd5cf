package queryapi

import (
	"bytes"
	"runtime"

	"github.com/klauspost/compress/gzip"
	"github.com/valyala/fasthttp"
)

// gzipFrom is the size from which an answer is worth compressing: below it fits into one packet as it is,
// and a card alone always does.
const gzipFrom = 1400

// compressors make answers smaller for who asks for it. Compressing a batch costs ten times what sending it
// costs, so at most half the cores may do it at a time: an answer that finds none free is sent as it is,
// which is always allowed. A crowd of browsers cannot take the processor from those who do not ask.
type compressors struct{ idle chan *gzip.Writer }

func newCompressors() compressors {
	n := max(runtime.GOMAXPROCS(0)/2, 1)
	c := compressors{idle: make(chan *gzip.Writer, n)}
	for range n {
		c.idle <- nil // made when it is needed: one takes most of a megabyte
	}
	return c
}

// compress appends plain to b, compressed; false when nothing was done.
func (c compressors) compress(b, plain []byte) ([]byte, bool) {
	var z *gzip.Writer
	select {
	case z = <-c.idle:
	default:
		return b, false
	}
	defer func() { c.idle <- z }()
	if z == nil {
		z, _ = gzip.NewWriterLevel(nil, gzip.BestSpeed) // fails for levels that do not exist
	}
	out := bytes.NewBuffer(b)
	z.Reset(out)
	// A bytes.Buffer takes everything.
	_, _ = z.Write(plain)
	_ = z.Close()
	return out.Bytes(), true
}

// encode compresses the body that ctx has, when that is asked for and worth it. Every answer that could
// have been compressed says so to caches.
func (s *HTTP) encode(ctx *fasthttp.RequestCtx) {
	h := &ctx.Response.Header
	h.AddBytesV("Vary", headerAcceptEncoding)
	plain := ctx.Response.Body()
	if len(plain) < gzipFrom || !acceptsGzip(ctx.Request.Header.PeekBytes(headerAcceptEncoding)) {
		return
	}
	b := s.space.get()
	defer s.space.put(b)
	var ok bool
	if b.out, ok = s.gzip.compress(b.out, plain); !ok {
		return
	}
	h.SetContentEncodingBytes(gzipped)
	if tag := h.PeekBytes(headerETag); len(tag) > 0 { // the same rooms, but not the same bytes
		h.SetCanonical(headerETag, append([]byte("W/"), tag...))
	}
	b.out = ctx.Response.SwapBody(b.out)
}

// acceptsGzip reads Accept-Encoding as RFC 9110 defines it: gzip, or *, unless its quality is 0 or below what
// the client gives the answer as it is.
func acceptsGzip(header []byte) bool {
	gzipQ, anyQ, identityQ := -1, -1, -1
	for len(header) > 0 {
		one, rest, _ := bytes.Cut(header, []byte{','})
		header = rest
		coding, params, _ := bytes.Cut(one, []byte{';'})
		coding = bytes.TrimSpace(coding)
		switch q := quality(params); {
		case bytes.EqualFold(coding, gzipped), bytes.EqualFold(coding, []byte("x-gzip")):
			gzipQ = max(gzipQ, q)
		case string(coding) == "*":
			anyQ = q
		case bytes.EqualFold(coding, []byte("identity")):
			identityQ = q
		}
	}
	if gzipQ < 0 {
		gzipQ = anyQ
	}
	return gzipQ > 0 && gzipQ >= identityQ
}

// quality is the weight behind a coding in thousandths: 1000 without one, 0 for one that is no number
// between 0 and 1, as whoever sent it did not mean a plain yes.
func quality(params []byte) int {
	name, value, found := bytes.Cut(bytes.TrimSpace(params), []byte{'='})
	if !found || !bytes.EqualFold(bytes.TrimSpace(name), []byte("q")) {
		return 1000
	}
	value = bytes.TrimSpace(value)
	if len(value) == 0 || len(value) > len("0.000") || len(value) > 1 && value[1] != '.' {
		return 0
	}
	q, scale := 0, 1000
	for i, c := range value {
		if i == 1 {
			continue // the point
		}
		if c < '0' || c > '9' {
			return 0
		}
		q += int(c-'0') * scale
		scale /= 10
	}
	if q > 1000 {
		return 0
	}
	return q
}
