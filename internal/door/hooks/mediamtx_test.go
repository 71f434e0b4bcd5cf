package hooks_test

import (
	"strings"
	"testing"

	"github.com/greenroomlive/greenroom/internal/core/fault"
)

const uuid = "b4f3c1a2-7c38-4f0e-9d5e-111122223333"

// mtx is a request as MediaMTX 1 sends it.
func mtx(action, path, query, token, password string) string {
	return `{"user":"","password":"` + password + `","token":"` + token + `","ip":"192.0.2.9","action":"` + action +
		`","path":"` + path + `","protocol":"rtmp","id":"` + uuid + `","query":"` + query + `","userAgent":"OBS"}`
}

func TestMediaMTXPublish(t *testing.T) {
	cases := []struct{ name, body, stream, key string }{
		{"key in the query", mtx("publish", "live/42", "key="+key, "", ""), "42", key},
		{"no application in the path", mtx("publish", "42", "key="+key, "", ""), "42", key},
		{"key as bearer token", mtx("publish", "live/42", "", key, ""), "42", key},
		{"key as password", mtx("publish", "live/42", "", "", key), "42", key},
		{"key in place of the name", mtx("publish", "live/"+key, "", "", ""), key, ""},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			s := newStage()
			if status, body := s.post(t, "/hooks/mediamtx", c.body); status != 200 {
				t.Fatalf("answered %d %s", status, body)
			}
			s.mustCount(t, "mediamtx publish accepted")
			if s.got.Stream != c.stream || s.got.Key != c.key || s.got.Publisher.ClientID != uuid || s.got.Publisher.ClientIP != "192.0.2.9" {
				t.Fatalf("asked for %+v", s.got)
			}
		})
	}
}

func TestMediaMTXRefusals(t *testing.T) {
	good := mtx("publish", "live/42", "key="+key, "", "")
	cases := []struct {
		name, body string
		err        error
		status     int
		counted    string
	}{
		{"wrong key", good, fault.KeyRefused.New("no"), 401, "publish KEY_REFUSED"},
		{"second publisher", good, fault.AlreadyLive.New("no"), 409, "publish ALREADY_LIVE"},
		{"the database is gone", good, fault.StoreUnavailable.New("no"), 503, "publish STORE_UNAVAILABLE"},
		{"no credentials yet", mtx("publish", "live/42", "", "", ""), nil, 401, "publish UNAUTHENTICATED"},
		{"the API from outside", mtx("api", "", "", "", ""), nil, 401, "other PERMISSION_DENIED"},
		{"an action of tomorrow from outside", mtx("reboot", "", "", "", ""), nil, 401, "other PERMISSION_DENIED"},
		{"no JSON", "action=publish", nil, 400, "other INVALID_ARGUMENT"},
		{"no id", strings.Replace(good, uuid, "", 1), nil, 400, "other INVALID_ARGUMENT"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			s := newStage()
			s.live = c.err
			if status, _ := s.post(t, "/hooks/mediamtx", c.body); status != c.status {
				t.Fatalf("answered %d, want %d", status, c.status)
			}
			s.mustCount(t, "mediamtx "+c.counted)
			if (c.err != nil) != (s.asked != "") {
				t.Fatalf("asked %q", s.asked)
			}
		})
	}
}

func TestMediaMTXWhatNeedsNoKey(t *testing.T) {
	api := strings.Replace(mtx("metrics", "", "", "", ""), "192.0.2.9", "::1", 1)
	for body, counted := range map[string]string{
		mtx("read", "live/42", "", "", ""):     "read ignored",
		mtx("playback", "live/42", "", "", ""): "read ignored",
		api:                                    "other ignored",
	} {
		s := newStage()
		if status, _ := s.post(t, "/hooks/mediamtx", body); status != 200 || s.asked != "" {
			t.Fatalf("%s answered %d and asked %q", body, status, s.asked)
		}
		s.mustCount(t, "mediamtx "+counted)
	}
}

func TestMediaMTXReadyAndNotReady(t *testing.T) {
	const body = "path=live%2F42&source_id=" + uuid
	cases := []struct {
		path, body       string
		renew, unpublish error
		status           int
		asked, counted   string
	}{
		{"ready", body, nil, nil, 200, "Renew", "renew renewed"},
		{"ready", body, fault.StaleSession.New("no"), nil, 409, "Renew", "renew STALE_SESSION"},
		{"notready", body, nil, nil, 200, "Unpublish", "unpublish interrupted"},
		{"notready", body, nil, fault.StaleSession.New("late"), 200, "Unpublish", "unpublish late"},
		{"notready", "path=live%2F42", nil, nil, 400, "", "other INVALID_ARGUMENT"},
		{"notready", "%", nil, nil, 400, "", "other INVALID_ARGUMENT"},
	}
	for _, c := range cases {
		s := newStage()
		s.renew, s.unpublish = c.renew, c.unpublish
		if status, _ := s.post(t, "/hooks/mediamtx/"+c.path, c.body); status != c.status || s.asked != c.asked {
			t.Fatalf("%s %q answered %d after %q, want %d after %q", c.path, c.body, status, s.asked, c.status, c.asked)
		}
		s.mustCount(t, "mediamtx "+c.counted)
		if c.asked != "" && (s.got.Stream != "42" || s.got.Publisher.ClientID != uuid) {
			t.Fatalf("asked for %+v", s.got)
		}
	}
}
