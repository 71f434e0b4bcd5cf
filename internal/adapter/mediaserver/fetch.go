package mediaserver

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
)

const (
	// maxAnswer bounds one page: a hundred streams at some kilobytes each, with room to spare.
	maxAnswer = 4 << 20
	// maxPages bounds a listing: a server that never says "last page" must not hold us for ever.
	maxPages = 1000
	perPage  = 100
)

var errNoEnd = errors.New("the listing does not end")

// api is where a media server answers.
type api struct {
	base   *url.URL
	client *http.Client
}

// newAPI checks the base address. It may hold a user and a password; errors do not show them.
func newAPI(base string, client *http.Client) (api, error) {
	u, err := url.Parse(strings.TrimSuffix(base, "/"))
	if err != nil || u.Host == "" || (u.Scheme != "http" && u.Scheme != "https") {
		return api{}, errors.New("the media server's API needs an http or https address")
	}
	if client == nil {
		client = http.DefaultClient
	}
	return api{base: u, client: client}, nil
}

// get decodes the JSON that the path answers.
func (a api) get(ctx context.Context, path string, query url.Values, into any) error {
	u := a.base.JoinPath(path)
	u.RawQuery = query.Encode()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, u.String(), nil)
	if err != nil {
		return fmt.Errorf("GET %s: %w", u.Redacted(), err)
	}
	res, err := a.client.Do(req)
	if err != nil {
		return err // names the method and the redacted address
	}
	defer func() { _ = res.Body.Close() }() // read to its end or given up: nothing left to lose
	if res.StatusCode != http.StatusOK {
		return fmt.Errorf("GET %s: %s", u.Redacted(), res.Status)
	}
	if err := json.NewDecoder(io.LimitReader(res.Body, maxAnswer)).Decode(into); err != nil {
		return fmt.Errorf("GET %s: %w", u.Redacted(), err)
	}
	return nil
}
