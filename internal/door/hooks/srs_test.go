package hooks_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/greenroomlive/greenroom/internal/core/fault"
	"github.com/greenroomlive/greenroom/internal/core/room"
	"github.com/greenroomlive/greenroom/internal/flow/command"
)

// srs is a callback as SRS 5 and 6 send it.
func srs(action string) string {
	return `{"server_id":"vid-0xk989d","service_id":"382a568a","action":"` + action + `","client_id":"341w361a","ip":"192.0.2.9",` +
		`"vhost":"__defaultVhost__","app":"live","tcUrl":"rtmp://127.0.0.1:1935/live","stream":"42","param":"?key=` + key + `",` +
		`"stream_url":"video.test.com/live/42","stream_id":"vid-124q9y3"}`
}

func TestSRS(t *testing.T) {
	cases := []struct {
		name, action           string
		live, unpublish        error
		allowed                bool
		asked, counted, inside string
	}{
		{name: "publish", action: "on_publish", allowed: true, asked: "GoLive", counted: "publish accepted"},
		{name: "wrong key", action: "on_publish", live: fault.KeyRefused.New("no"), asked: "GoLive", counted: "publish KEY_REFUSED", inside: "KEY_REFUSED"},
		{name: "second publisher", action: "on_publish", live: fault.AlreadyLive.New("no"), asked: "GoLive", counted: "publish ALREADY_LIVE", inside: "ALREADY_LIVE"},
		{name: "unpublish", action: "on_unpublish", allowed: true, asked: "Unpublish", counted: "unpublish interrupted"},
		{name: "unpublish again", action: "on_unpublish", unpublish: fault.StaleSession.New("late"), allowed: true, asked: "Unpublish", counted: "unpublish late"},
		{name: "a player", action: "on_play", allowed: true, counted: "other ignored"},
		{name: "a closed connection", action: "on_close", allowed: true, counted: "other ignored"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			s := newStage()
			s.live, s.unpublish = c.live, c.unpublish
			status, body := s.post(t, "/hooks/srs", srs(c.action))
			if status != 200 || (body == "0") != c.allowed || s.asked != c.asked {
				t.Fatalf("answered %d %q after %q", status, body, s.asked)
			}
			s.mustCount(t, "srs "+c.counted)
			if !c.allowed {
				mustRefuseSRS(t, body, c.inside)
			}
			want := command.Publishing{Stream: "42", Key: key, Publisher: room.Publisher{MediaServer: "srs", ClientID: "341w361a", ClientIP: "192.0.2.9"}}
			if c.asked != "" && s.got != want {
				t.Fatalf("asked for %+v", s.got)
			}
		})
	}
}

func TestSRSNumbersAsClientIDs(t *testing.T) {
	s := newStage()
	s.post(t, "/hooks/srs", strings.Replace(srs("on_publish"), `"341w361a"`, `1985`, 1))
	if s.got.Publisher.ClientID != "1985" {
		t.Fatalf("client id %q", s.got.Publisher.ClientID)
	}
}

func TestSRSBadInput(t *testing.T) {
	for _, body := range []string{
		"", "[]", "call=publish", srs("on_publish")[:80],
		strings.Replace(srs("on_publish"), `"341w361a"`, `{}`, 1),
		strings.Replace(srs("on_publish"), "?key=", "?x=100%&key=", 1),
	} {
		s := newStage()
		status, answer := s.post(t, "/hooks/srs", body)
		if status != 200 || s.asked != "" {
			t.Fatalf("%q answered %d and asked %q", body, status, s.asked)
		}
		mustRefuseSRS(t, answer, "INVALID_ARGUMENT")
	}
}

func mustRefuseSRS(t *testing.T, body, code string) {
	t.Helper()
	var out struct {
		Code int    `json:"code"`
		Msg  string `json:"msg"`
	}
	if err := json.Unmarshal([]byte(body), &out); err != nil || out.Code == 0 || !strings.Contains(out.Msg, code) {
		t.Fatalf("answered %q, want an object with a code and %s", body, code)
	}
}
