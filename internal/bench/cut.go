package bench

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	roomv1 "github.com/greenroomlive/greenroom/api/gen/greenroom/room/v1"
	greenroom "github.com/greenroomlive/greenroom/client"
	"github.com/greenroomlive/greenroom/deploy/mediaserver"
	"github.com/greenroomlive/greenroom/internal/stage"
)

// broadcastWithin bounds each step of a broadcast: an encoder's start, its end.
const broadcastWithin = 30 * time.Second

// cut measures how soon a real stream is gone after staff locked its room.
func (r *run) cut(ctx context.Context) (out section, err error) {
	if missing := stage.MissingPackages(); len(missing) > 0 {
		out.how = []string{"Left out: this takes a media server and an encoder (Debian: " + strings.Join(missing, " ") + ")."}
		return out, nil
	}
	r.stop() // an encoder wants the cores
	b, err := r.broadcasting(ctx)
	if err != nil {
		return out, err
	}
	defer b.close()
	var answered, ended []float64
	for range r.l.cuts {
		answer, end, err := b.lock(ctx)
		if err != nil {
			return out, err
		}
		answered, ended = append(answered, millis(answer)), append(ended, end.Seconds())
	}
	end, answer := spreadOf(ended), spreadOf(answered)
	out.rows = []row{
		figure("from the lock to the encoder's end, the longest", digits(end.max)+" s", "", end.max, atMostOf(2, "s")),
		{what: "from the lock to the encoder's end", ours: end.show("s"), beside: "the lock's answer: " + answer.show("ms")},
	}
	out.how = []string{fmt.Sprintf("A real ffmpeg publishes to a real nginx-rtmp, configured as `deploy/mediaserver` has it, with its control module open to Greenroom. Staff locks\n"+
		"the room, %d times; the clock runs from the sending of the command until the encoder's process has ended, which it does when its\n"+
		"connection is closed. The comparison is how long the command itself took.", r.l.cuts)}
	return out, nil
}

// broadcast is a room that can be published to for real.
type broadcast struct {
	*subject
	nginx *stage.Nginx
	room  int64
	key   string
}

func (r *run) broadcasting(ctx context.Context) (b *broadcast, err error) {
	v := mediaserver.Values{RunDir: filepath.Join(r.root, "nginx")}
	if err := os.MkdirAll(v.RunDir, 0o700); err != nil {
		return nil, err
	}
	for _, addr := range []*string{&v.RTMPAddr, &v.HLSAddr, &v.HooksAddr} {
		if *addr, err = stage.FreeAddr(); err != nil {
			return nil, err
		}
	}
	b = &broadcast{}
	if b.subject, err = r.serve(ctx, "cut", rooming(1, 0), usual, "--nginx-rtmp-api", "http://"+v.HooksAddr); err != nil {
		return nil, err
	}
	v.GreenroomAddr = b.CommandAddr()
	if err := b.open(ctx, v); err != nil {
		b.close()
		return nil, err
	}
	return b, nil
}

func (b *broadcast) open(ctx context.Context, v mediaserver.Values) (err error) {
	ctx, cancel := context.WithTimeout(ctx, broadcastWithin)
	defer cancel()
	if b.nginx, err = stage.StartNginx(ctx, v); err != nil {
		return err
	}
	made, err := b.client.CreateRoom(ctx, &greenroom.NewRoom{Title: "To be locked"})
	if err != nil {
		return err
	}
	b.room = made.GetRoom().GetId()
	key, err := b.client.CreateKey(ctx, b.room, "bench")
	b.key = key.GetStreamKey()
	return err
}

func (b *broadcast) close() {
	if b.nginx != nil {
		b.nginx.Stop()
	}
	b.Stop()
}

// lock goes live, locks the room, and returns how long the command took and the stream lasted from its sending on.
func (b *broadcast) lock(ctx context.Context) (answered, ended time.Duration, err error) {
	ctx, cancel := context.WithTimeout(ctx, broadcastWithin)
	defer cancel()
	encoder, err := stage.TestPicture(b.nginx.RTMP(strconv.FormatInt(b.room, 10), b.key))
	if err != nil {
		return 0, 0, err
	}
	defer encoder.Kill()
	if err := encoder.Until(ctx, "on air", b.onAir); err != nil {
		return 0, 0, err
	}
	began := time.Now()
	if _, err := b.client.Intervene(ctx, b.room, greenroom.Locked, greenroom.Order{Reason: "bench"}); err != nil {
		return 0, 0, err
	}
	answered = time.Since(began)
	select {
	case <-encoder.Done():
		ended = time.Since(began)
	case <-ctx.Done():
		return 0, 0, fmt.Errorf("the stream goes on %s after the lock", broadcastWithin)
	}
	_, err = b.client.Lift(ctx, b.room, greenroom.Locked, "", false)
	return answered, ended, err
}

// polled counts the rounds in which Greenroom found the stream and renewed its lease.
const polled = `greenroom_mediaserver_polled_total{result="renewed",server="nginx-rtmp"}`

// onAir is nil when the broadcast runs as any does: it is live, the media server lists its stream, and Greenroom knows
// the media server, which began after it and is not asked at once for that.
func (b *broadcast) onAir(ctx context.Context) error {
	seen, err := b.client.OwnRoom(ctx, b.room)
	if err != nil {
		return err
	}
	list, err := get(ctx, "http://"+b.nginx.Values.HooksAddr+"/stat")
	if err != nil {
		return err
	}
	metrics, err := get(ctx, b.CommandURL+"/metrics")
	if err != nil {
		return err
	}
	rounds, _ := metric(metrics, polled)
	if seen.GetRoom().GetLive().GetStatus() != roomv1.Live_LIVE || !bytes.Contains(list, []byte("<publishing/>")) || rounds == 0 {
		return errors.New("the stream is not there yet")
	}
	return nil
}
