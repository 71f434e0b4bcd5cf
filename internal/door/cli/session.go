package cli

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"
	"unicode"

	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	greenroom "github.com/greenroomlive/greenroom/client"
	"github.com/greenroomlive/greenroom/internal/door/auth"
)

// session is what a command that talks to a server works with.
type session struct {
	*greenroom.Client

	out  io.Writer
	json bool
}

// newSession is asked for by the commands that need one: 'explain' must work where no server runs.
func newSession(g *Globals, out io.Writer) (*session, error) {
	token := g.Token
	if token == "" {
		var err error
		if token, err = auth.LoadOpsToken(g.Data); err != nil {
			return nil, err
		}
	}
	c := greenroom.New(greenroom.CommandURL(g.CommandURL), greenroom.QueryURL(g.QueryURL), greenroom.Token(token))
	return &session{Client: c, out: out, json: g.JSON}, nil
}

// message prints one message as one line of JSON.
func (s *session) message(m proto.Message) error {
	text, err := protojson.MarshalOptions{UseProtoNames: true, EmitUnpopulated: true}.Marshal(m)
	if err != nil {
		return err
	}
	var line bytes.Buffer
	if err := json.Compact(&line, text); err != nil { // protojson varies its white space
		return err
	}
	line.WriteByte('\n')
	_, err = line.WriteTo(s.out)
	return err
}

// line prints one thing, for scripts.
func (s *session) line(text string) error {
	_, err := fmt.Fprintln(s.out, text)
	return err
}

// list prints messages as lines of JSON, or as a table; none: says so.
func list[M proto.Message](s *session, all []M, none, head string, row func(M) []string) error {
	if s.json {
		for _, m := range all {
			if err := s.message(m); err != nil {
				return err
			}
		}
		return nil
	}
	if len(all) == 0 {
		_, err := fmt.Fprintln(s.out, none)
		return err
	}
	t := tabwriter.NewWriter(s.out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, strings.ReplaceAll(head, " ", "\t"))
	for _, m := range all {
		cells := row(m)
		for i := range cells {
			cells[i] = plain(cells[i])
		}
		fmt.Fprintln(t, strings.Join(cells, "\t"))
	}
	return t.Flush()
}

// pages reads all pages of a list, at most limit items.
func pages[M any](limit int, next func(token string) ([]M, string, error)) ([]M, error) {
	var all []M
	for token := ""; ; {
		some, after, err := next(token)
		if err != nil {
			return nil, err
		}
		all = append(all, some...)
		if token = after; token == "" || len(all) >= limit {
			return all[:min(len(all), limit)], nil
		}
	}
}

// facts prints names and values, one a line.
func (s *session) facts(pairs ...string) error {
	t := tabwriter.NewWriter(s.out, 0, 0, 2, ' ', 0)
	for i := 0; i+1 < len(pairs); i += 2 {
		fmt.Fprintf(t, "%s\t%s\n", pairs[i], plain(pairs[i+1]))
	}
	return t.Flush()
}

// plain keeps other people's titles from moving the cursor or the columns.
func plain(text string) string {
	return strings.Map(func(c rune) rune {
		if unicode.IsControl(c) {
			return '\uFFFD'
		}
		return c
	}, text)
}

// dash stands for what is not there.
const dash = "-"

func num[N ~int64 | ~int32](n N) string { return strconv.FormatInt(int64(n), 10) }

func orDash(text string) string {
	if text == "" || text == "0" {
		return dash
	}
	return text
}

// at shows a time in the reader's zone.
func at(t *timestamppb.Timestamp) string {
	if t == nil {
		return dash
	}
	return t.AsTime().Local().Format(time.DateTime)
}
