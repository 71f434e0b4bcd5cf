package broadcast

import (
	"context"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	anchorv1 "github.com/greenroomlive/greenroom/api/gen/greenroom/anchor/v1"
	"github.com/greenroomlive/greenroom/internal/e2e/harness"
	"github.com/greenroomlive/greenroom/internal/stage"
)

// other is a media server that Debian does not have: its tests run where somebody says where it is.
type other struct {
	name string
	// env names the variable that holds the program's path.
	env string
	// config is the file that is handed out, apiFlag greenroom's flag for the API's address.
	config, apiFlag string
	// args start the program on a configuration file.
	args func(config string) []string
	// place moves the configuration to the test's addresses.
	place func(rtmp, api, hooks, free string) []string
}

var others = []other{
	{
		name: "srs", env: "SRS", config: "srs.conf", apiFlag: "--srs-api",
		args: func(config string) []string { return []string{"-c", config} },
		place: func(rtmp, api, hooks, free string) []string {
			return []string{"listen              1935;", "listen " + port(rtmp) + ";", "127.0.0.1:1985", api, "listen          8088", "listen " + port(free), "127.0.0.1:8080", hooks}
		},
	},
	{
		name: "mediamtx", env: "MEDIAMTX", config: "mediamtx.yml", apiFlag: "--mediamtx-api",
		args: func(config string) []string { return []string{config} },
		place: func(rtmp, api, hooks, free string) []string {
			return []string{"rtmpAddress: :1935", "rtmpAddress: " + rtmp, "127.0.0.1:9997", api, "hlsAddress: :8888", "hlsAddress: " + free,
				"127.0.0.1:8080", hooks, "webrtc: yes", "webrtc: no", "srt: yes", "srt: no"}
		},
	},
}

func port(addr string) string {
	_, p, _ := net.SplitHostPort(addr)
	return p
}

// TestTheStoryOnOtherMediaServers plays a broadcast on the real SRS and MediaMTX with the configurations
// that are handed out, only their addresses changed: refusals, leases by the poll, resume, end.
func TestTheStoryOnOtherMediaServers(t *testing.T) {
	for _, o := range others {
		t.Run(o.name, func(t *testing.T) {
			program := os.Getenv(o.env)
			if program == "" {
				t.Skipf("%s is no Debian package: make test-mediaservers %s=/path/to/%s", o.name, o.env, o.name)
			}
			harness.NeedMedia(t) // for ffmpeg
			s, rtmp := o.scene(t, program)
			address := "rtmp://" + rtmp + "/live/" + strconv.FormatInt(s.room, 10) + "?key="

			harness.MustFail(t, s.Publish(address+"gr_1_aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"))
			s.mustCount(`greenroom_hooks_callbacks_total{call="publish",result="KEY_REFUSED",server="` + o.name + `"} 1`)
			s.story.NothingSoFar()

			encoder := s.Publish(address + s.key)
			live := s.story.Next("WentLive")
			harness.MustFail(t, s.Publish(address+s.key)) // a second publisher
			s.awaitLease(at(live).Add(2 * lease))         // nothing but the poll renews it
			s.story.NothingSoFar()

			encoder.Kill()
			s.story.Next("LiveInterrupted")
			encoder = s.Publish(address + s.key)
			back := s.story.Next("LiveResumed")
			if back.GetSnapshot().GetLive().GetSessionId() != live.GetSnapshot().GetLive().GetSessionId() {
				t.Fatalf("resumed as %v, was %v", back.GetSnapshot().GetLive(), live.GetSnapshot().GetLive())
			}
			s.awaitLease(at(back).Add(lease + time.Millisecond)) // let in is not yet on air: MediaMTX waits for a key frame
			encoder.Stop()
			s.story.Next("LiveInterrupted")
			s.mustHaveEnded(s.story.Next("LiveEnded"), anchorv1.Session_UNPUBLISHED)

			encoder = s.Publish(address + s.key)
			live = s.story.Next("WentLive")
			s.awaitLease(at(live).Add(lease + time.Millisecond)) // on air, and listed
			if _, err := s.Client.StopRoom(t.Context(), s.room); err != nil {
				t.Fatal(err)
			}
			s.story.Next("LiveEnded")
			harness.MustFail(t, encoder) // the API was told to drop it
		})
	}
}

// scene starts greenroom and the media server on free addresses.
func (o *other) scene(t *testing.T, program string) (s *scene, rtmp string) {
	t.Helper()
	free := func() string {
		addr, err := stage.FreeAddr()
		if err != nil {
			t.Fatal(err)
		}
		return addr
	}
	rtmp, api := free(), free()
	g := harness.Start(t, "--lease", lease.String(), "--grace", grace.String(), o.apiFlag, "http://"+api)
	handed, err := os.ReadFile(filepath.Join("..", "..", "..", "deploy", "mediaserver", o.config))
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	config := filepath.Join(dir, o.config)
	placed := strings.NewReplacer(o.place(rtmp, api, g.CommandAddr(), free())...).Replace(string(handed))
	if err := os.WriteFile(config, []byte(placed), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.MkdirAll(filepath.Join(dir, "objs", "nginx", "html"), 0o700); err != nil { // where SRS puts its HLS
		t.Fatal(err)
	}
	server, err := stage.Start(nil, dir, program, o.args(config)...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		server.Stop()
		if t.Failed() {
			t.Logf("%s wrote:\n%s", o.name, server.Output())
		}
	})
	ctx, cancel := context.WithTimeout(t.Context(), harness.Deadline)
	defer cancel()
	if err := server.Until(ctx, "an RTMP port", func(ctx context.Context) error {
		conn, err := (&net.Dialer{Timeout: time.Second}).DialContext(ctx, "tcp", rtmp)
		if err == nil {
			err = conn.Close()
		}
		return err
	}); err != nil {
		t.Fatal(err)
	}
	s = &scene{Greenroom: g, t: t, room: g.Room(t.Name())}
	s.key, s.story = g.Key(s.room), g.Follow(s.room)
	s.story.Next("RoomCreated")
	return s, rtmp
}
