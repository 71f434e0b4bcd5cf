package mediaserver

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"strconv"

	"github.com/greenroomlive/greenroom/internal/core/room"
	"github.com/greenroomlive/greenroom/internal/flow/command"
)

// srsNoClient is the code by which SRS says that it has no such client, with status 200.
const srsNoClient = 2049

// SRS lists and drops the streams of an SRS server, 4 and later (http_api).
type SRS struct{ api api }

// NewSRS takes the base address of the API, as in http://127.0.0.1:1985; a nil client is http.DefaultClient.
func NewSRS(base string, client *http.Client) (*SRS, error) {
	a, err := newAPI(base, client)
	return &SRS{a}, err
}

// Kind is room.SRS.
func (s *SRS) Kind() string { return room.SRS }

// srsStreams is GET /api/v1/streams/, as far as it matters here.
type srsStreams struct {
	Code    int `json:"code"`
	Streams []struct {
		Name    string `json:"name"`
		Publish struct {
			Active bool   `json:"active"`
			CID    string `json:"cid"`
		} `json:"publish"`
	} `json:"streams"`
}

// Streams pages through the listing. SRS also lists streams that are only played, or were
// published a moment ago: those are not active.
func (s *SRS) Streams(ctx context.Context) ([]Stream, error) {
	var out []Stream
	for page := range maxPages {
		var got srsStreams
		query := url.Values{"start": {strconv.Itoa(page * perPage)}, "count": {strconv.Itoa(perPage)}}
		if err := s.api.get(ctx, "/api/v1/streams/", query, &got); err != nil {
			return nil, err
		}
		if got.Code != 0 {
			return nil, fmt.Errorf("GET /api/v1/streams/: code %d", got.Code)
		}
		for _, stream := range got.Streams {
			if stream.Publish.Active && stream.Publish.CID != "" {
				out = append(out, Stream{
					Publishing: command.Publishing{Stream: stream.Name, Publisher: room.FromSRS(stream.Publish.CID, "")},
					Handle:     stream.Publish.CID,
				})
			}
		}
		if len(got.Streams) < perPage {
			return out, nil
		}
	}
	return nil, errNoEnd
}

// Drop disconnects the client.
func (s *SRS) Drop(ctx context.Context, stream Stream) (bool, error) {
	got, err := s.api.ask(ctx, http.MethodDelete, "/api/v1/clients/"+url.PathEscape(stream.Handle), nil)
	if err != nil {
		return false, err
	}
	var said struct {
		Code int `json:"code"`
	}
	if err := got.json(&said); err != nil {
		return false, err
	}
	if said.Code != 0 && said.Code != srsNoClient {
		return false, fmt.Errorf("%s: code %d", got.asked, said.Code)
	}
	return said.Code == 0, nil
}
