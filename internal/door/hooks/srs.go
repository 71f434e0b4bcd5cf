package hooks

import (
	"encoding/json"
	"net/http"
	"strconv"

	"github.com/greenroomlive/greenroom/internal/core/fault"
	"github.com/greenroomlive/greenroom/internal/core/room"
	"github.com/greenroomlive/greenroom/internal/flow/command"
)

// srsCallback is a callback of SRS: on_publish, on_unpublish.
type srsCallback struct {
	call string
	command.Publishing
}

// srs answers 200 always: a body of 0 allows, an object with another code refuses and lets SRS
// log why.
func (h *Hooks) srs(w http.ResponseWriter, r *http.Request) {
	body, ok := h.admit(w, r, room.SRS)
	if !ok {
		return
	}
	c, f := decodeSRS(body)
	switch {
	case f != nil:
		f = h.refused(room.SRS, c.call, c.Publishing, f)
	case c.call == callPublish:
		_, f = h.publish(r.Context(), c.Publishing)
	case c.call == callUnpublish:
		f = h.unpublish(r.Context(), c.Publishing)
	default:
		h.count(room.SRS, callOther, Ignored)
	}
	writeSRS(w, f)
}

func decodeSRS(body []byte) (srsCallback, *fault.Error) {
	c := srsCallback{call: callOther}
	var in struct {
		Action   string          `json:"action"`
		ClientID json.RawMessage `json:"client_id"`
		IP       string          `json:"ip"`
		Stream   string          `json:"stream"`
		Param    string          `json:"param"`
	}
	if f := parseJSON(body, &in); f != nil {
		return c, f
	}
	switch in.Action {
	case "on_publish":
		c.call = callPublish
	case "on_unpublish":
		c.call = callUnpublish
	default:
		return c, nil
	}
	params, f := parseForm(in.Param)
	if f != nil {
		return c, f
	}
	c.Stream, c.Key = in.Stream, params.Get("key")
	id := srsClientID(in.ClientID)
	if f := bounded(id, c.Stream, c.Key); f != nil {
		return c, f
	}
	c.Publisher = room.FromSRS(id, address(in.IP))
	return c, nil
}

// srsClientID reads an id that is a string since SRS 4 and was a number before; empty for anything else.
func srsClientID(raw json.RawMessage) string {
	var id string
	if json.Unmarshal(raw, &id) == nil {
		return id
	}
	var n int64
	if json.Unmarshal(raw, &n) != nil {
		return ""
	}
	return strconv.FormatInt(n, 10)
}

func writeSRS(w http.ResponseWriter, f *fault.Error) {
	w.Header().Set("Content-Type", "application/json")
	body := []byte("0")
	if f != nil {
		var err error
		if body, err = json.Marshal(map[string]any{"code": f.Code.HTTP, "msg": f.Code.Name + ": " + f.Message}); err != nil {
			body = []byte("1") // strings always marshal; any other code refuses
		}
	}
	_, _ = w.Write(body) // a caller that is gone is nobody to tell
}
