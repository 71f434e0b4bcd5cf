package hooks

import (
	"context"
	"net/http"
	"net/netip"
	"path"

	"github.com/greenroomlive/greenroom/internal/core/fault"
	"github.com/greenroomlive/greenroom/internal/core/ident"
	"github.com/greenroomlive/greenroom/internal/core/room"
	"github.com/greenroomlive/greenroom/internal/flow/command"
)

// mtxRequest is MediaMTX asking whether somebody may do something (authHTTPAddress).
type mtxRequest struct {
	action string
	ip     string
	command.Publishing
}

// mediaMTX answers by status: 20x allows, and 401 also asks a client that showed no credentials
// for some.
func (h *Hooks) mediaMTX(w http.ResponseWriter, r *http.Request) {
	body, ok := h.admit(w, r, room.MediaMTX)
	if !ok {
		return
	}
	q, f := decodeMediaMTX(body)
	switch {
	case f != nil:
		f = h.refused(room.MediaMTX, callOther, q.Publishing, f)
	case q.action == "publish":
		f = h.mediaMTXPublish(r, q)
	case q.action == "read" || q.action == "playback":
		h.count(room.MediaMTX, callRead, Ignored) // viewers are anonymous
	default:
		f = h.mediaMTXOperator(q)
	}
	if f != nil {
		status := f.Code.HTTP
		if status == http.StatusForbidden {
			status = http.StatusUnauthorized
		}
		writeFault(w, f, status)
	}
}

func (h *Hooks) mediaMTXPublish(r *http.Request, q mtxRequest) *fault.Error {
	if _, isRoom := ident.ParseRoomID(q.Stream); isRoom && q.Key == "" {
		// The usual first request of clients that wait to be asked; not worth a transaction.
		return h.refused(room.MediaMTX, callPublish, q.Publishing, fault.Unauthenticated.New("a publisher shows its stream key"))
	}
	_, f := h.publish(r.Context(), q.Publishing)
	return f
}

// mediaMTXOperator guards what is neither published nor read: api, metrics, pprof and whatever
// a later release adds are for the machine itself.
func (h *Hooks) mediaMTXOperator(q mtxRequest) *fault.Error {
	if a, err := netip.ParseAddr(q.ip); err == nil && a.Unmap().IsLoopback() {
		h.count(room.MediaMTX, callOther, Ignored)
		return nil
	}
	return h.refused(room.MediaMTX, callOther, command.Publishing{}, fault.PermissionDenied.New("this action is for the media server's own machine"))
}

// mediaMTXReady is the first sign of life of a stream that was allowed.
func (h *Hooks) mediaMTXReady(w http.ResponseWriter, r *http.Request) {
	h.mediaMTXReport(w, r, h.renew)
}

func (h *Hooks) mediaMTXNotReady(w http.ResponseWriter, r *http.Request) {
	h.mediaMTXReport(w, r, h.unpublish)
}

// mediaMTXReport answers for people only: MediaMTX does not read what its hooks print.
func (h *Hooks) mediaMTXReport(w http.ResponseWriter, r *http.Request, pass func(context.Context, command.Publishing) *fault.Error) {
	body, ok := h.admit(w, r, room.MediaMTX)
	if !ok {
		return
	}
	p, f := decodeMediaMTXReport(body)
	if f != nil {
		f = h.refused(room.MediaMTX, callOther, p, f)
	} else {
		f = pass(r.Context(), p)
	}
	if f != nil {
		writeFault(w, f, f.Code.HTTP)
	}
}

func decodeMediaMTX(body []byte) (mtxRequest, *fault.Error) {
	var in struct {
		User     string `json:"user"`
		Password string `json:"password"`
		Token    string `json:"token"`
		IP       string `json:"ip"`
		Action   string `json:"action"`
		Path     string `json:"path"`
		ID       string `json:"id"`
		Query    string `json:"query"`
	}
	if f := parseJSON(body, &in); f != nil {
		return mtxRequest{}, f
	}
	q := mtxRequest{action: in.Action, ip: in.IP}
	if in.Action != "publish" {
		return q, nil
	}
	query, f := parseForm(in.Query)
	if f != nil {
		return q, f
	}
	q.Stream = streamOf(in.Path)
	// RTMP has the query, WHIP a bearer token, SRT a password (streamid publish:<room>:<anyone>:<key>).
	for _, key := range []string{query.Get("key"), in.Token, in.Password} {
		if q.Key == "" {
			q.Key = key
		}
	}
	if f := bounded(in.ID, q.Stream, q.Key); f != nil {
		return q, f
	}
	q.Publisher = room.FromMediaMTX(in.ID, address(in.IP))
	return q, nil
}

// decodeMediaMTXReport reads what the hooks of deploy/mediaserver/mediamtx.yml post.
func decodeMediaMTXReport(body []byte) (command.Publishing, *fault.Error) {
	form, f := parseForm(string(body))
	if f != nil {
		return command.Publishing{}, f
	}
	p := command.Publishing{Stream: streamOf(form.Get("path"))}
	if f := bounded(form.Get("source_id"), p.Stream); f != nil {
		return p, f
	}
	p.Publisher = room.FromMediaMTX(form.Get("source_id"), "")
	return p, nil
}

// streamOf is the last part of a path: live/<room id>, or <room id> alone.
func streamOf(p string) string { return path.Base(path.Clean("/" + p)) }
