package greenroom

import (
	"context"
	"crypto/rand"
	mathrand "math/rand/v2"
	"net/http"
	"strconv"
	"time"

	"connectrpc.com/connect"
)

// CallOption adds to one command.
type CallOption func(http.Header)

// IfMatch makes the command happen only while the room is at this version; VERSION_CONFLICT otherwise.
func IfMatch(version int64) CallOption {
	return func(h http.Header) { h.Set("If-Match", `"`+strconv.FormatInt(version, 10)+`"`) }
}

// IdempotencyKey names the command, at most 255 bytes: for 24 hours the same command under the
// same key gives the first answer again, even from another process. Without it each call makes its own.
func IdempotencyKey(key string) CallOption {
	return func(h http.Header) { h.Set("Idempotency-Key", key) }
}

// write sends a command: as often as needed, under one Idempotency-Key.
func write[Q, A any](ctx context.Context, c *Client, do func(context.Context, *connect.Request[Q]) (*connect.Response[A], error), msg *Q, options []CallOption) (*A, error) {
	// The key is made before the first attempt, so that all attempts are the same command.
	return call(ctx, c, do, msg, append([]CallOption{IdempotencyKey(rand.Text())}, options...))
}

func call[Q, A any](ctx context.Context, c *Client, do func(context.Context, *connect.Request[Q]) (*connect.Response[A], error), msg *Q, options []CallOption) (*A, error) {
	var answer *A
	err := c.command.send(ctx, c, func(ctx context.Context) *Error {
		req := connect.NewRequest(msg)
		if c.token != "" {
			req.Header().Set("Authorization", "Bearer "+c.token)
		}
		for _, o := range options {
			o(req.Header())
		}
		resp, err := do(ctx, req)
		if err != nil {
			return ofConnect(err)
		}
		answer = resp.Msg
		return nil
	})
	if m, ok := any(answer).(interface{ GetRoom() *Room }); ok && err == nil {
		c.memory.met(m.GetRoom())
	}
	return answer, err
}

// retry tries once more after a fault that passes by itself. The last fault is returned, not the
// context's error: it says more.
func (c *Client) retry(ctx context.Context, try func() *Error) error {
	for n := 1; ; n++ {
		fault := try()
		if fault == nil {
			return nil
		}
		if !fault.passing || n >= c.attempts || !c.wait(ctx, n, fault.wait) {
			return fault
		}
	}
}

// wait sleeps before the retry after n attempts, at least the given time; false when ctx ends first.
func (c *Client) wait(ctx context.Context, n int, least time.Duration) bool {
	longest := min(c.backoff<<min(n-1, 20), c.backoffMax)
	t := time.NewTimer(least + mathrand.N(max(longest, 1)))
	defer t.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-t.C:
		return true
	}
}
