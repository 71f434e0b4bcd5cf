package commandapi

import (
	"context"
	"fmt"
	"hash/fnv"
	"net/http"
	"strconv"

	"github.com/greenroomlive/greenroom/internal/core/fault"
	"github.com/greenroomlive/greenroom/internal/core/ident"
	"github.com/greenroomlive/greenroom/internal/flow/calendar"
)

// ical serves an anchor's planned broadcasts to calendars, whoever asks: what is planned is made to be known, and who
// subscribes to a calendar has no token. It counts among the calls in flight, so a crowd of calendars cannot take the
// door from the commands.
func (d *Door) ical(w http.ResponseWriter, r *http.Request) {
	x := exchangeOf(r.Context())
	defer d.inFlight.Add(-1)
	if d.inFlight.Add(1) > int64(d.InFlight) {
		writeFault(w, x, fault.Overloaded.New("%d commands are in flight, as many as this door takes", d.InFlight))
		return
	}
	ctx, cancel := context.WithTimeout(r.Context(), d.Deadline)
	defer cancel()
	body, err := d.calendarOf(ctx, r.PathValue("uid"))
	if err != nil {
		f := faultOf(err)
		if f.Code.HTTP >= 500 && f.Code != fault.DeadlineExceeded {
			d.Log.ErrorContext(ctx, "commandapi: calendar failed", "request_id", x.id, "code", f.Code.Name, "error", err)
		}
		writeFault(w, x, f)
		return
	}
	sum := fnv.New64a()
	_, _ = sum.Write(body) // never fails
	etag := fmt.Sprintf(`"%016x"`, sum.Sum64())
	h := w.Header()
	h.Set("ETag", etag)
	h.Set("Cache-Control", "public, max-age=300")
	h.Set("X-Content-Type-Options", "nosniff")
	if r.Header.Get("If-None-Match") == etag {
		w.WriteHeader(http.StatusNotModified)
		return
	}
	h.Set("Content-Type", "text/calendar; charset=utf-8")
	_, _ = w.Write(body) // who went away needs no answer
}

func (d *Door) calendarOf(ctx context.Context, uid string) ([]byte, error) {
	n, err := strconv.ParseInt(uid, 10, 64)
	if err != nil || n <= 0 {
		return nil, fault.InvalidArgument.New("uid: not an anchor's id").With("field", "uid")
	}
	list, err := d.Planning.Export(ctx, ident.AnchorID(n))
	if err != nil {
		return nil, err
	}
	entries := make([]calendar.Entry, len(list))
	for i, e := range list {
		entries[i] = calendar.Entry{Occurrence: e.Occurrence, ChangedAt: e.ChangedAt, Changes: e.Changes}
	}
	return calendar.AppendICal(nil, "Planned by "+uid, entries), nil
}
