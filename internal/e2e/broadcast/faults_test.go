package broadcast

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"testing"
	"time"

	anchorv1 "github.com/greenroomlive/greenroom/api/gen/greenroom/anchor/v1"
	roomv1 "github.com/greenroomlive/greenroom/api/gen/greenroom/room/v1"
	"github.com/greenroomlive/greenroom/internal/e2e/harness"
)

func TestAReconnectInsideTheGraceResumesTheSession(t *testing.T) {
	s := newScene(t)
	encoder, live := s.goLive()
	encoder.Kill()
	s.story.Next("LiveInterrupted")

	s.Publish(s.address(s.key))
	resumed := s.story.Next("LiveResumed")
	before, after := live.GetSnapshot().GetLive(), resumed.GetSnapshot().GetLive()
	if after.GetSessionId() != before.GetSessionId() || after.GetEpoch() != before.GetEpoch() {
		t.Fatalf("resumed as %v, was %v", after, before)
	}
	if seen := s.mustBe(roomv1.Live_LIVE).GetLive(); seen.GetSessionId() != before.GetSessionId() {
		t.Fatalf("viewers see %v", seen)
	}
}

func TestAKilledEncoderEndsByUnpublish(t *testing.T) {
	s := newScene(t)
	encoder, _ := s.goLive()
	encoder.Kill()
	lost := s.story.Next("LiveInterrupted")
	if lost.GetReason() != "UNPUBLISHED" {
		t.Fatalf("interrupted by %s", lost.GetReason())
	}
	ended := s.story.Next("LiveEnded")
	s.mustHaveEnded(ended, anchorv1.Session_UNPUBLISHED)
	s.mustTake(at(ended).Sub(at(lost)), grace, grace+sweep)
}

func TestAKilledMediaServerEndsByLease(t *testing.T) {
	s := newScene(t)
	encoder, live := s.goLive()
	s.nginx.Kill()
	<-encoder.Done()

	lost := s.story.Next("LiveInterrupted")
	if lost.GetReason() != "LEASE_EXPIRED" {
		t.Fatalf("interrupted by %s", lost.GetReason())
	}
	ended := s.story.Next("LiveEnded")
	history := s.mustHaveEnded(ended, anchorv1.Session_LEASE_EXPIRED)
	if history.GetMediaServer() != "nginx-rtmp" || history.GetClientIp() != "127.0.0.1" {
		t.Fatalf("history says %v", history)
	}
	// Nobody said goodbye: from the last proof of life, at the latest the publish, lease and grace must pass.
	s.mustTake(at(ended).Sub(at(live)), lease+grace, lease+grace+2*sweep)
	s.mustTake(at(ended).Sub(at(lost)), grace-sweep, grace+sweep)
}

func TestANewMediaServerResumesTheSession(t *testing.T) {
	s := newScene(t)
	encoder, live := s.goLive()
	s.nginx.Kill()
	<-encoder.Done()
	s.story.Next("LiveInterrupted")

	s.nginx = s.StartNginx(s.nginx.Values)
	s.Publish(s.address(s.key))
	resumed := s.story.Next("LiveResumed")
	if resumed.GetSnapshot().GetLive().GetSessionId() != live.GetSnapshot().GetLive().GetSessionId() {
		t.Fatalf("resumed as %v", resumed.GetSnapshot().GetLive())
	}
}

func TestARestartOfGreenroomEndsNoBroadcast(t *testing.T) {
	s := newScene(t)
	encoder, live := s.goLive()
	// The feed tells of it before nginx has its yes; a renewed lease proves that it was let in.
	s.awaitLease(live.GetCommittedAt().AsTime().Add(lease + time.Millisecond))
	s.Kill()
	s.Restart()

	// Heard of later than lease and grace after the restart, it is the same stream in the same session.
	s.story = s.Follow(s.room)
	s.story.Next("RoomCreated")
	s.story.Next("WentLive")
	s.awaitLease(time.Now().Add(lease + grace + lease))
	room := s.mustBe(roomv1.Live_LIVE)
	if room.GetLive().GetSessionId() != live.GetSnapshot().GetLive().GetSessionId() {
		t.Fatalf("is live as %v, was %v", room.GetLive(), live.GetSnapshot().GetLive())
	}
	s.story.NothingSoFar()
	select {
	case <-encoder.Done():
		t.Fatalf("the stream was cut: %s", encoder.Output())
	default:
	}
}

// mustTake checks a span between two events, by the times the events say.
func (s *scene) mustTake(took, least, most time.Duration) {
	s.t.Helper()
	if took < least || took > most {
		s.t.Fatalf("took %v, want %v to %v", took, least, most)
	}
}

// awaitLease waits until the running session's lease reaches beyond a moment: proof that the stream
// was heard of close to it.
func (s *scene) awaitLease(beyond time.Time) {
	s.t.Helper()
	ctx, cancel := context.WithTimeout(s.t.Context(), harness.Deadline)
	defer cancel()
	err := s.Until(ctx, "a lease beyond "+beyond.String(), func(ctx context.Context) error {
		sessions, _, err := s.Client.ListSessions(ctx, s.room, "")
		if err != nil {
			return err
		}
		if len(sessions) == 0 || !sessions[0].GetLeaseUntil().AsTime().After(beyond) {
			return fmt.Errorf("sessions are %v", sessions)
		}
		return nil
	})
	if err != nil {
		s.t.Fatal(err)
	}
}

// mustPlay waits until the room's HLS playlist is served, and moves on: a playlist that stands still
// is left over from a stream that is gone.
func (s *scene) mustPlay() {
	s.t.Helper()
	ctx, cancel := context.WithTimeout(s.t.Context(), harness.Deadline)
	defer cancel()
	first := ""
	err := s.Until(ctx, "playlist that moves on", func(ctx context.Context) error {
		now, err := playlist(ctx, s.nginx.HLS(strconv.FormatInt(s.room, 10)))
		if err != nil {
			return err
		}
		if first == "" {
			first = now
		}
		if now == first {
			return fmt.Errorf("the playlist is still %q", now)
		}
		return nil
	})
	if err != nil {
		s.t.Fatal(err)
	}
}

func playlist(ctx context.Context, url string) (string, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return "", err
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return "", err
	}
	defer func() { _ = res.Body.Close() }() // read to its end
	body, err := io.ReadAll(io.LimitReader(res.Body, 64<<10))
	if err != nil {
		return "", err
	}
	if res.StatusCode != http.StatusOK || res.Header.Get("Access-Control-Allow-Origin") != "*" {
		return "", fmt.Errorf("%s, %v", res.Status, res.Header)
	}
	return string(body), nil
}
