package mediaserver

import (
	"context"
	"net/http"
	"net/url"
	"path"
	"strconv"

	"github.com/greenroomlive/greenroom/internal/core/room"
	"github.com/greenroomlive/greenroom/internal/flow/command"
)

// kicks are the kinds of source that are publishers, and where the API drops them. What MediaMTX pulls by itself is
// none of them: no encoder asked Greenroom for it, and it cannot be dropped.
var kicks = map[string]string{
	"rtmpConn":      "rtmpconns",
	"rtmpsConn":     "rtmpsconns",
	"rtspSession":   "rtspsessions",
	"rtspsSession":  "rtspssessions",
	"srtConn":       "srtconns",
	"webRTCSession": "webrtcsessions",
}

// MediaMTX lists the paths, and drops the publishers, of a MediaMTX 1 server (api: yes).
type MediaMTX struct{ api api }

// NewMediaMTX takes the base address of the API, as in http://127.0.0.1:9997; a nil client is http.DefaultClient.
func NewMediaMTX(base string, client *http.Client) (*MediaMTX, error) {
	a, err := newAPI(base, client)
	return &MediaMTX{a}, err
}

// Kind is room.MediaMTX.
func (m *MediaMTX) Kind() string { return room.MediaMTX }

// mtxPaths is GET /v3/paths/list, as far as it matters here.
type mtxPaths struct {
	PageCount int `json:"pageCount"`
	Items     []struct {
		Name string `json:"name"`
		// Ready was split into Available and Online, and then deprecated: any of them means media flow.
		Ready     bool `json:"ready"`
		Available bool `json:"available"`
		Online    bool `json:"online"`
		Source    *struct {
			Type string `json:"type"`
			ID   string `json:"id"`
		} `json:"source"`
	} `json:"items"`
}

// Streams pages through the listing. A path without a source, or that is not ready, is not published.
func (m *MediaMTX) Streams(ctx context.Context) ([]Stream, error) {
	var out []Stream
	for page := range maxPages {
		var got mtxPaths
		query := url.Values{"page": {strconv.Itoa(page)}, "itemsPerPage": {strconv.Itoa(perPage)}}
		if err := m.api.get(ctx, "/v3/paths/list", query, &got); err != nil {
			return nil, err
		}
		for _, p := range got.Items {
			if (p.Ready || p.Available || p.Online) && p.Source != nil && p.Source.ID != "" {
				s := Stream{Publishing: command.Publishing{Stream: path.Base(p.Name), Publisher: room.FromMediaMTX(p.Source.ID, "")}}
				if kind := kicks[p.Source.Type]; kind != "" {
					s.Handle = kind + "/kick/" + url.PathEscape(p.Source.ID)
				}
				out = append(out, s)
			}
		}
		if page+1 >= got.PageCount {
			return out, nil
		}
	}
	return nil, errNoEnd
}

// Drop disconnects the publisher.
func (m *MediaMTX) Drop(ctx context.Context, s Stream) (bool, error) {
	got, err := m.api.ask(ctx, http.MethodPost, "/v3/"+s.Handle, nil)
	if err != nil || got.status == http.StatusNotFound {
		return false, err
	}
	err = got.ok()
	return err == nil, err
}
