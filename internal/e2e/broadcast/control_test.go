package broadcast

import (
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	anchorv1 "github.com/greenroomlive/greenroom/api/gen/greenroom/anchor/v1"
	roomv1 "github.com/greenroomlive/greenroom/api/gen/greenroom/room/v1"
	"github.com/greenroomlive/greenroom/internal/e2e/harness"
)

// TestALockEndsTheBroadcastUntilItIsUnlocked: ffmpeg is cut, and cannot come back before staff lets it.
func TestALockEndsTheBroadcastUntilItIsUnlocked(t *testing.T) {
	s := newDroppingScene(t)
	encoder, live := s.goLive()
	s.awaitLease(at(live).Add(lease + time.Millisecond)) // listed

	s.control("lock", `{"reason":"a raid"}`)
	locked := time.Now()
	harness.MustFail(t, encoder)
	t.Logf("from the lock's answer to the encoder's end: %v", time.Since(locked).Round(time.Millisecond))
	s.mustPublishNothing()
	s.story.Next("RoomLocked")
	s.mustHaveEnded(s.story.Next("LiveEnded"), anchorv1.Session_LOCKED)

	harness.MustFail(t, s.Publish(s.address(s.key)))
	s.mustCount(`greenroom_hooks_callbacks_total{call="publish",result="ROOM_LOCKED",server="nginx-rtmp"} 1`)
	s.story.NothingSoFar()

	s.control("unlock", `{}`)
	s.story.Next("RoomUnlocked")
	s.Publish(s.address(s.key))
	s.story.Next("WentLive")
	s.mustBe(roomv1.Live_LIVE)
}

// TestACutEndsTheBroadcastOnce: without a time to hold it back, the next publish is let in.
func TestACutEndsTheBroadcastOnce(t *testing.T) {
	s := newDroppingScene(t)
	encoder, live := s.goLive()
	s.awaitLease(at(live).Add(lease + time.Millisecond)) // listed

	s.control("cut", `{"reason":"wrong room"}`)
	cut := time.Now()
	harness.MustFail(t, encoder)
	t.Logf("from the cut's answer to the encoder's end: %v", time.Since(cut).Round(time.Millisecond))
	s.mustPublishNothing()
	s.story.Next("RoomCut")
	s.mustHaveEnded(s.story.Next("LiveEnded"), anchorv1.Session_CUT)

	s.Publish(s.address(s.key))
	s.story.Next("WentLive")
	s.mustBe(roomv1.Live_LIVE)
}

// control does to the room what staff may.
func (s *scene) control(verb, body string) {
	s.t.Helper()
	url := s.CommandURL + "/v1/rooms/" + strconv.FormatInt(s.room, 10) + ":" + verb
	req, err := http.NewRequestWithContext(s.t.Context(), http.MethodPost, url, strings.NewReader(body))
	if err != nil {
		s.t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+harness.Token)
	req.Header.Set("Content-Type", "application/json")
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		s.t.Fatal(err)
	}
	s.read(res)
}
