package queryapi

import (
	"bytes"
	"math"
	"slices"

	"github.com/valyala/fasthttp"

	"github.com/greenroomlive/greenroom/internal/core/fault"
	"github.com/greenroomlive/greenroom/internal/core/ident"
)

// params refuses query parameters that are not among the allowed, and repeated ones: a reader who
// misspells a filter must not get the unfiltered list.
func params(ctx *fasthttp.RequestCtx, allowed ...string) error {
	var seen []string
	for key := range ctx.QueryArgs().All() {
		name := string(key)
		if !slices.Contains(allowed, name) {
			return invalid(name, "there is no parameter %q here", name)
		}
		if slices.Contains(seen, name) {
			return invalid(name, "parameter %q is given twice", name)
		}
		seen = append(seen, name)
	}
	return nil
}

// number reads a positive decimal number: digits only, so that what a client sends is what a log shows.
func number[T string | []byte](b T) (int64, bool) {
	if len(b) == 0 || len(b) > 19 {
		return 0, false
	}
	var n uint64 // 19 digits fit
	for i := range len(b) {
		c := b[i]
		if c < '0' || c > '9' {
			return 0, false
		}
		n = n*10 + uint64(c-'0')
	}
	return int64(n), n > 0 && n <= math.MaxInt64
}

// optional reads a number that may be absent or zero.
func optional(ctx *fasthttp.RequestCtx, name string) (int64, error) {
	b := ctx.QueryArgs().Peek(name)
	if len(b) == 0 || string(b) == "0" {
		return 0, nil
	}
	n, ok := number(b)
	if !ok {
		return 0, invalid(name, "%s is a number, not negative", name)
	}
	return n, nil
}

// roomIDs appends a comma-separated list of at most limit ids to ids; an absent one is empty.
func roomIDs(ctx *fasthttp.RequestCtx, name string, limit int, ids []ident.RoomID) ([]ident.RoomID, error) {
	b := ctx.QueryArgs().Peek(name)
	if len(b) == 0 {
		return ids, nil
	}
	if n := bytes.Count(b, []byte{','}) + 1; n > limit {
		return ids, fault.TooLarge.New("%d rooms in %s, at most %d", n, name, limit).With("field", name)
	}
	ids, ok := appendIDs(ids, b, limit)
	if !ok {
		return ids, invalid(name, "%s are room ids, positive numbers with commas between them", name)
	}
	return ids, nil
}

// appendIDs reads one to limit ids with commas between them.
func appendIDs(ids []ident.RoomID, b []byte, limit int) ([]ident.RoomID, bool) {
	for more := true; more; limit-- {
		var one []byte
		one, b, more = bytes.Cut(b, []byte{','})
		id, ok := number(one)
		if !ok || limit == 0 {
			return ids, false
		}
		ids = append(ids, ident.RoomID(id))
	}
	return ids, true
}

func invalid(field, format string, args ...any) error {
	return fault.InvalidArgument.New(format, args...).With("field", field)
}
