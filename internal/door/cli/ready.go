package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"
)

// readyWithin bounds the question: a process that does not answer is not ready.
const readyWithin = 2 * time.Second

type readyCmd struct {
	URL string `arg:"" optional:"" default:"http://127.0.0.1:8002" help:"Address of the process: its admin address, or any other HTTP address it has."`
}

// Run asks /readyz, for the health checks of containers that hold nothing but this program.
func (c *readyCmd) Run(ctx context.Context, out io.Writer) error {
	ctx, cancel := context.WithTimeout(ctx, readyWithin)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, strings.TrimSuffix(c.URL, "/")+"/readyz", nil)
	if err != nil {
		return err
	}
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		return err
	}
	defer func() { _ = answer.Body.Close() }() // it is read
	text, err := io.ReadAll(io.LimitReader(answer.Body, 4<<10))
	if err != nil {
		return err
	}
	if answer.StatusCode != http.StatusOK {
		return errors.New("not ready: " + strings.TrimSpace(string(text)))
	}
	_, err = fmt.Fprintln(out, "ready")
	return err
}
