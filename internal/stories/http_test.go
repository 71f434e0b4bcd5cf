package stories

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	nethttp "net/http"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/rogpeppe/go-internal/testscript"
)

// http sends one request and prints status, headers and body; with ! it must be refused.
//
//	http [-n LINES] [-H 'Name: value']... METHOD URL [BODY]
//
// Calls of the B side's API carry the script's token, unless a header says otherwise. A body that begins
// with { is JSON, any other a form. -n stops after so many lines of the body: for feeds, which do not end.
func http(ts *testscript.TestScript, neg bool, args []string) {
	r, err := parseRequest(args)
	ts.Check(err)
	ctx, cancel := context.WithTimeout(context.Background(), deadline)
	defer cancel()
	status, text, err := r.send(ctx)
	_, _ = ts.Stdout().Write(text)
	ts.Check(err)
	if refused := status >= nethttp.StatusBadRequest; refused != neg {
		ts.Fatalf("http: status %d", status)
	}
}

type request struct {
	method, url, body string
	header            nethttp.Header
	lines             int
}

func parseRequest(args []string) (request, error) {
	r := request{header: nethttp.Header{}}
	for len(args) > 1 && strings.HasPrefix(args[0], "-") {
		switch args[0] {
		case "-H":
			name, value, found := strings.Cut(args[1], ":")
			if !found {
				return r, fmt.Errorf("http: %q is no header", args[1])
			}
			r.header.Set(name, strings.TrimSpace(value))
		case "-n":
			var err error
			if r.lines, err = strconv.Atoi(args[1]); err != nil {
				return r, fmt.Errorf("http: -n: %w", err)
			}
		default:
			return r, fmt.Errorf("http: no flag %s", args[0])
		}
		args = args[2:]
	}
	if len(args) != 2 && len(args) != 3 {
		return r, errors.New("usage: http [-n LINES] [-H 'Name: value']... METHOD URL [BODY]")
	}
	r.method, r.url = args[0], args[1]
	if len(args) == 3 {
		r.body = args[2]
	}
	return r, nil
}

// send returns the status and the whole answer as text, headers sorted.
func (r request) send(ctx context.Context) (int, []byte, error) {
	req, err := nethttp.NewRequestWithContext(ctx, r.method, r.url, strings.NewReader(r.body))
	if err != nil {
		return 0, nil, err
	}
	req.Header = r.header.Clone()
	if req.Header.Get("Authorization") == "" && strings.HasPrefix(req.URL.Path, "/v1/") {
		req.Header.Set("Authorization", "Bearer "+token)
	}
	switch {
	case strings.HasPrefix(r.body, "{"):
		req.Header.Set("Content-Type", "application/json")
	case r.body != "":
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	client := nethttp.Client{
		Transport:     &nethttp.Transport{DisableKeepAlives: true},
		CheckRedirect: func(*nethttp.Request, []*nethttp.Request) error { return nethttp.ErrUseLastResponse },
	}
	res, err := client.Do(req)
	if err != nil {
		return 0, nil, err
	}
	defer func() { _ = res.Body.Close() }() // a feed is left in the middle
	var head []string
	for name, values := range res.Header {
		head = append(head, name+": "+strings.Join(values, ", "))
	}
	slices.Sort(head)
	text := fmt.Appendf(nil, "%s\n%s\n\n", res.Status, strings.Join(head, "\n"))
	read := func() ([]byte, error) { return io.ReadAll(res.Body) }
	if r.lines > 0 {
		read = func() ([]byte, error) { return readLines(res.Body, r.lines) }
	}
	body, err := read()
	return res.StatusCode, append(text, body...), err
}

// readLines reads n lines; io.ErrUnexpectedEOF when there are fewer.
func readLines(r io.Reader, n int) ([]byte, error) {
	var out bytes.Buffer
	in := bufio.NewReader(r)
	for range n {
		line, err := in.ReadBytes('\n')
		out.Write(line)
		if errors.Is(err, io.EOF) {
			return out.Bytes(), io.ErrUnexpectedEOF
		}
		if err != nil {
			return out.Bytes(), err
		}
	}
	return out.Bytes(), nil
}

func compile(ts *testscript.TestScript, pattern string) *regexp.Regexp {
	re, err := regexp.Compile("(?m)" + pattern)
	ts.Check(err)
	return re
}
