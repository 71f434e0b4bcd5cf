// Package broadcast plays whole broadcasts with the real programs: greenroom, nginx-rtmp and ffmpeg.
package broadcast

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	anchorv1 "github.com/greenroomlive/greenroom/api/gen/greenroom/anchor/v1"
	roomv1 "github.com/greenroomlive/greenroom/api/gen/greenroom/room/v1"
	greenroom "github.com/greenroomlive/greenroom/client"
	"github.com/greenroomlive/greenroom/internal/e2e/harness"
	"github.com/greenroomlive/greenroom/internal/stage"
)

// Short, so that a test sees a whole life; the update of nginx-rtmp comes every 2 s.
const (
	lease = 5 * time.Second
	grace = 4 * time.Second
	// sweep is how late the end of a lease or grace may be noticed, on a busy machine.
	sweep = 5 * time.Second
)

func TestMain(m *testing.M) { os.Exit(harness.Main(m)) }

// scene is a room with a key, ready to be published to.
type scene struct {
	*harness.Greenroom
	t     *testing.T
	nginx *stage.Nginx
	room  int64
	key   string
	story *harness.Story
}

func newScene(t *testing.T) *scene {
	t.Helper()
	harness.NeedMedia(t)
	t.Parallel() // most of a scene is waiting
	g := harness.Start(t, "--lease", lease.String(), "--grace", grace.String())
	s := &scene{Greenroom: g, t: t, nginx: g.Nginx()}
	s.open()
	return s
}

// open makes the room, its key, and follows it.
func (s *scene) open() {
	s.room = s.Room(s.t.Name())
	s.key, s.story = s.Key(s.room), s.Follow(s.room)
	s.story.Next("RoomCreated")
	s.t.Cleanup(s.mustKeepTheSecret)
}

// mustKeepTheSecret reads what the servers wrote: the key is nowhere in it.
func (s *scene) mustKeepTheSecret() {
	log, err := os.ReadFile(filepath.Join(s.nginx.Values.RunDir, "error.log"))
	if err != nil {
		s.t.Error(err)
	}
	if strings.Contains(s.Output(), s.key) || strings.Contains(string(log), s.key) {
		s.t.Error("the stream key stands in a log")
	}
}

// goLive publishes, and sees viewers see it.
func (s *scene) goLive() (*stage.Process, *roomv1.RoomEvent) {
	s.t.Helper()
	encoder := s.Publish(s.address(s.key))
	event := s.story.Next("WentLive")
	s.mustBe(roomv1.Live_LIVE)
	return encoder, event
}

func (s *scene) address(key string) string { return s.nginx.RTMP(strconv.FormatInt(s.room, 10), key) }

func (s *scene) mustBe(status roomv1.Live_Status) *greenroom.Room {
	s.t.Helper()
	return s.Await(s.room, status.String(), func(r *greenroom.Room) bool { return r.GetLive().GetStatus() == status })
}

// mustHaveEnded reads the history: one session that ended for this reason.
func (s *scene) mustHaveEnded(event *roomv1.RoomEvent, why anchorv1.Session_EndReason) *greenroom.Session {
	s.t.Helper()
	sessions := s.Sessions(s.room)
	if len(sessions) != 1 || sessions[0].GetStatus() != anchorv1.Session_ENDED || sessions[0].GetEndReason() != why {
		s.t.Fatalf("history is %v, want one session ended by %s", sessions, why)
	}
	if event.GetReason() != why.String() {
		s.t.Fatalf("the event says %s, want %s", event.GetReason(), why)
	}
	s.mustBe(roomv1.Live_IDLE)
	return sessions[0]
}

func at(e *roomv1.RoomEvent) time.Time { return e.GetOccurredAt().AsTime() }

func TestAPublisherGoesLiveAndStaysLive(t *testing.T) {
	s := newScene(t)
	encoder, live := s.goLive()
	room := s.mustBe(roomv1.Live_LIVE)
	if room.GetLive().GetSessionId() != live.GetSnapshot().GetLive().GetSessionId() || room.GetLive().GetEpoch() != 1 {
		t.Fatalf("viewers see %v, the event says %v", room.GetLive(), live.GetSnapshot().GetLive())
	}
	s.mustPlay()
	// A lease is renewed by nothing but the updates: two leases on, nothing may have happened.
	s.awaitLease(live.GetOccurredAt().AsTime().Add(2 * lease))
	s.story.NothingSoFar()

	encoder.Stop() // as an encoder ends: with a goodbye
	s.story.Next("LiveInterrupted")
	s.mustHaveEnded(s.story.Next("LiveEnded"), anchorv1.Session_UNPUBLISHED)
}

func TestAWrongKeyIsRefused(t *testing.T) {
	s := newScene(t)
	harness.MustFail(t, s.Publish(s.address("gr_1_aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa")))
	harness.MustFail(t, s.Publish(s.address("")))
	other := s.Room("another room")
	harness.MustFail(t, s.Publish(s.address(s.Key(other))))
	s.mustCount(`greenroom_hooks_callbacks_total{call="publish",result="KEY_REFUSED",server="nginx-rtmp"} 3`)
	s.mustBe(roomv1.Live_IDLE)
	s.story.NothingSoFar()
	if n := len(s.Sessions(s.room)); n != 0 {
		t.Fatalf("%d sessions", n)
	}
}

func TestARevokedKeyIsRefused(t *testing.T) {
	s := newScene(t)
	made, err := s.Client.CreateKey(t.Context(), s.room, "to be revoked")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.Client.RevokeKey(t.Context(), s.room, made.GetKey().GetKeyId()); err != nil {
		t.Fatal(err)
	}
	harness.MustFail(t, s.Publish(s.address(made.GetStreamKey())))
	s.mustBe(roomv1.Live_IDLE)
}

func TestASecondPublisherIsRefusedAndTheFirstGoesOn(t *testing.T) {
	s := newScene(t)
	encoder, live := s.goLive()
	harness.MustFail(t, s.Publish(s.address(s.key)))
	harness.MustFail(t, s.Publish(s.nginx.RTMP(s.key, "")))
	s.awaitLease(at(live).Add(lease))
	s.mustBe(roomv1.Live_LIVE)
	s.story.NothingSoFar()
	select {
	case <-encoder.Done():
		t.Fatalf("the first publisher was cut: %s", encoder.Output())
	default:
	}
}

func TestAKeyAsTheStreamsName(t *testing.T) {
	s := newScene(t)
	encoder := s.Publish(s.nginx.RTMP(s.key, ""))
	s.story.Next("WentLive")
	s.mustPlay() // under the room's id, not under the key
	encoder.Kill()
	s.story.Next("LiveInterrupted")
	s.mustHaveEnded(s.story.Next("LiveEnded"), anchorv1.Session_UNPUBLISHED)
}

func TestASecondPublisherTakesOver(t *testing.T) {
	s := newScene(t)
	policy := anchorv1.Settings_TAKE_OVER
	if _, err := s.Client.UpdateRoom(t.Context(), s.room, &greenroom.RoomPatch{PublisherPolicy: &policy}, nil); err != nil {
		t.Fatal(err)
	}
	s.story.Next("RoomEdited")
	first, live := s.goLive()
	s.mustPlay()

	second := s.Publish(s.address(s.key))
	if ended := s.story.Next("LiveEnded"); ended.GetReason() != "TAKEN_OVER" {
		t.Fatalf("ended by %s", ended.GetReason())
	}
	next := s.story.Next("WentLive")
	if next.GetSnapshot().GetLive().GetEpoch() != live.GetSnapshot().GetLive().GetEpoch()+1 {
		t.Fatalf("went live as %v after %v", next.GetSnapshot().GetLive(), live.GetSnapshot().GetLive())
	}
	harness.MustFail(t, first)
	s.awaitLease(at(next).Add(2 * lease))
	s.story.NothingSoFar()
	s.mustPlay()
	select {
	case <-second.Done():
		t.Fatalf("who took over was cut: %s", second.Output())
	default:
	}
}

func TestStoppingTheRoomCutsTheStream(t *testing.T) {
	s := newScene(t)
	encoder, _ := s.goLive()
	if _, err := s.Client.StopRoom(t.Context(), s.room); err != nil {
		t.Fatal(err)
	}
	s.mustHaveEnded(s.story.Next("LiveEnded"), anchorv1.Session_ANCHOR_STOPPED)
	harness.MustFail(t, encoder) // the next update is refused, and nginx drops the connection
	s.story.NothingSoFar()
}
