package broadcast

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"

	anchorv1 "github.com/greenroomlive/greenroom/api/gen/greenroom/anchor/v1"
	roomv1 "github.com/greenroomlive/greenroom/api/gen/greenroom/room/v1"
	"github.com/greenroomlive/greenroom/internal/e2e/harness"
)

// srs stands in for an SRS server: it lists one stream while that is published, and drops it when it is told to.
type srs struct {
	stream  atomic.Pointer[string] // what /api/v1/streams/ lists
	dropped atomic.Pointer[string] // the path of the last DELETE
}

func (s *srs) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.Method == http.MethodDelete {
		s.dropped.Store(&r.URL.Path)
		s.publishesNothing()
	}
	list := ""
	if p := s.stream.Load(); p != nil {
		list = *p
	}
	_, _ = fmt.Fprintf(w, `{"code":0,"server":"vid-1","streams":[%s]}`, list) // a poller that is gone asks again
}

func (s *srs) publishes(room int64, client string) {
	stream := fmt.Sprintf(`{"id":"vid-2","name":"%d","app":"live","publish":{"active":true,"cid":"%s"}}`, room, client)
	s.stream.Store(&stream)
}

func (s *srs) publishesNothing() { s.stream.Store(nil) }

// TestAPollKeepsAStreamAliveAndItsSilenceEndsIt plays SRS, which renews nothing by itself and forgets to unpublish.
func TestAPollKeepsAStreamAliveAndItsSilenceEndsIt(t *testing.T) {
	t.Parallel()
	server := &srs{}
	api := httptest.NewServer(server)
	t.Cleanup(api.Close)
	g := harness.Start(t, "--lease", lease.String(), "--grace", grace.String(), "--srs-api", api.URL)
	s := &scene{Greenroom: g, t: t, room: g.Room(t.Name())}
	s.key, s.story = g.Key(s.room), g.Follow(s.room)
	s.story.Next("RoomCreated")

	if answer := s.callSRS("on_publish", "c1", "gr_1_wrong"); !strings.Contains(answer, `"code":403`) {
		t.Fatalf("a wrong key was answered %q", answer)
	}
	if answer := s.callSRS("on_publish", "c1", s.key); answer != "0" {
		t.Fatalf("the publish was answered %q", answer)
	}
	server.publishes(s.room, "c1")
	live := s.story.Next("WentLive")
	s.awaitLease(at(live).Add(2 * lease))
	if answer := s.callSRS("on_unpublish", "c0", s.key); answer != "0" {
		t.Fatalf("a late on_unpublish was answered %q", answer)
	}
	s.story.NothingSoFar()

	server.publishesNothing()
	s.story.Next("LiveInterrupted")
	history := s.mustHaveEnded(s.story.Next("LiveEnded"), anchorv1.Session_LEASE_EXPIRED)
	if history.GetMediaServer() != "srs" || history.GetClientIp() != "192.0.2.9" {
		t.Fatalf("history says %v", history)
	}
	s.mustCount(`greenroom_hooks_callbacks_total{call="publish",result="KEY_REFUSED",server="srs"} 1`)
	s.mustCount(`greenroom_hooks_callbacks_total{call="publish",result="accepted",server="srs"} 1`)
	s.mustCount(`greenroom_hooks_callbacks_total{call="unpublish",result="late",server="srs"} 1`)
	s.mustBe(roomv1.Live_IDLE)
}

// TestAStopDropsTheStreamOfAPolledServer: SRS does not ask while a stream runs, it has to be told.
func TestAStopDropsTheStreamOfAPolledServer(t *testing.T) {
	t.Parallel()
	server := &srs{}
	api := httptest.NewServer(server)
	t.Cleanup(api.Close)
	g := harness.Start(t, "--srs-api", api.URL)
	s := &scene{Greenroom: g, t: t, room: g.Room(t.Name())}
	s.key, s.story = g.Key(s.room), g.Follow(s.room)
	s.story.Next("RoomCreated")
	if answer := s.callSRS("on_publish", "c1", s.key); answer != "0" {
		t.Fatalf("the publish was answered %q", answer)
	}
	server.publishes(s.room, "c1")
	s.story.Next("WentLive")
	if _, err := s.Client.StopRoom(t.Context(), s.room); err != nil {
		t.Fatal(err)
	}
	s.story.Next("LiveEnded")
	s.await("an order to drop the stream", func(context.Context) error {
		if path := server.dropped.Load(); path == nil || *path != "/api/v1/clients/c1" {
			return errors.New("there was none")
		}
		return nil
	})
}

func (s *scene) callSRS(action, client, key string) string {
	s.t.Helper()
	body := fmt.Sprintf(`{"action":"%s","client_id":"%s","ip":"192.0.2.9","app":"live","stream":"%d","param":"?key=%s"}`, action, client, s.room, key)
	res, err := http.Post(s.CommandURL+"/hooks/srs", "application/json", strings.NewReader(body))
	if err != nil {
		s.t.Fatal(err)
	}
	return s.read(res)
}

// mustCount finds a line in the metrics.
func (s *scene) mustCount(line string) {
	s.t.Helper()
	res, err := http.Get(s.CommandURL + "/metrics")
	if err != nil {
		s.t.Fatal(err)
	}
	if text := s.read(res); !strings.Contains(text, line+"\n") {
		s.t.Errorf("the metrics do not say %s", line)
	}
}

func (s *scene) read(res *http.Response) string {
	s.t.Helper()
	defer func() { _ = res.Body.Close() }() // read to its end
	body, err := io.ReadAll(io.LimitReader(res.Body, 4<<20))
	if err != nil || res.StatusCode != http.StatusOK {
		s.t.Fatalf("%s: %s, %v", res.Request.URL.Path, res.Status, err)
	}
	return string(body)
}
