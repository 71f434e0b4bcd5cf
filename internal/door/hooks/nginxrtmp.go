package hooks

import (
	"net/http"
	"net/netip"
	"strings"

	"github.com/greenroomlive/greenroom/internal/core/fault"
	"github.com/greenroomlive/greenroom/internal/core/room"
	"github.com/greenroomlive/greenroom/internal/flow/command"
)

// nginxCallback is a callback of nginx-rtmp: on_publish, on_publish_done, on_update.
type nginxCallback struct {
	call string
	command.Publishing
}

// nginxRTMP answers by status: 2xx allows, 302 to an rtmp:// address allows and relays the stream
// there, anything else drops the connection. Calls about players, and those of later releases, are
// allowed.
func (h *Hooks) nginxRTMP(w http.ResponseWriter, r *http.Request) {
	body, ok := h.admit(w, r, room.NginxRTMP)
	if !ok {
		return
	}
	c, f := decodeNginxRTMP(body, instance(r))
	switch {
	case f != nil:
		f = h.refused(room.NginxRTMP, c.call, c.Publishing, f)
	case c.call == callPublish:
		var live *room.Room
		if live, f = h.publish(r.Context(), c.Publishing); f == nil {
			allowNginxRTMP(w, r, live)
		}
	case c.call == callRenew:
		f = h.renew(r.Context(), c.Publishing)
	case c.call == callUnpublish:
		f = h.unpublish(r.Context(), c.Publishing)
	default:
		h.count(room.NginxRTMP, callOther, Ignored)
	}
	if f != nil {
		writeFault(w, f, f.Code.HTTP)
	}
}

// allowNginxRTMP says yes, and where the server's configuration asks for it (?relay=rtmp://…), where
// the stream goes on: under the room's id, whatever name it was published under. A key in place of
// the name would else name the HLS files. The session makes the address one of its own: the server
// derives the stream's local name from it, and would refuse who takes over under a name in use.
func allowNginxRTMP(w http.ResponseWriter, r *http.Request, live *room.Room) {
	to := r.URL.Query().Get("relay")
	if live.Session == nil || !strings.HasPrefix(to, "rtmp://") {
		return
	}
	w.Header().Set("Location", strings.TrimSuffix(to, "/")+"/"+live.ID.String()+"?session="+live.Session.ID.String())
	w.WriteHeader(http.StatusFound)
}

// decodeNginxRTMP reads the form. Its own fields come first and the arguments of the stream's URL
// last; of a field that stands twice the first counts, so a publisher cannot replace any.
func decodeNginxRTMP(body []byte, server string) (nginxCallback, *fault.Error) {
	c := nginxCallback{call: callOther}
	form, f := parseForm(string(body))
	if f != nil {
		return c, f
	}
	switch form.Get("call") {
	case "publish":
		c.call = callPublish
	case "update_publish":
		c.call = callRenew
	case "publish_done":
		c.call = callUnpublish
	default:
		return c, nil
	}
	c.Stream, c.Key = form.Get("name"), form.Get("key")
	if f := bounded(form.Get("clientid"), c.Stream, c.Key, server); f != nil {
		return c, f
	}
	c.Publisher = room.FromNginxRTMP(server, form.Get("clientid"), address(form.Get("addr")))
	return c, nil
}

// instance names the media server that calls: as its configuration says (?server=), or its address.
func instance(r *http.Request) string {
	if name := r.URL.Query().Get("server"); name != "" {
		return name
	}
	from, err := netip.ParseAddrPort(r.RemoteAddr)
	if err != nil {
		return r.RemoteAddr
	}
	return from.Addr().Unmap().String()
}
