package commandapi

import (
	"bytes"
	"encoding/json"
	"io"
	"mime"
	"net/http"
	"regexp"
	"slices"
	"strings"

	"connectrpc.com/connect"

	"github.com/greenroomlive/greenroom/internal/core/fault"
)

// rest stands around vanguard, which maps paths and JSON to the protos: before it, requests that mean
// the same are made to look the same; after it, every refusal gets Greenroom's shape.
func (d *Door) rest(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		x := exchangeOf(r.Context())
		x.rest = true
		if f := tidy(r); f != nil {
			writeFault(w, x, f)
			return
		}
		out := &restWriter{ResponseWriter: w, x: x}
		next.ServeHTTP(out, r)
		if out.status == 0 {
			return
		}
		f := out.fault
		if f == nil {
			f = refusal(x, r, out.status, out.body.Bytes(), w.Header())
			if f.Code == fault.Internal {
				d.Log.ErrorContext(r.Context(), "commandapi: answer failed", "path", r.URL.Path, "request_id", x.id, "error", out.body.String())
			}
		}
		writeFault(w, x, f)
	})
}

// tidy rewrites what vanguard is strict about where callers need not be.
func tidy(r *http.Request) *fault.Error {
	if r.ContentLength > MaxBody {
		return fault.TooLarge.New("the body has %d bytes, at most %d", r.ContentLength, MaxBody)
	}
	// At most 64 KiB: compression would save nothing and let a small body unfold into a huge one.
	if enc := r.Header.Get("Content-Encoding"); enc != "" && enc != "identity" {
		return fault.InvalidArgument.New("Content-Encoding: bodies are not compressed here").With("field", "Content-Encoding")
	}
	r.Header.Del("Accept-Encoding")
	if r.Method == http.MethodHead { // net/http leaves the body of the answer out
		r.Method = http.MethodGet
	}
	if isJSON(r.Header.Get("Content-Type")) {
		r.Header.Set("Content-Type", "application/json")
	}
	if r.ContentLength == 0 && (r.Method == http.MethodPost || r.Method == http.MethodPut || r.Method == http.MethodPatch) {
		// No body is the empty object: `curl -X POST …:start` has nothing to say.
		r.Body, r.ContentLength = io.NopCloser(strings.NewReader("{}")), 2
		r.Header.Set("Content-Type", "application/json")
	}
	return tidyQuery(r)
}

// isJSON takes what names JSON, what names nothing, and what curl -d says of every body. That opens no
// door to foreign web pages: who calls is told by a bearer token, which no browser adds by itself.
func isJSON(contentType string) bool {
	kind, _, err := mime.ParseMediaType(contentType)
	return contentType == "" || (err == nil && (kind == "application/json" || kind == "application/x-www-form-urlencoded"))
}

// restWriter passes successes through and holds back refusals until they are rewritten.
type restWriter struct {
	http.ResponseWriter
	x *exchange
	// status is that of a refusal; 0 for none.
	status int
	// fault is what the handler said before the status was written; nil if it was never asked.
	fault *fault.Error
	body  bytes.Buffer
}

func (w *restWriter) WriteHeader(status int) {
	w.Header().Del("Accept-Encoding") // vanguard's, and of no use to a caller
	switch {
	case status >= http.StatusBadRequest && w.status == 0:
		w.status, w.fault = status, w.x.fault
	case w.status != 0: // a second status of a refusal says nothing new
	case status == http.StatusOK && w.x.created:
		w.ResponseWriter.WriteHeader(http.StatusCreated)
	default:
		w.ResponseWriter.WriteHeader(status)
	}
}

// maxRefusal bounds what is kept of a refusal's text.
const maxRefusal = 4 << 10

func (w *restWriter) Write(b []byte) (int, error) {
	if w.status == 0 {
		return w.ResponseWriter.Write(b)
	}
	w.body.Write(b[:min(len(b), maxRefusal-w.body.Len())])
	return len(b), nil
}

// Flush is asked for by vanguard after each message.
func (w *restWriter) Flush() {
	if f, ok := w.ResponseWriter.(http.Flusher); ok && w.status == 0 {
		f.Flush()
	}
}

// Unwrap lets http.ResponseController reach the connection.
func (w *restWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }

// refusal says in our words what vanguard, connect or protojson had against a request, or what
// kept them from writing the answer of a call that went well.
func refusal(x *exchange, r *http.Request, status int, body []byte, header http.Header) *fault.Error {
	switch status {
	case http.StatusNotFound:
		return unknownPath(r)
	case http.StatusMethodNotAllowed:
		allow := strings.Split(header.Get("Allow"), ",")
		slices.Sort(allow)
		header.Set("Allow", strings.Join(allow, ", "))
		return fault.MethodNotAllowed.New("%s does not take %s", r.URL.Path, r.Method)
	case http.StatusUnsupportedMediaType:
		return fault.InvalidArgument.New("Content-Type: bodies are application/json").With("field", "Content-Type")
	}
	code, text := statusOf(body)
	switch {
	case code == connect.CodeResourceExhausted:
		return fault.TooLarge.New("the body has more than %d bytes", MaxBody)
	case code == connect.CodeDeadlineExceeded || code == connect.CodeCanceled:
		return fault.DeadlineExceeded.New("no answer within the call's time")
	case !x.called:
		return unreadable(text)
	}
	return fault.Internal.New("something failed inside; the request id finds it in the log")
}

// statusOf reads a google.rpc.Status; a text that is none has code 0.
func statusOf(body []byte) (connect.Code, string) {
	var status struct {
		Code    connect.Code `json:"-"`
		Number  uint32       `json:"code"`
		Message string       `json:"message"`
	}
	if json.Unmarshal(body, &status) != nil {
		return 0, strings.TrimSpace(string(body))
	}
	return connect.Code(status.Number), status.Message
}

// What the libraries say of a bad field. protojson varies the white space of its texts on purpose.
var (
	unknownField = regexp.MustCompile(`unknown field "([^"]+)"`)
	unknownParam = regexp.MustCompile(`in field path "([^"]+)"`)
	badParam     = regexp.MustCompile(`invalid parameter "([^"]+)"`)
	badValue     = regexp.MustCompile(`invalid value for \w+ field (\w+)`)
	twice        = regexp.MustCompile(`duplicate field "([^"]+)"`)
	badTimeout   = regexp.MustCompile(`invalid (timeout) `)
	preamble     = regexp.MustCompile(`^proto:[\s\x{00a0}]*`)
)

// unreadable names the field that could not be read; "body" when the JSON itself is broken.
func unreadable(text string) *fault.Error {
	field, says := "body", preamble.ReplaceAllString(text, "")
	for _, known := range []struct {
		pattern *regexp.Regexp
		says    string
	}{
		{unknownField, "there is no such field"},
		{unknownParam, "there is no such parameter"},
		{twice, "stands twice"},
		{badParam, says},
		{badValue, says},
		{badTimeout, says},
	} {
		if m := known.pattern.FindStringSubmatch(text); m != nil {
			field, says = snake(m[1]), known.says
			break
		}
	}
	return malformed(field, says)
}

func malformed(field, says string) *fault.Error {
	return fault.InvalidArgument.New("%s: %s", field, says).With("field", field)
}

// writeFault answers with the fault. It may stand in the place of an answer that set its headers already.
func writeFault(w http.ResponseWriter, x *exchange, f *fault.Error) {
	h := w.Header()
	for _, of := range []string{"Content-Length", "Content-Encoding", "Accept-Encoding", "Etag"} {
		h.Del(of) // they spoke of another body
	}
	h.Set("Content-Type", "application/json")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Cache-Control", "no-store")
	switch f.Code {
	case fault.Overloaded:
		h.Set("Retry-After", retryAfter)
	case fault.Unauthenticated:
		h.Set("WWW-Authenticate", "Bearer")
	}
	w.WriteHeader(f.Code.HTTP)
	_, _ = w.Write(f.Envelope(x.id))
}
