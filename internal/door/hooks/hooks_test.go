package hooks_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"

	"go.uber.org/goleak"

	"github.com/greenroomlive/greenroom/internal/core/fault"
	"github.com/greenroomlive/greenroom/internal/core/ident"
	"github.com/greenroomlive/greenroom/internal/core/room"
	"github.com/greenroomlive/greenroom/internal/core/view"
	"github.com/greenroomlive/greenroom/internal/door/hooks"
	"github.com/greenroomlive/greenroom/internal/flow/command"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const key = "gr_2s_abcdefghijklmnopqrstuvwxyz234567"

// backstage answers the commands as a test says, and keeps what it was asked.
type backstage struct {
	live, renew, unpublish error
	room                   *room.Room

	asked string
	got   command.Publishing
	meta  command.Meta
}

func (b *backstage) note(what string, m command.Meta, p command.Publishing) {
	b.asked, b.meta, b.got = what, m, p
}

func (b *backstage) GoLive(_ context.Context, m command.Meta, p command.Publishing) (*room.Room, error) {
	b.note("GoLive", m, p)
	return b.room, b.live
}

func (b *backstage) Renew(_ context.Context, m command.Meta, p command.Publishing) (*room.Room, error) {
	b.note("Renew", m, p)
	return b.room, b.renew
}

func (b *backstage) Unpublish(_ context.Context, m command.Meta, p command.Publishing) (*room.Room, error) {
	b.note("Unpublish", m, p)
	return b.room, b.unpublish
}

// stage is the door with everything around it visible.
type stage struct {
	*backstage
	config  hooks.Config
	counted []string
	log     bytes.Buffer
	from    string
	header  http.Header
}

func newStage() *stage {
	s := &stage{backstage: &backstage{room: wentLive(42)}, from: "127.0.0.1:5555", header: http.Header{}}
	s.config = hooks.Config{
		Publishers: s.backstage,
		Log:        slog.New(slog.NewTextHandler(&s.log, &slog.HandlerOptions{Level: slog.LevelDebug})),
		Count: func(server, call, result string) {
			s.counted = append(s.counted, server+" "+call+" "+result)
		},
	}
	return s
}

func (s *stage) post(t *testing.T, path, body string) (int, string) {
	t.Helper()
	req := httptest.NewRequest(http.MethodPost, path, strings.NewReader(body))
	req.RemoteAddr, req.Header = s.from, s.header
	w := httptest.NewRecorder()
	hooks.New(s.config).ServeHTTP(w, req)
	answer, err := io.ReadAll(w.Body)
	if err != nil {
		t.Fatal(err)
	}
	if strings.Contains(s.log.String(), key) || strings.Contains(string(answer), key) {
		t.Fatalf("the stream key leaked: log %q, answer %q", s.log.String(), answer)
	}
	if len(s.counted) != 1 {
		t.Fatalf("counted %q, want exactly one", s.counted)
	}
	return w.Code, string(answer)
}

func (s *stage) mustCount(t *testing.T, want string) {
	t.Helper()
	if s.counted[0] != want {
		t.Fatalf("counted %q, want %q", s.counted[0], want)
	}
}

// wentLive is what the command returns for a publisher that began a session.
func wentLive(id ident.RoomID) *room.Room {
	r := &room.Room{ID: id, Anchor: 1, Title: "t", Version: 1}
	r.Loaded()
	_ = r.GoLive(room.By{}, room.Publisher{MediaServer: room.Manual}, 7, room.Terms{}) // an idle room takes anybody
	return r
}

// stillLive is what it returns for one that already holds the session.
func stillLive(id ident.RoomID) *room.Room {
	r := &room.Room{ID: id, Anchor: 1, Title: "t", Version: 2, Session: &room.Session{ID: 7, Status: view.Live}}
	r.Loaded()
	return r
}

func TestWhoMayCall(t *testing.T) {
	const body = "call=publish&name=42&clientid=1&key=" + key
	cases := []struct {
		name, from, query, header, secret string
		allow                             []netip.Prefix
		status                            int
	}{
		{name: "loopback, when nothing is configured", from: "127.0.0.1:1", status: 200},
		{name: "loopback over IPv6", from: "[::1]:1", status: 200},
		{name: "loopback as a mapped address", from: "[::ffff:127.0.0.1]:1", status: 200},
		{name: "a stranger", from: "192.0.2.1:1", status: 403},
		{name: "an address nobody can read", from: "@", status: 403},
		{name: "the secret in the query", from: "192.0.2.1:1", secret: "s3", query: "?secret=s3", status: 200},
		{name: "the secret in the header", from: "192.0.2.1:1", secret: "s3", header: "s3", status: 200},
		{name: "a wrong secret", from: "192.0.2.1:1", secret: "s3", header: "s4", status: 403},
		{name: "no secret", from: "192.0.2.1:1", secret: "s3", status: 403},
		{name: "with a secret, loopback alone is not enough", from: "127.0.0.1:1", secret: "s3", status: 403},
		{name: "an allowed network", from: "192.0.2.77:1", allow: []netip.Prefix{netip.MustParsePrefix("192.0.2.0/24")}, status: 200},
		{name: "a wrong secret from an allowed network", from: "127.0.0.1:1", secret: "s3", header: "s4", allow: hooks.Loopback(), status: 403},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			s := newStage()
			s.from, s.config.Secret, s.config.Allow = c.from, c.secret, c.allow
			if c.header != "" {
				s.header.Set("X-Greenroom-Hook-Secret", c.header)
			}
			if status, _ := s.post(t, "/hooks/nginx-rtmp"+c.query, body); status != c.status {
				t.Fatalf("answered %d, want %d", status, c.status)
			}
			if c.status == 403 {
				s.mustCount(t, "nginx-rtmp other PERMISSION_DENIED")
			}
			if (s.asked != "") != (c.status == 200) {
				t.Fatalf("command %q was run at status %d", s.asked, c.status)
			}
		})
	}
}

func TestOtherMethodsAreRefused(t *testing.T) {
	w := httptest.NewRecorder()
	hooks.New(newStage().config).ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/hooks/srs", nil))
	if w.Code != http.StatusMethodNotAllowed || w.Header().Get("Allow") == "" {
		t.Fatalf("GET answered %d, Allow %q", w.Code, w.Header().Get("Allow"))
	}
}

func TestABodyIsBounded(t *testing.T) {
	s := newStage()
	status, _ := s.post(t, "/hooks/nginx-rtmp", "call=publish&x="+strings.Repeat("x", 64<<10))
	if status != 413 || s.asked != "" {
		t.Fatalf("answered %d and asked %q", status, s.asked)
	}
	s.mustCount(t, "nginx-rtmp other TOO_LARGE")
}

func TestWhoSpeaksForOthersNeedsTheSecret(t *testing.T) {
	const body = "call=publish_done&name=42&clientid=1"
	for _, sign := range []string{"Origin", "Sec-Fetch-Site", "Forwarded", "X-Forwarded-For", "Via"} {
		s := newStage()
		s.header.Set(sign, "http://evil.example")
		if status, _ := s.post(t, "/hooks/nginx-rtmp", body); status != 403 || s.asked != "" {
			t.Errorf("%s from loopback: answered %d and asked %q", sign, status, s.asked)
		}
		s = newStage()
		s.config.Secret = "s3"
		s.header.Set(sign, "10.0.0.1")
		s.header.Set("X-Greenroom-Hook-Secret", "s3")
		if status, _ := s.post(t, "/hooks/nginx-rtmp", body); status != 200 {
			t.Errorf("%s with the secret: answered %d", sign, status)
		}
	}
}

func TestRefusalsHaveTheShapeOfEverythingElse(t *testing.T) {
	for _, c := range []struct {
		method, path string
		code         *fault.Code
	}{
		{"GET", "/hooks/srs", fault.MethodNotAllowed},
		{"POST", "/hooks/nothing", fault.NotFound},
		{"POST", "/hooks/mediamtx/ready", fault.PermissionDenied}, // from 192.0.2.1
	} {
		w := httptest.NewRecorder()
		w.Header().Set("X-Request-Id", "r1")
		hooks.New(newStage().config).ServeHTTP(w, httptest.NewRequest(c.method, c.path, nil))
		var got struct {
			Error struct {
				Code      string            `json:"code"`
				Details   map[string]string `json:"details"`
				RequestID string            `json:"request_id"`
			} `json:"error"`
		}
		if err := json.Unmarshal(w.Body.Bytes(), &got); err != nil || w.Code != c.code.HTTP {
			t.Fatalf("%s %s: answered %d %s", c.method, c.path, w.Code, w.Body)
		}
		if got.Error.Code != c.code.Name || got.Error.Details == nil || got.Error.RequestID != "r1" {
			t.Errorf("%s %s: %s", c.method, c.path, w.Body)
		}
	}
}

// The faults of ours that may pass by themselves.
var passing = []error{
	fault.StoreUnavailable.New("locked"), fault.DeadlineExceeded.New("late"), fault.Internal.New("odd"),
	fault.VersionConflict.New("raced"), errors.New("not even a fault"),
}
