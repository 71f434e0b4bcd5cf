package broadcast

import (
	"context"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"net/http"
	"testing"
	"time"

	anchorv1 "github.com/greenroomlive/greenroom/api/gen/greenroom/anchor/v1"
	greenroom "github.com/greenroomlive/greenroom/client"
	"github.com/greenroomlive/greenroom/internal/e2e/harness"
)

// newDroppingScene has an nginx whose API Greenroom knows, and that never asks by itself whether a stream may go on: what
// lives here lives by the poll, and what is cut is cut by a drop.
func newDroppingScene(t *testing.T) *scene {
	t.Helper()
	harness.NeedMedia(t)
	t.Parallel()
	v := harness.NginxValues(t)
	g := harness.Start(t, "--lease", lease.String(), "--grace", grace.String(), "--nginx-rtmp-api", "http://"+v.HooksAddr)
	v.GreenroomAddr = g.CommandAddr()
	s := &scene{Greenroom: g, t: t, nginx: g.StartNginx(v, "notify_update_timeout 2s", "notify_update_timeout 1h")}
	s.open()
	return s
}

func TestAStopDropsTheStream(t *testing.T) {
	s := newDroppingScene(t)
	encoder, live := s.goLive()
	s.awaitLease(at(live).Add(2 * lease))
	s.story.NothingSoFar()

	if _, err := s.Client.StopRoom(t.Context(), s.room); err != nil {
		t.Fatal(err)
	}
	stopped := time.Now()
	harness.MustFail(t, encoder)
	t.Logf("from the stop's answer to the encoder's end: %v", time.Since(stopped).Round(time.Millisecond))
	s.mustPublishNothing()
	s.mustCount(`greenroom_mediaserver_drops_total{result="dropped",server="nginx-rtmp"} 1`)
	s.mustHaveEnded(s.story.Next("LiveEnded"), anchorv1.Session_ANCHOR_STOPPED)
	s.story.NothingSoFar()
}

func TestATakeOverDropsTheOtherStreamAlone(t *testing.T) {
	s := newDroppingScene(t)
	policy := anchorv1.Settings_TAKE_OVER
	if _, err := s.Client.UpdateRoom(t.Context(), s.room, &greenroom.RoomPatch{PublisherPolicy: &policy}, nil); err != nil {
		t.Fatal(err)
	}
	s.story.Next("RoomEdited")
	first, live := s.goLive()
	s.awaitLease(at(live).Add(lease + time.Millisecond)) // listed

	second := s.Publish(s.address(s.Key(s.room)))
	s.story.Next("LiveEnded")
	next := s.story.Next("WentLive")
	harness.MustFail(t, first)
	s.awaitLease(at(next).Add(2 * lease))
	s.mustPlay()
	select {
	case <-second.Done():
		t.Fatalf("who took over was cut: %s", second.Output())
	default:
	}
	s.story.NothingSoFar()
	s.mustCount(`greenroom_mediaserver_drops_total{result="dropped",server="nginx-rtmp"} 1`)
}

// mustPublishNothing waits until nginx's own list has no publisher any more, in no application.
func (s *scene) mustPublishNothing() {
	s.t.Helper()
	s.await("an nginx without publishers", func(ctx context.Context) error {
		n, err := publishers(ctx, "http://"+s.nginx.Values.HooksAddr+"/stat")
		if err == nil && n > 0 {
			err = fmt.Errorf("%d publish", n)
		}
		return err
	})
}

// publishers counts the streams that are being published.
func publishers(ctx context.Context, url string) (n int, err error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return 0, err
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return 0, err
	}
	defer func() { _ = res.Body.Close() }() // read to its end
	if res.StatusCode != http.StatusOK {
		return 0, errors.New(res.Status)
	}
	var stat struct {
		XMLName xml.Name   `xml:"rtmp"`
		Streams []struct{} `xml:"server>application>live>stream>publishing"`
	}
	err = xml.NewDecoder(io.LimitReader(res.Body, 1<<20)).Decode(&stat)
	return len(stat.Streams), err
}

// await waits until a condition holds.
func (s *scene) await(what string, holds func(context.Context) error) {
	s.t.Helper()
	ctx, cancel := context.WithTimeout(s.t.Context(), harness.Deadline)
	defer cancel()
	if err := s.Until(ctx, what, holds); err != nil {
		s.t.Fatal(err)
	}
}
