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

// MediaMTX lists the paths of a MediaMTX 1 server (api: yes).
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
			ID string `json:"id"`
		} `json:"source"`
	} `json:"items"`
}

// Streams pages through the listing. A path without a source, or that is not ready, is not published.
func (m *MediaMTX) Streams(ctx context.Context) ([]command.Publishing, error) {
	var out []command.Publishing
	for page := range maxPages {
		var got mtxPaths
		query := url.Values{"page": {strconv.Itoa(page)}, "itemsPerPage": {strconv.Itoa(perPage)}}
		if err := m.api.get(ctx, "/v3/paths/list", query, &got); err != nil {
			return nil, err
		}
		for _, p := range got.Items {
			if (p.Ready || p.Available || p.Online) && p.Source != nil && p.Source.ID != "" {
				out = append(out, command.Publishing{Stream: path.Base(p.Name), Publisher: room.FromMediaMTX(p.Source.ID, "")})
			}
		}
		if page+1 >= got.PageCount {
			return out, nil
		}
	}
	return nil, errNoEnd
}
