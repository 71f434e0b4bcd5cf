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

// answer is what a request brought, whatever its status.
type answer struct {
	// asked is the request as errors show it: without a password.
	asked  string
	status int
	header http.Header
	body   []byte
}

// ask sends a request without a body.
func (a api) ask(ctx context.Context, method, path string, query url.Values) (answer, error) {
	u := a.base.JoinPath(path)
	u.RawQuery = query.Encode()
	got := answer{asked: method + " " + u.Redacted()}
	req, err := http.NewRequestWithContext(ctx, method, u.String(), nil)
	if err != nil {
		return got, fmt.Errorf("%s: %w", got.asked, err)
	}
	res, err := a.client.Do(req)
	if err != nil {
		return got, err // names the method and the redacted address
	}
	defer func() { _ = res.Body.Close() }() // read to its end or given up: nothing left to lose
	got.status, got.header = res.StatusCode, res.Header
	// What is longer is cut, and then is no whole document.
	if got.body, err = io.ReadAll(io.LimitReader(res.Body, maxAnswer)); err != nil {
		return got, fmt.Errorf("%s: %w", got.asked, err)
	}
	return got, nil
}

// ok is an error unless the request was granted.
func (r answer) ok() error {
	if r.status != http.StatusOK {
		return fmt.Errorf("%s: %d %s", r.asked, r.status, http.StatusText(r.status))
	}
	return nil
}

// get decodes the JSON that the path answers.
func (a api) get(ctx context.Context, path string, query url.Values, into any) error {
	got, err := a.ask(ctx, http.MethodGet, path, query)
	if err != nil {
		return err
	}
	return got.json(into)
}

// json decodes the body of a request that was granted.
func (r answer) json(into any) error {
	if err := r.ok(); err != nil {
		return err
	}
	if err := json.Unmarshal(r.body, into); err != nil {
		return fmt.Errorf("%s: %w", r.asked, err)
	}
	return nil
}
