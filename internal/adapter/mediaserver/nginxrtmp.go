package mediaserver

import (
	"context"
	"encoding/xml"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"path"
	"strconv"
	"strings"

	"github.com/greenroomlive/greenroom/internal/core/ident"
	"github.com/greenroomlive/greenroom/internal/core/room"
	"github.com/greenroomlive/greenroom/internal/flow/command"
)

const (
	// nginxApp is the application that encoders publish to, and that asks Greenroom about them. What arrives in others
	// came from it, and holds no session of its own.
	nginxApp = "live"
	// nginxName is the header by which the server says its name, which is part of its clients' identity.
	nginxName = "X-Greenroom-Server"
)

var errNameless = errors.New("the answer has no header " + nginxName + ": see deploy/mediaserver/nginx-rtmp.conf")

// NginxRTMP lists and drops the streams of an nginx with its RTMP module, by that module's /stat and /control, as
// deploy/mediaserver/nginx-rtmp.conf opens them.
type NginxRTMP struct{ api api }

// NewNginxRTMP takes the base address of both, as in http://127.0.0.1:8089; a nil client is http.DefaultClient.
func NewNginxRTMP(base string, client *http.Client) (*NginxRTMP, error) {
	a, err := newAPI(base, client)
	return &NginxRTMP{a}, err
}

// Kind is room.NginxRTMP.
func (n *NginxRTMP) Kind() string { return room.NginxRTMP }

// nginxStat is GET /stat, as far as it matters here.
type nginxStat struct {
	XMLName      xml.Name `xml:"rtmp"`
	Applications []struct {
		Name    string        `xml:"name"`
		Streams []nginxStream `xml:"live>stream"`
	} `xml:"server>application"`
}

type nginxStream struct {
	Name    string `xml:"name"`
	Clients []struct {
		ID string `xml:"id"`
		// Address is where the client came from; of a relay, where it goes: host:port/app/name?args.
		Address    string    `xml:"address"`
		Publishing *struct{} `xml:"publishing"`
	} `xml:"client"`
}

// Streams reads the statistics, which come as one page. A stream that cannot be told whose it is, is not listed: its
// relay is being made again, and the next listing has it.
func (n *NginxRTMP) Streams(ctx context.Context) ([]Stream, error) {
	got, err := n.api.ask(ctx, http.MethodGet, "/stat", nil)
	if err != nil {
		return nil, err
	}
	if err := got.ok(); err != nil {
		return nil, err
	}
	server := got.header.Get(nginxName)
	if server == "" {
		return nil, fmt.Errorf("%s: %w", got.asked, errNameless)
	}
	var stat nginxStat
	if err := xml.Unmarshal(got.body, &stat); err != nil {
		return nil, fmt.Errorf("%s: %w", got.asked, err)
	}
	var out []Stream
	for _, app := range stat.Applications {
		if app.Name != nginxApp {
			continue
		}
		for _, s := range app.Streams {
			out = append(out, s.published(server)...)
		}
	}
	return out, nil
}

// published is the stream's publisher, if it has one and its room is known.
func (s nginxStream) published(server string) (out []Stream) {
	name := s.room()
	if name == "" {
		return nil
	}
	for _, c := range s.Clients {
		if c.Publishing != nil && c.ID != "" {
			p := command.Publishing{Stream: name, Publisher: room.FromNginxRTMP(server, c.ID, "")}
			out = append(out, Stream{Publishing: p, Handle: c.ID})
		}
	}
	return out
}

// room is the room's id or a key. Greenroom's redirect has given the stream a name of nginx's own making; the
// relay that it began beside it goes to the room's id.
func (s nginxStream) room() string {
	name := s.Name
	for _, c := range s.Clients {
		if _, to, relay := strings.Cut(c.Address, "/"); relay && c.Publishing == nil {
			to, _, _ = strings.Cut(to, "?")
			name = path.Base(to)
		}
	}
	if _, ok := ident.ParseRoomID(name); ok {
		return name
	}
	if _, ok := room.ParseKeyID(name); ok {
		return name
	}
	return ""
}

// Drop disconnects the publisher. It is named by its number, never by the stream, whose name may be a key.
func (n *NginxRTMP) Drop(ctx context.Context, s Stream) (bool, error) {
	query := url.Values{"app": {nginxApp}, "clientid": {s.Handle}}
	got, err := n.api.ask(ctx, http.MethodGet, "/control/drop/publisher", query)
	if err != nil {
		return false, err
	}
	if err := got.ok(); err != nil {
		return false, err
	}
	dropped, err := strconv.Atoi(strings.TrimSpace(string(got.body))) // it answers how many it found
	if err != nil {
		return false, fmt.Errorf("%s: %w", got.asked, err)
	}
	return dropped > 0, nil
}
