package hooks

import (
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/netip"
	"net/url"
	"strings"

	"github.com/greenroomlive/greenroom/internal/core/fault"
)

func readBody(w http.ResponseWriter, r *http.Request) ([]byte, *fault.Error) {
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
	if _, large := errors.AsType[*http.MaxBytesError](err); large {
		return nil, fault.TooLarge.New("a callback has at most %d bytes", maxBody)
	}
	if err != nil {
		return nil, fault.InvalidArgument.Wrap(err, "the body could not be read")
	}
	return body, nil
}

// parseForm reads a form or a query. A semicolon is data here: nginx-rtmp appends the arguments
// of the stream's URL as they came.
func parseForm(s string) (url.Values, *fault.Error) {
	form, err := url.ParseQuery(strings.ReplaceAll(strings.TrimPrefix(s, "?"), ";", "%3B"))
	if err != nil {
		// The cause would quote the arguments, and with them the key.
		return nil, fault.InvalidArgument.New("the form or query is not well formed")
	}
	return form, nil
}

// parseJSON reads an object. Unknown fields pass: media servers add some with every release.
func parseJSON(body []byte, into any) *fault.Error {
	if json.Unmarshal(body, into) != nil {
		return fault.InvalidArgument.New("the body is not the JSON object that was expected")
	}
	return nil
}

// bounded refuses a missing identity and fields beyond any honest length.
func bounded(clientID string, rest ...string) *fault.Error {
	if clientID == "" {
		return fault.InvalidArgument.New("the callback names no client")
	}
	for _, s := range append(rest, clientID) {
		if len(s) > maxField {
			return fault.TooLarge.New("a field has %d bytes, at most %d", len(s), maxField)
		}
	}
	return nil
}

// address is s if it is an IP address; what else a server may put there is not kept.
func address(s string) string {
	if a, err := netip.ParseAddr(s); err == nil {
		return a.Unmap().WithZone("").String()
	}
	return ""
}

// writeFault answers with a status, for servers that look at it; the body is for people. The server
// around us has put the request id into the header.
func writeFault(w http.ResponseWriter, f *fault.Error, status int) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_, _ = w.Write(f.Envelope(w.Header().Get("X-Request-Id"))) // a caller that is gone is nobody to tell
}
