// Command demo shows one broadcast from its first frame to its end, on the real programs: greenroom,
// nginx with its RTMP module, and ffmpeg. `make demo` runs it.
//
// It starts all three on their default ports with data in a temporary folder, publishes a generated
// picture to a fresh room, waits for Enter (or --seconds), kills the encoder, and prints what the feed
// told meanwhile. Nothing is left behind, however it ends.
package main

import (
	"bufio"
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	greenroom "github.com/greenroomlive/greenroom/client"
	"github.com/greenroomlive/greenroom/deploy/mediaserver"
	"github.com/greenroomlive/greenroom/internal/e2e/stage"
)

const (
	token = "demo"
	// grace is shorter than the default of 30 s: nobody wants to watch nothing for so long.
	grace = 8 * time.Second
	// settle bounds each wait for a program or an event.
	settle = time.Minute
	hls    = "127.0.0.1:8088"
)

func main() {
	seconds := flag.Int("seconds", 0, "play for this long; 0: until Enter, or 15 s without a terminal")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx, *seconds)
	stop()
	if err != nil && !errors.Is(err, context.Canceled) {
		fmt.Fprintln(os.Stderr, "demo:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, seconds int) (err error) {
	if missing := stage.MissingPackages(); len(missing) > 0 {
		return fmt.Errorf("this needs Debian packages that are not installed. Run:\n\n  sudo apt-get install %s", strings.Join(missing, " "))
	}
	dir, err := os.MkdirTemp("", "greenroom-demo-")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	s, err := open(ctx, dir)
	defer s.close()
	if err != nil {
		return err
	}
	return s.play(ctx, seconds)
}

// show is the running programs and the room they play in.
type show struct {
	greenroom *stage.Greenroom
	nginx     *stage.Nginx
	encoder   *stage.Process
	client    *greenroom.Client
	room      int64
	key       string
	told      []*greenroom.RoomEvent
}

// open starts everything but the encoder. What was started is closed by close, also after an error.
func open(ctx context.Context, dir string) (*show, error) {
	s := &show{}
	ctx, cancel := context.WithTimeout(ctx, settle)
	defer cancel()
	binary := filepath.Join(dir, "greenroom")
	say("building and starting greenroom and nginx …")
	if out, err := exec.CommandContext(ctx, "go", "build", "-o", binary, "./cmd/greenroom").CombinedOutput(); err != nil {
		return s, fmt.Errorf("go build: %w\n%s", err, out)
	}
	var err error
	s.greenroom, err = stage.StartGreenroom(ctx, binary, "--data", filepath.Join(dir, "data"), "--token", token,
		"--grace", grace.String(), "--hls-url", "http://"+hls+"/hls")
	if err != nil {
		return s, err
	}
	s.client = greenroom.New(greenroom.CommandURL(s.greenroom.CommandURL), greenroom.QueryURL(s.greenroom.QueryURL), greenroom.Token(token))

	run := filepath.Join(dir, "nginx")
	if err := os.Mkdir(run, 0o700); err != nil {
		return s, err
	}
	s.nginx, err = stage.StartNginx(ctx, mediaserver.Values{
		RTMPAddr: "127.0.0.1:1935", HLSAddr: hls, HooksAddr: "127.0.0.1:8089", GreenroomAddr: s.greenroom.CommandAddr(), RunDir: run,
	})
	if err != nil {
		return s, err
	}
	return s, s.makeRoom(ctx)
}

func (s *show) makeRoom(ctx context.Context) error {
	made, err := s.client.CreateRoom(ctx, &greenroom.NewRoom{Title: "Test card, live", AnchorId: 1, Tags: []string{"demo"}, Language: "en"})
	if err != nil {
		return err
	}
	s.room = made.GetRoom().GetId()
	key, err := s.client.CreateKey(ctx, s.room, "demo encoder")
	s.key = key.GetStreamKey()
	return err
}

// close ends what runs, the encoder first.
func (s *show) close() {
	if s.encoder != nil {
		s.encoder.Kill()
	}
	if s.nginx != nil {
		s.nginx.Stop()
	}
	if s.greenroom != nil {
		s.greenroom.Stop()
	}
}

// play is the broadcast.
func (s *show) play(ctx context.Context, seconds int) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	events := s.follow(ctx)

	say("ffmpeg publishes a test picture to rtmp://%s/live/%d?key=…", s.nginx.Values.RTMPAddr, s.room)
	var err error
	if s.encoder, err = stage.TestShow(s.nginx.RTMP(fmt.Sprint(s.room), s.key)); err != nil {
		return err
	}
	if err := s.await(ctx, events, "WentLive"); err != nil {
		return err
	}
	say("LIVE for every viewer. Watch it:\n\n      %s/rooms/%d\n", s.greenroom.CommandURL, s.room)
	if err := s.watch(ctx, seconds); err != nil {
		return err
	}

	say("kill -9 of ffmpeg: the encoder is gone without a word")
	s.encoder.Kill()
	if err := s.await(ctx, events, "LiveInterrupted"); err != nil {
		return err
	}
	say("INTERRUPTED. Its encoder may come back within %v …", grace)
	if err := s.await(ctx, events, "LiveEnded"); err != nil {
		return err
	}
	say("IDLE. What the feed told:\n")
	s.timeline()
	return nil
}

// watch waits for Enter, for the time that was asked for, or for the encoder to fail.
func (s *show) watch(ctx context.Context, seconds int) error {
	var enough <-chan time.Time
	enter := make(chan struct{})
	info, err := os.Stdin.Stat()
	switch {
	case seconds > 0:
		enough = time.After(time.Duration(seconds) * time.Second)
	case err == nil && info.Mode()&os.ModeCharDevice != 0:
		say("Enter ends the show.")
		// Ends with the process at the latest: a read of a terminal cannot be called off.
		go func() { _, _ = bufio.NewReader(os.Stdin).ReadString('\n'); close(enter) }()
	default:
		enough = time.After(15 * time.Second)
	}
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-s.encoder.Done():
		return fmt.Errorf("ffmpeg ended: %s", s.encoder.Output())
	case <-enter:
	case <-enough:
	}
	return nil
}

// follow reads the room's events; the channel is closed when the feed fails or ctx ends.
func (s *show) follow(ctx context.Context) <-chan *greenroom.RoomEvent {
	events := make(chan *greenroom.RoomEvent)
	go func() {
		defer close(events)
		for e, err := range s.client.Feed(ctx, greenroom.FeedQuery{Rooms: []int64{s.room}}) {
			if err != nil {
				return
			}
			select {
			case events <- e:
			case <-ctx.Done():
			}
		}
	}()
	return events
}

// await takes events until one of this type.
func (s *show) await(ctx context.Context, events <-chan *greenroom.RoomEvent, want string) error {
	late := time.NewTimer(settle)
	defer late.Stop()
	for {
		select {
		case e, ok := <-events:
			if !ok {
				return errors.Join(fmt.Errorf("the feed ended before %s", want), ctx.Err())
			}
			s.told = append(s.told, e)
			if e.GetType() == want {
				return nil
			}
		case <-late.C:
			return fmt.Errorf("no %s within %v; ffmpeg wrote: %s", want, settle, s.encoder.Output())
		}
	}
}

// timeline prints the events, and how long each took from the decision to the log all replicas read.
func (s *show) timeline() {
	fmt.Printf("      %-14s %-8s %-16s %-14s %-10s %s\n", "TIME", "VERSION", "EVENT", "REASON", "BY", "COMMITTED, PUBLISHED AFTER")
	for _, e := range s.told {
		at := e.GetOccurredAt().AsTime()
		after := func(t time.Time) string {
			if t.Unix() <= 0 {
				return "–"
			}
			return t.Sub(at).Round(time.Millisecond).String()
		}
		fmt.Printf("      %-14s %-8d %-16s %-14s %-10s %s, %s\n", at.Local().Format("15:04:05.000"), e.GetVersion(), e.GetType(), e.GetReason(), e.GetActor(),
			after(e.GetCommittedAt().AsTime()), after(e.GetPublishedAt().AsTime()))
	}
}

func say(format string, args ...any) {
	fmt.Printf("%s  %s\n", time.Now().Format("15:04:05"), fmt.Sprintf(format, args...))
}
