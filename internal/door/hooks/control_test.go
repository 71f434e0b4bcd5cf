package hooks_test

import (
	"strings"
	"testing"

	"github.com/greenroomlive/greenroom/internal/core/fault"
)

// Staff keeps a room from publishing: each server hears no in its own way, with the code and the reason in the
// body, whatever of it the server logs or shows.
func TestARoomUnderControlIsRefusedInEveryDialect(t *testing.T) {
	for _, server := range []struct {
		name, path, body string
		status           int
	}{
		{"nginx-rtmp", "/hooks/nginx-rtmp", fromNginx, 409},
		{"srs", "/hooks/srs", srs("on_publish"), 200},
		{"mediamtx", "/hooks/mediamtx", mtx("publish", "live/42", "key="+key, "", ""), 409},
	} {
		for _, code := range []*fault.Code{fault.RoomLocked, fault.RoomCut} {
			t.Run(server.name+" "+code.Name, func(t *testing.T) {
				s := newStage()
				s.live = code.New("room 42 may not be published to: a raid").With("reason", "a raid").With("until", "")
				status, body := s.post(t, server.path, server.body)
				if status != server.status || body == "0" || !strings.Contains(body, code.Name) || !strings.Contains(body, "a raid") {
					t.Errorf("answered %d %s", status, body)
				}
				s.mustCount(t, server.name+" publish "+code.Name)
			})
		}
	}
}
