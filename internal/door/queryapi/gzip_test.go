package queryapi

import (
	"bytes"
	"compress/gzip"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/valyala/fasthttp"
)

func TestWhoTakesGzip(t *testing.T) {
	for header, want := range map[string]bool{
		"": false, "gzip": true, "GZip": true, "x-gzip": true, "br": false, "gzip, deflate, br": true, "br;q=1.0, gzip;q=0.8, *;q=0.1": true,
		"*": true, "*;q=0": false, "gzip;q=0": false, "gzip;q=0.000, *": false, "gzip;q=0, *;q=1": false, "*;q=0, gzip": true,
		"gzip;q=0.001": true, "identity": false, "identity;q=0.5, gzip;q=0.4": false, "identity, gzip": true, "identity;q=0": false,
		"gzip;q=2": false, "gzip;q=": false, "gzip;q=x": false, "gzip;q=0.5555": false, "gzip;q=.5": false, " gzip ; Q = 0.5 ": true, ",,gzip": true, "gzipped": false,
	} {
		if got := acceptsGzip([]byte(header)); got != want {
			t.Errorf("%q: %v", header, got)
		}
	}
}

func asked(s *HTTP, target string, headers ...string) *fasthttp.RequestCtx {
	ctx := &fasthttp.RequestCtx{}
	ctx.Request.Header.SetMethod(http.MethodGet)
	ctx.Request.SetRequestURI(target)
	for i := 0; i < len(headers); i += 2 {
		ctx.Request.Header.Set(headers[i], headers[i+1])
	}
	s.handle(ctx)
	return ctx
}

const nine = "/v1/rooms?ids=1,2,3,4,5,6,7,8,9"

func TestAListIsCompressedForWhoAsks(t *testing.T) {
	s := laneServer(9, 0)
	defer s.stop()
	plain := asked(s, nine)
	if plain.Response.Header.Peek("Content-Encoding") != nil || string(plain.Response.Header.Peek("Vary")) != "Accept-Encoding" {
		t.Errorf("headers %s", &plain.Response.Header)
	}
	small := asked(s, nine, "Accept-Encoding", "br, gzip")
	if got := string(small.Response.Header.ContentEncoding()); got != "gzip" || string(small.Response.Header.Peek("Vary")) != "Accept-Encoding" {
		t.Fatalf("headers %s", &small.Response.Header)
	}
	r, err := gzip.NewReader(bytes.NewReader(small.Response.Body()))
	if err != nil {
		t.Fatal(err)
	}
	body, err := io.ReadAll(r)
	if err != nil || !bytes.Equal(body, plain.Response.Body()) || len(small.Response.Body()) > len(body)/3 {
		t.Errorf("%d bytes for %d of %d: %v", len(small.Response.Body()), len(body), len(plain.Response.Body()), err)
	}
	for _, target := range []string{"/v1/rooms?ids=1,2", "/v1/rooms/1", "/v1/rooms/1?fields=id"} {
		if ctx := asked(s, target, "Accept-Encoding", "gzip"); ctx.Response.Header.ContentEncoding() != nil || ctx.Response.StatusCode() != 200 {
			t.Errorf("%s: headers %s", target, &ctx.Response.Header)
		}
	}
}

func TestWhatIsCompressedHasAWeakTag(t *testing.T) {
	s := laneServer(1, 0)
	defer s.stop()
	for encoding, want := range map[string]string{"": `"7"`, "gzip": `W/"7"`} {
		ctx := &fasthttp.RequestCtx{}
		ctx.Request.Header.SetBytesV("Accept-Encoding", []byte(encoding))
		ctx.Response.Header.SetCanonical(headerETag, []byte(`"7"`))
		ctx.Response.SetBodyRaw([]byte(strings.Repeat("x", gzipFrom)))
		s.encode(ctx)
		if got := string(ctx.Response.Header.PeekBytes(headerETag)); got != want {
			t.Errorf("%q: %s", encoding, got)
		}
	}
}

func TestCompressingIsBounded(t *testing.T) {
	s := laneServer(9, 0)
	defer s.stop()
	n := cap(s.gzip.idle)
	for range n {
		<-s.gzip.idle
	}
	ctx := asked(s, nine, "Accept-Encoding", "gzip")
	if ctx.Response.Header.ContentEncoding() != nil || !bytes.HasPrefix(ctx.Response.Body(), []byte(`{"rooms":[`)) {
		t.Errorf("compressed with every compressor busy: %s", &ctx.Response.Header)
	}
	s.gzip.idle <- nil
	for range 3 { // one compressor, used again
		if ctx := asked(s, nine, "Accept-Encoding", "gzip"); string(ctx.Response.Header.ContentEncoding()) != "gzip" {
			t.Errorf("not compressed: %s", &ctx.Response.Header)
		}
	}
}
