// Package console is the web page at the B side's address: a live board for everybody, and a room
// page from which signed-in staff and anchors run their rooms.
//
// Guarantees: every page works without script (dialogs become pages, boards stand still); with
// script they update by themselves within a tenth of a second of a change, but for what a search
// found: a list that moves under the finger is worse than one a minute old. Viewing is free and
// reads through Deps.Reader; a stream key, a key list or a client address is shown to a
// signed-in caller only, a key's secret once. Every action is a POST that the commands
// check again: the console decides nothing and stores nothing but sign-ins.
//
// Lifecycle: New parses what is embedded and starts nothing. An event stream lives as long as its
// request's context, so the server's BaseContext has to end when the server shuts down. Safe for
// concurrent use. Failure: a fault becomes a page, or a dialog, with its code and the request id;
// the text of an INTERNAL one stays in the log. A client too slow to take an event is cut.
//
// Never: script or style from elsewhere, inline script, a token in a cookie, an answer to a
// foreign origin or host.
package console

import (
	"context"
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/greenroomlive/greenroom/internal/door/auth"
	"github.com/greenroomlive/greenroom/internal/flow/command"
)

// Deps is what the console is given.
type Deps struct {
	Commands Commands
	// Control is nil where the process has not the role xroom-management: the page then has no such actions.
	Control Control
	// Audit is nil where Control is: there is no page of the audit log then.
	Audit    Audit
	Planning Planning
	// People and Rules are nil where Control is.
	People   People
	Rules    Rules
	Board    Board
	Audience Audience
	Desk     Desk
	Auth     Auth
	// Reader is the caller under which pages are read; it needs to see every room. Nothing is
	// ever written as Reader.
	Reader command.Caller
	// HLSBase is where streams can be played: a room's playlist is HLSBase/<room id>.m3u8. Empty: no player.
	HLSBase string
	// IngestURL is where encoders publish, without the stream name: rtmp://127.0.0.1:1935/live.
	IngestURL string
	// Hosts are the names (without port) the console answers to besides those of loopback.
	Hosts []string
	// Clock and Log have defaults.
	Clock func() time.Time
	Log   *slog.Logger
	// Traceparent names the running trace (W3C) for the commands; nil for none.
	Traceparent func(context.Context) string
}

// Console serves the pages.
type Console struct {
	Deps
	pages    *pages
	assets   *assets
	sessions *sessions
	streams  chan struct{} // one slot per open event stream
	policy   string
	routes   http.Handler
}

// maxStreams bounds the open event streams: each costs a few queries per change.
const maxStreams = 256

// New makes the console. The error says what is wrong with HLSBase.
func New(d Deps) (*Console, error) {
	if d.Clock == nil {
		d.Clock = time.Now
	}
	if d.Log == nil {
		d.Log = slog.Default()
	}
	hosts := make([]string, len(d.Hosts))
	for i, host := range d.Hosts {
		hosts[i] = strings.ToLower(host)
	}
	d.Hosts = hosts
	policy, err := contentPolicy(d.HLSBase)
	if err != nil {
		return nil, err
	}
	assets, err := loadAssets()
	if err != nil {
		return nil, err
	}
	pages, err := parsePages(assets)
	if err != nil {
		return nil, err
	}
	c := &Console{
		Deps: d, pages: pages, assets: assets, sessions: newSessions(d.Clock),
		streams: make(chan struct{}, maxStreams), policy: policy,
	}
	c.routes = c.guarded(c.mux())
	return c, nil
}

func (c *Console) ServeHTTP(w http.ResponseWriter, r *http.Request) { c.routes.ServeHTTP(w, r) }

// Every action is a pair: GET shows its form, as a dialog or as a page, POST does it.
func (c *Console) mux() http.Handler {
	m := http.NewServeMux()
	page := func(pattern string, h handler) { m.Handle(pattern, c.handle(h)) }

	page("GET /{$}", c.board)
	page("GET /rooms/{id}", c.room)
	page("GET /search", c.search)
	page("GET /audit", c.auditPage)
	page("GET /rooms/{id}/people", c.peoplePage)
	page("GET /console/board", c.boardStream)
	page("GET /console/rooms/{id}", c.roomStream)

	page("GET /console/sign-in", c.signInForm)
	page("POST /console/sign-in", c.signIn)
	page("POST /console/sign-out", c.signOut)

	for path, a := range c.actions() {
		page("GET "+path, c.form(a))
		page("POST "+path, c.do(a))
	}
	page("GET /console/static/{hash}/{name...}", c.assets.serve)
	page("GET /favicon.ico", func(w http.ResponseWriter, r *http.Request) error {
		http.Redirect(w, r, c.assets.url("favicon.svg"), http.StatusFound)
		return nil
	})
	page("/", func(http.ResponseWriter, *http.Request) error { return notFound() })
	return m
}

// playlist is where a room's stream can be played; empty without a player.
func (c *Console) playlist(id string) string {
	if c.HLSBase == "" {
		return ""
	}
	out, err := url.JoinPath(c.HLSBase, id+".m3u8")
	if err != nil { // New has parsed HLSBase
		return ""
	}
	return out
}

func (c *Console) meta(r *http.Request, caller command.Caller) command.Meta {
	m := command.Meta{Caller: caller, IdempotencyKey: r.PostFormValue("once"), CommandID: requestID(r.Context()), Door: "console", From: auth.Address(r)}
	if c.Traceparent != nil {
		m.Traceparent = c.Traceparent(r.Context())
	}
	return m
}

// reading is the Meta of everything that is only looked at.
func (c *Console) reading() command.Meta { return command.Meta{Caller: c.Reader} }
