// Command demo shows one broadcast from its first frame to its end, on the real programs: greenroom,
// nginx with its RTMP module, and ffmpeg. `make demo` runs it.
//
// It starts all three on their default ports with data in a temporary folder, publishes a generated
// picture to a fresh room, waits for Enter (or --seconds), kills the encoder, and prints what the feed
// told meanwhile. However it ends, Ctrl-C and a closed terminal included, it stops what it started and
// removes its folder.
package main

import (
	"bufio"
	"context"
	"errors"
	"flag"
	"fmt"
	"net"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/mattn/go-isatty"
	"google.golang.org/protobuf/types/known/timestamppb"

	greenroom "github.com/greenroomlive/greenroom/client"
	"github.com/greenroomlive/greenroom/deploy/mediaserver"
	"github.com/greenroomlive/greenroom/internal/stage"
)

const (
	token = "demo"
	// grace is shorter than the default of 30 s: nobody wants to watch nothing for so long.
	grace = 8 * time.Second
	// settle bounds each wait for a program or an event.
	settle = time.Minute
	// unattended is how long it plays when there is nobody to press Enter.
	unattended = 15 * time.Second

	rtmp  = "127.0.0.1:1935"
	hls   = "127.0.0.1:8088"
	hooks = "127.0.0.1:8089"
)

func main() {
	seconds := flag.Int("seconds", 0, "play for this long; 0: until Enter, or 15 s without a terminal")
	flag.Parse()
	// What was started has process groups of its own, so that only we hear these, and can end it in
	// order. A pipe that nobody reads is one of them: it would kill us in the middle of a line.
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM, syscall.SIGHUP, syscall.SIGPIPE)
	defer stop()
	err := run(ctx, time.Duration(*seconds)*time.Second)
	switch {
	case ctx.Err() != nil:
		say("stopped; nothing is left running")
		os.Exit(130) // as shells say it: ended by the user
	case err != nil:
		fmt.Fprintln(os.Stderr, "demo:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, length time.Duration) (err error) {
	if missing := stage.MissingPackages(); len(missing) > 0 {
		return fmt.Errorf("this needs Debian packages that are not installed. Run:\n\n  sudo apt-get install %s", strings.Join(missing, " "))
	}
	if err := mustBeFree(rtmp, hls, hooks); err != nil {
		return err
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
	return s.play(ctx, length)
}

// mustBeFree looks at nginx's addresses: whatever else listens there would be taken for it.
// greenroom says by itself when one of its own is taken.
func mustBeFree(addrs ...string) error {
	for _, addr := range addrs {
		l, err := net.Listen("tcp", addr)
		if err != nil {
			return fmt.Errorf("nginx could not listen there: %w", err)
		}
		if err := l.Close(); err != nil {
			return err
		}
	}
	return nil
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
	say("building greenroom …")
	if out, err := exec.CommandContext(ctx, "go", "build", "-o", binary, "./cmd/greenroom").CombinedOutput(); err != nil {
		return s, fmt.Errorf("go build: %w\n%s", err, out)
	}
	say("starting greenroom, and nginx with its RTMP module …")
	var err error
	s.greenroom, err = stage.StartGreenroom(ctx, binary, "--data", filepath.Join(dir, "data"), "--token", token,
		"--grace", grace.String(), "--hls-url", "http://"+hls+"/hls", "--nginx-rtmp-api", "http://"+hooks)
	if err != nil {
		return s, err
	}
	s.client = greenroom.New(greenroom.CommandURL(s.greenroom.CommandURL), greenroom.QueryURL(s.greenroom.QueryURL), greenroom.Token(token))

	run := filepath.Join(dir, "nginx")
	if err := os.Mkdir(run, 0o700); err != nil {
		return s, err
	}
	s.nginx, err = stage.StartNginx(ctx, mediaserver.Values{
		RTMPAddr: rtmp, HLSAddr: hls, HooksAddr: hooks, GreenroomAddr: s.greenroom.CommandAddr(), RunDir: run,
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
func (s *show) play(ctx context.Context, length time.Duration) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	events := s.follow(ctx)

	say("ffmpeg publishes a test picture to rtmp://%s/live/%d?key=…", rtmp, s.room)
	var err error
	if s.encoder, err = stage.TestShow(s.nginx.RTMP(fmt.Sprint(s.room), s.key)); err != nil {
		return err
	}
	if err := s.await(ctx, events, "WentLive"); err != nil {
		return err
	}
	say("LIVE for every viewer\n")
	fmt.Printf("      watch it   %s/rooms/%d   (the picture takes some seconds)\n", s.greenroom.CommandURL, s.room)
	fmt.Printf("      sign in    %s/?token=%s   (then the room's page has its keys, and a stop button)\n", s.greenroom.CommandURL, token)
	fmt.Printf("      read it    curl %s/v1/rooms/%d\n\n", s.greenroom.QueryURL, s.room)
	stopped, err := s.watch(ctx, events, length)
	if err != nil {
		return err
	}
	if !stopped {
		if err := s.lose(ctx, events); err != nil {
			return err
		}
	}
	say("IDLE again. What the feed told:\n")
	s.timeline()
	return nil
}

// watch waits for Enter, for the time that was asked for, or for somebody to stop the broadcast.
func (s *show) watch(ctx context.Context, events <-chan *greenroom.RoomEvent, length time.Duration) (stopped bool, err error) {
	enter := make(chan struct{})
	var enough <-chan time.Time
	switch {
	case length == 0 && isatty.IsTerminal(os.Stdin.Fd()):
		say("press Enter to pull the encoder's plug")
		// Ends with the process at the latest: a read of a terminal cannot be called off.
		go func() { _, _ = bufio.NewReader(os.Stdin).ReadString('\n'); close(enter) }()
	case length == 0:
		length = unattended
		fallthrough
	default:
		say("playing for %v", length)
		enough = time.After(length)
	}
	for {
		select {
		case e, ok := <-events:
			if !ok {
				return false, errors.Join(errors.New("the feed ended"), ctx.Err())
			}
			if s.told = append(s.told, e); e.GetType() == "LiveEnded" {
				say("the broadcast was stopped: %s", e.GetReason())
				return true, nil
			}
		case <-s.encoder.Done():
			return false, fmt.Errorf("ffmpeg ended: %s", s.encoder.Output())
		case <-enter:
			return false, nil
		case <-enough:
			return false, nil
		}
	}
}

// lose kills the encoder and sees the broadcast end for want of it.
func (s *show) lose(ctx context.Context, events <-chan *greenroom.RoomEvent) error {
	say("kill -9 of ffmpeg: the encoder is gone without a word")
	s.encoder.Kill()
	if err := s.await(ctx, events, "LiveInterrupted"); err != nil {
		return err
	}
	say("INTERRUPTED. An encoder that came back within %v would resume the broadcast …", grace)
	return s.await(ctx, events, "LiveEnded")
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

// timeline prints the events, and how long after its decision each was durable, and was acknowledged
// by the queue.
func (s *show) timeline() {
	const row = "      %-13s %7s  %-16s %-12s %-11s %10s %10s\n"
	fmt.Printf(row, "TIME", "VERSION", "EVENT", "REASON", "BY", "COMMITTED", "PUBLISHED")
	for _, e := range s.told {
		at := e.GetOccurredAt().AsTime()
		fmt.Printf(row, at.Local().Format("15:04:05.000"), fmt.Sprint(e.GetVersion()), e.GetType(), e.GetReason(), e.GetActor(),
			after(at, e.GetCommittedAt()), after(at, e.GetPublishedAt()))
	}
}

func after(start time.Time, end *timestamppb.Timestamp) string {
	if end.GetSeconds() <= 0 {
		return "–" // not stamped
	}
	return fmt.Sprintf("+%d ms", end.AsTime().Sub(start).Milliseconds())
}

func say(format string, args ...any) {
	fmt.Printf("%s  %s\n", time.Now().Format("15:04:05"), fmt.Sprintf(format, args...))
}
