package commandapi

import (
	"net/http"
	"net/url"
	"strings"

	"github.com/greenroomlive/greenroom/internal/core/fault"
)

// tidyQuery refuses what a route does not take from the query. vanguard takes any field of the
// message from there, even over the path's and the body's: /v1/rooms/1?id=2 would change room 2 while
// whoever guards paths before us saw room 1. Of a parameter that stands twice it would drop one.
func tidyQuery(r *http.Request) *fault.Error {
	if r.URL.RawQuery == "" {
		return nil
	}
	query, err := url.ParseQuery(r.URL.RawQuery)
	if err != nil {
		return fault.InvalidArgument.New("query: not well formed").With("field", "query")
	}
	for name, values := range query {
		if !takes(r.Method, name) {
			return malformed(name, "there is no such parameter")
		}
		if len(values) > 1 {
			return malformed(name, "stands twice")
		}
	}
	if mask, ok := query["update_mask"]; ok {
		if mask[0] == "" || strings.IndexFunc(mask[0], notInMask) >= 0 {
			return malformed("update_mask", "names fields, with commas between them")
		}
		query.Set("update_mask", camel(mask[0]))
		r.URL.RawQuery = query.Encode()
	}
	return nil
}

// takes knows every parameter of the protos; which route has which is vanguard's to check.
func takes(method, name string) bool {
	switch name {
	case "actor", "after", "all", "anchor_id", "command", "from", "kind", "limit", "open", "page_size", "page_token", "room", "since", "state", "to", "until":
		return method == http.MethodGet
	case "update_mask":
		return method == http.MethodPatch
	}
	return false
}

func notInMask(c rune) bool {
	return (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') && c != '_' && c != ',' && c != '.'
}

// camel turns area_id into areaId: protojson takes the paths of a field mask in no other form.
func camel(s string) string {
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if s[i] == '_' && i+1 < len(s) && s[i+1] >= 'a' && s[i+1] <= 'z' {
			i++
			b.WriteByte(s[i] - 'a' + 'A')
			continue
		}
		b.WriteByte(s[i])
	}
	return b.String()
}

// snake is the reverse of camel.
func snake(s string) string {
	var b strings.Builder
	for _, c := range s {
		if c >= 'A' && c <= 'Z' {
			b.WriteByte('_')
			c += 'a' - 'A'
		}
		b.WriteRune(c)
	}
	return b.String()
}
