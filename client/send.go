package greenroom

import (
	"context"
	"net/http"
	"net/url"
	"time"
)

const (
	// sendTime bounds a command at one address of several: the server allows itself five seconds.
	sendTime = 6 * time.Second
	// anyAddress stands in the requests until a sender has put the real one there.
	anyAddress = "http://greenroom"
)

type addressKey struct{}

// send makes attempts of a command. An attempt goes from an address that cannot be reached to the next at once;
// everything else waits, because all addresses lead to the same home.
func (p *pool) send(ctx context.Context, c *Client, do func(context.Context) *Error) error {
	all := uint64(1)<<len(p.nodes) - 1
	return c.retry(ctx, func() *Error {
		for tried := uint64(0); ; {
			i, began := p.next(tried), time.Now()
			tried |= 1 << i
			fault := p.sendTo(ctx, p.nodes[i], do)
			if ctx.Err() != nil {
				return fault // the caller went away, which says nothing of the address
			}
			if fault.verdict() != gone {
				p.answered(i)
				return fault
			}
			p.failed(i, time.Since(began))
			if tried == all || c.attempts == 1 {
				return fault
			}
		}
	})
}

func (p *pool) sendTo(ctx context.Context, n *node, do func(context.Context) *Error) *Error {
	if n.baseErr != nil {
		return &Error{Code: "INVALID_ARGUMENT", Message: n.baseErr.Error(), cause: n.baseErr}
	}
	within := attemptTime
	if len(p.nodes) > 1 {
		within = sendTime
	}
	at, cancel := context.WithTimeout(context.WithValue(ctx, addressKey{}, n.base), within)
	defer cancel()
	fault := do(at)
	if fault != nil && at.Err() != nil && ctx.Err() == nil {
		return unreachable(at.Err()) // not a slow home: that says so itself, before
	}
	return fault
}

// sender is connect's HTTP client: it sends a request to the address that its attempt has chosen.
type sender struct{ http *http.Client }

// Do is connect.HTTPClient.
func (s sender) Do(req *http.Request) (*http.Response, error) {
	if base, ok := req.Context().Value(addressKey{}).(*url.URL); ok {
		to := *base
		to.Path, to.RawQuery = base.Path+req.URL.Path, req.URL.RawQuery
		req.URL, req.Host = &to, ""
	}
	return s.http.Do(req) //nolint:gosec // the address is one that the program itself has named
}
