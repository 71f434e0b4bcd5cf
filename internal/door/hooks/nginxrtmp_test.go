package hooks_test

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/greenroomlive/greenroom/internal/core/fault"
	"github.com/greenroomlive/greenroom/internal/core/room"
	"github.com/greenroomlive/greenroom/internal/door/hooks"
	"github.com/greenroomlive/greenroom/internal/flow/command"
)

// What a Debian nginx with its RTMP module sends for ffmpeg, but for the key.
const fromNginx = "app=live&flashver=FMLE/3.0%20(compatible%3B%20Lavf59.27&swfurl=&tcurl=rtmp://127.0.0.1:1935/live" +
	"&pageurl=&addr=192.0.2.9&clientid=3&call=publish&name=42&type=live&key=" + key

func TestNginxRTMPPublish(t *testing.T) {
	cases := []struct {
		name   string
		err    error
		room   *room.Room
		status int
		result string
	}{
		{"a session begins", nil, wentLive(42), 200, "accepted"},
		{"the holder asks again", nil, stillLive(42), 200, "repeated"},
		{"a wrong key", fault.KeyRefused.New("no"), nil, 403, "KEY_REFUSED"},
		{"a second publisher", fault.AlreadyLive.New("no"), nil, 409, "ALREADY_LIVE"},
		{"the database is gone", fault.StoreUnavailable.New("no"), nil, 503, "STORE_UNAVAILABLE"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			s := newStage()
			s.live, s.room = c.err, c.room
			if status, _ := s.post(t, "/hooks/nginx-rtmp", fromNginx); status != c.status {
				t.Fatalf("answered %d, want %d", status, c.status)
			}
			s.mustCount(t, "nginx-rtmp publish "+c.result)
			want := command.Publishing{Stream: "42", Key: key, Publisher: room.Publisher{
				MediaServer: "nginx-rtmp", ClientID: "127.0.0.1/3", ClientIP: "192.0.2.9",
			}}
			if s.got != want || s.meta.Caller.Subject != "nginx-rtmp" || !s.meta.Caller.Has(command.ScopeService) {
				t.Fatalf("asked for %+v as %+v", s.got, s.meta.Caller)
			}
		})
	}
}

func TestNginxRTMPAKeyAsTheName(t *testing.T) {
	const body = "clientid=3&call=publish&name=" + key
	s := newStage()
	if status, _ := s.post(t, "/hooks/nginx-rtmp", body); status != 200 {
		t.Fatalf("answered %d, want 200", status)
	}
	if s.got.Stream != key || s.got.Key != "" {
		t.Fatalf("asked for %+v", s.got)
	}

	if _, to := s.posted(t, "/hooks/nginx-rtmp", body); to != "" {
		t.Fatalf("sent to %q without having been asked to", to)
	}
}

func TestNginxRTMPRelaysUnderTheRoomsID(t *testing.T) {
	for _, name := range []string{key, "42&key=" + key} {
		s := newStage()
		if status, to := s.posted(t, "/hooks/nginx-rtmp?relay=rtmp://127.0.0.1:1935/hls", "clientid=3&call=publish&name="+name); status != 302 || to != "rtmp://127.0.0.1:1935/hls/42?session=7" {
			t.Fatalf("answered %d to %q", status, to)
		}
		s.live = fault.KeyRefused.New("no")
		if status, to := s.posted(t, "/hooks/nginx-rtmp?relay=rtmp://127.0.0.1:1935/hls", "clientid=3&call=publish&name="+name); status != 403 || to != "" {
			t.Fatalf("a refusal answered %d to %q", status, to)
		}
	}
}

// posted answers status and Location.
func (s *stage) posted(t *testing.T, path, body string) (int, string) {
	t.Helper()
	r := httptest.NewRequest(http.MethodPost, path, strings.NewReader(body))
	r.RemoteAddr = s.from
	w := httptest.NewRecorder()
	hooks.New(s.config).ServeHTTP(w, r)
	return w.Code, w.Header().Get("Location")
}

func TestNginxRTMPAPublisherCannotReplaceFields(t *testing.T) {
	s := newStage()
	s.post(t, "/hooks/nginx-rtmp?server=edge-7", fromNginx+"&call=publish_done&name=1&clientid=9&addr=8.8.8.8&a=b;c")
	if s.asked != "GoLive" || s.got.Stream != "42" || s.got.Publisher.ClientID != "edge-7/3" || s.got.Publisher.ClientIP != "192.0.2.9" {
		t.Fatalf("%s was asked for %+v", s.asked, s.got)
	}
}

func TestNginxRTMPUpdate(t *testing.T) {
	const body = "addr=192.0.2.9&clientid=3&call=update_publish&time=4&timestamp=3900&name=42&key=" + key
	t.Run("renews", func(t *testing.T) {
		s := newStage()
		if status, _ := s.post(t, "/hooks/nginx-rtmp", body); status != 200 || s.asked != "Renew" {
			t.Fatalf("answered %d after %q", status, s.asked)
		}
		s.mustCount(t, "nginx-rtmp renew renewed")
	})
	t.Run("cuts a publisher that holds no session", func(t *testing.T) {
		for _, f := range []*fault.Error{fault.StaleSession.New("no"), fault.RoomNotFound.New("no")} {
			s := newStage()
			s.renew = f
			if status, _ := s.post(t, "/hooks/nginx-rtmp", body); status < 400 || status > 499 {
				t.Fatalf("%v answered %d, want 4xx", f, status)
			}
			s.mustCount(t, "nginx-rtmp renew "+f.Code.Name)
		}
	})
	t.Run("does not cut a stream for a fault of ours", func(t *testing.T) {
		for _, err := range passing {
			s := newStage()
			s.renew = err
			if status, _ := s.post(t, "/hooks/nginx-rtmp", body); status != 200 {
				t.Fatalf("%v answered %d, want 200", err, status)
			}
			s.mustCount(t, "nginx-rtmp renew unproven")
		}
	})
}

func TestNginxRTMPPublishDone(t *testing.T) {
	const body = "addr=192.0.2.9&clientid=3&call=publish_done&name=42&key=" + key
	cases := []struct {
		err    error
		status int
		result string
	}{
		{nil, 200, "interrupted"},
		{fault.StaleSession.New("an older one"), 200, "late"},
		{fault.RoomNotFound.New("gone"), 200, "late"},
		{fault.StoreUnavailable.New("locked"), 503, "STORE_UNAVAILABLE"},
	}
	for _, c := range cases {
		s := newStage()
		s.unpublish = c.err
		if status, _ := s.post(t, "/hooks/nginx-rtmp", body); status != c.status || s.asked != "Unpublish" {
			t.Fatalf("%v answered %d after %q, want %d", c.err, status, s.asked, c.status)
		}
		s.mustCount(t, "nginx-rtmp unpublish "+c.result)
	}
}

func TestNginxRTMPOtherCallsAreAllowed(t *testing.T) {
	for _, call := range []string{"play", "play_done", "update_play", "done", "record_done", "connect", "of_tomorrow", ""} {
		s := newStage()
		if status, _ := s.post(t, "/hooks/nginx-rtmp", "call="+call+"&name=42&clientid=1"); status != 200 || s.asked != "" {
			t.Fatalf("%q answered %d and asked %q", call, status, s.asked)
		}
		s.mustCount(t, "nginx-rtmp other ignored")
	}
}

func TestNginxRTMPBadInput(t *testing.T) {
	cases := map[string]string{
		"no client id":          "call=publish&name=42&key=" + key,
		"arguments not escaped": fromNginx + "&x=100%",
		"a name beyond bounds":  "call=publish&clientid=1&name=" + strings.Repeat("9", 257),
		"a server beyond them":  "", // filled in by the path below
	}
	for name, body := range cases {
		t.Run(name, func(t *testing.T) {
			s, path := newStage(), "/hooks/nginx-rtmp"
			if body == "" {
				path, body = path+"?server="+strings.Repeat("s", 300), fromNginx
			}
			if status, _ := s.post(t, path, body); status < 400 || status > 499 || s.asked != "" {
				t.Fatalf("answered %d and asked %q, want a refusal", status, s.asked)
			}
		})
	}
}
