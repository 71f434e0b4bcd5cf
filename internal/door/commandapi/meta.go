package commandapi

import (
	"context"
	"encoding/base64"
	"encoding/binary"
	"net/http"
	"strconv"
	"strings"

	"github.com/greenroomlive/greenroom/internal/core/fault"
	"github.com/greenroomlive/greenroom/internal/core/ident"
	"github.com/greenroomlive/greenroom/internal/flow/command"
)

// metaOf gathers what a command carries besides its fields.
func metaOf(ctx context.Context, h http.Header) (command.Meta, error) {
	x := exchangeOf(ctx)
	if len(h.Values("Idempotency-Key")) > 1 {
		return command.Meta{}, fault.InvalidArgument.New("Idempotency-Key: stands twice").With("field", "Idempotency-Key")
	}
	version, err := ifMatch(h.Values("If-Match"))
	return command.Meta{
		Caller: x.caller, IdempotencyKey: h.Get("Idempotency-Key"), IfMatch: version,
		CommandID: x.id, Traceparent: x.traceparent, Door: x.door(), From: x.from,
	}, err
}

// ifMatch reads If-Match: "17", or 17 bare as people type it; * and an absent header are 0, no
// condition. A list or a weak tag cannot name the one version a write is based on.
func ifMatch(values []string) (ident.Version, error) {
	if len(values) == 0 {
		return 0, nil
	}
	text := strings.TrimSpace(values[0])
	if len(values) == 1 && text == "*" {
		return 0, nil
	}
	if len(text) >= 2 && text[0] == '"' && text[len(text)-1] == '"' {
		text = text[1 : len(text)-1]
	}
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil || n <= 0 || len(values) != 1 || text[0] == '+' {
		return 0, fault.InvalidArgument.New(`If-Match: must be one version, as in "17"`).With("field", "If-Match")
	}
	return ident.Version(n), nil
}

const defaultPage = 50

// page reads the two fields every list has; after is the last id of the page before.
func page(size int32, token string) (limit int, after int64, err error) {
	limit = int(size)
	if limit == 0 {
		limit = defaultPage
	}
	if token == "" {
		return limit, 0, nil
	}
	raw, err := base64.RawURLEncoding.DecodeString(token)
	if err == nil && len(raw) == 8 {
		after = int64(binary.BigEndian.Uint64(raw))
	}
	if after <= 0 {
		return 0, 0, fault.InvalidArgument.New("page_token: not one that this list gave").With("field", "page_token")
	}
	return limit, after, nil
}

// cut takes one page off a list that was asked for one item more, and names the next.
func cut[T any](list []T, limit int, id func(T) int64) ([]T, string) {
	if len(list) <= limit {
		return list, ""
	}
	list = list[:limit]
	return list, pageToken(id(list[limit-1]))
}

// pageToken names the page behind the item last.
func pageToken(last int64) string {
	return base64.RawURLEncoding.EncodeToString(binary.BigEndian.AppendUint64(nil, uint64(last)))
}
