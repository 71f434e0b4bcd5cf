package proof

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"strconv"
	"time"
)

const (
	// spaceBytes holds the largest answer, a batch of 1,000 cards, so that it is looked at where it was read.
	spaceBytes = 2 << 20
	// answerWithin bounds the wait for one answer: longer is a node that hangs.
	answerWithin = 30 * time.Second
)

// answer is one answer over HTTP; body is valid until the next.
type answer struct {
	status, length  int
	version, tagged int64 // X-Room-Version and ETag; 0 when there is none
	age             time.Duration
	aged            bool // it says its age
	body            []byte
}

// conn is a keep-alive connection on which requests can be pipelined. net/http would cost the reader more than
// the node.
type conn struct {
	net.Conn
	host string
	in   *bufio.Reader
	out  []byte
}

func dial(ctx context.Context, addr string, space int) (*conn, error) {
	var d net.Dialer
	c, err := d.DialContext(ctx, "tcp", addr)
	if err != nil {
		return nil, err
	}
	return &conn{Conn: c, host: addr, in: bufio.NewReaderSize(c, space)}, nil
}

// ask adds a request for a target, with one more header when that is not empty.
func (c *conn) ask(target []byte, header string, value int64) {
	c.out = append(append(append(append(c.out, "GET "...), target...), " HTTP/1.1\r\nHost: "...), c.host...)
	switch header {
	case "":
	case ifNoneMatch:
		c.out = append(strconv.AppendInt(append(c.out, "\r\n"+ifNoneMatch+": \""...), value, 10), '"')
	default:
		c.out = strconv.AppendInt(append(append(append(c.out, "\r\n"...), header...), ": "...), value, 10)
	}
	c.out = append(c.out, "\r\n\r\n"...)
}

const (
	ifNoneMatch = "If-None-Match"
	minVersion  = "X-Room-Min-Version"
)

// send sends what was asked.
func (c *conn) send() error {
	if err := c.SetDeadline(time.Now().Add(answerWithin)); err != nil {
		return err
	}
	_, err := c.Write(c.out)
	c.out = c.out[:0]
	return err
}

var (
	headLength  = []byte("content-length")
	headVersion = []byte("x-room-version")
	headAge     = []byte("x-room-age-ms")
	headTag     = []byte("etag")
)

// read reads the next answer.
func (c *conn) read(a *answer) error {
	*a = answer{length: -1}
	line, err := c.in.ReadSlice('\n')
	if err != nil {
		return err
	}
	if len(line) < len("HTTP/1.1 200") {
		return fmt.Errorf("unreadable status %q", line)
	}
	a.status = int(number(line[9:12]))
	for {
		if line, err = c.in.ReadSlice('\n'); err != nil {
			return err
		}
		line = bytes.TrimRight(line, "\r\n")
		if len(line) == 0 {
			break
		}
		name, value, _ := bytes.Cut(line, []byte(": "))
		a.header(name, value)
	}
	if a.status == 304 {
		return nil
	}
	if a.length < 0 || a.length > c.in.Size() {
		return fmt.Errorf("an answer %d of %d bytes", a.status, a.length)
	}
	if a.body, err = c.in.Peek(a.length); err != nil {
		return err
	}
	_, err = c.in.Discard(a.length)
	return err
}

func (a *answer) header(name, value []byte) {
	switch len(name) {
	case len(headLength):
		switch {
		case bytes.EqualFold(name, headLength):
			a.length = int(number(value))
		case bytes.EqualFold(name, headVersion):
			a.version = number(value)
		}
	case len(headAge):
		if bytes.EqualFold(name, headAge) {
			ms, err := strconv.ParseInt(string(value), 10, 64)
			a.age, a.aged = time.Duration(ms)*time.Millisecond, err == nil
		}
	case len(headTag):
		if bytes.EqualFold(name, headTag) {
			a.tagged = number(bytes.Trim(value, `"`))
		}
	}
}

// over is nil when a run has ended, which closes connections under their readers.
func over(ctx context.Context, err error) error {
	if ctx.Err() != nil || errors.Is(err, context.Canceled) {
		return nil
	}
	return err
}
