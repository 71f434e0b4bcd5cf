package cli

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/alecthomas/kong"
	"go.uber.org/goleak"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	opsv1 "github.com/greenroomlive/greenroom/api/gen/greenroom/ops/v1"
	"github.com/greenroomlive/greenroom/internal/adapter/memory"
	"github.com/greenroomlive/greenroom/internal/core/fault"
	"github.com/greenroomlive/greenroom/internal/core/ident"
	"github.com/greenroomlive/greenroom/internal/door/auth"
	"github.com/greenroomlive/greenroom/internal/door/commandapi"
	"github.com/greenroomlive/greenroom/internal/flow/command"
	"github.com/greenroomlive/greenroom/internal/guard/switches"
)

func TestMain(m *testing.M) {
	// signal.NotifyContext leaves the runtime's one signal goroutine behind.
	goleak.VerifyTestMain(m, goleak.IgnoreTopFunction("os/signal.loop"))
}

// town is both sides of a Greenroom with a data folder, as `greenroom dev` leaves it.
type town struct {
	t                          *testing.T
	commandURL, queryURL, data string
	ops                        *fakeOps
}

func open(t *testing.T) *town {
	t.Helper()
	h := &town{t: t, data: t.TempDir(), ops: &fakeOps{}}
	key, err := auth.DevKey(h.data)
	if err != nil {
		t.Fatal(err)
	}
	if err := auth.SaveOpsToken(h.data, "ops_of_dev"); err != nil {
		t.Fatal(err)
	}
	anchor := command.NewAnchor(command.Config{Store: memory.NewRooms("test"), IDs: ident.NewMinter(1)})
	door, err := commandapi.New(commandapi.Config{
		Anchor: anchor, Control: command.NewControl(anchor), People: command.NewPeople(anchor), Rules: command.NewRules(anchor), Zones: fakeZones{h.ops}, Callers: auth.New("ops_of_dev", publicOf(key), nil), Log: slog.New(slog.DiscardHandler),
		Switches: switches.New(switches.Config{Store: memory.NewSwitches(), Logger: slog.New(slog.DiscardHandler)}),
	})
	if err != nil {
		t.Fatal(err)
	}
	b, c := httptest.NewServer(door), httptest.NewServer(viewers())
	t.Cleanup(b.Close)
	t.Cleanup(c.Close)
	h.commandURL, h.queryURL = b.URL, c.URL
	return h
}

// viewers stands in for the C side: one room, one on air, a feed of two events that then breaks for good.
func viewers() http.Handler {
	const room = `{"id":"7","anchor_id":"42","title":"Evil\u001b[2Jtitle","live":{"status":"LIVE","session_id":"9","started_at":"2026-11-22T12:00:00Z"},"control":{"state":"NORMAL"},"version":"3","updated_at":"2026-11-22T12:00:00Z"}`
	mux := http.NewServeMux()
	say := func(status int, text string) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(status); _, _ = io.WriteString(w, text) }
	}
	mux.HandleFunc("/v1/rooms/7", say(200, `{"room":`+room+`}`))
	mux.HandleFunc("/v1/live", say(200, `{"rooms":[`+room+`],"next_page_token":"","snapshot":"s"}`))
	mux.HandleFunc("/v1/search", func(w http.ResponseWriter, r *http.Request) {
		found := room
		if r.URL.Query().Get("q") != "late #night" {
			found = ""
		}
		say(200, `{"rooms":[`+found+`],"next_page_token":"","complete":`+strconv.FormatBool(found != "")+`}`)(w, r)
	})
	feed := func(w http.ResponseWriter, r *http.Request) {
		switch after := r.URL.Query().Get("after"); {
		case len(after) > 10:
			say(400, `{"error":{"code":"INVALID_ARGUMENT","message":"m","details":{"field":"after","end":"4"},"request_id":"r"}}`)(w, r)
		case after == "4":
			for seq := 5; seq <= 6; seq++ {
				_, _ = fmt.Fprintf(w, `{"feed_seq":"%d","room_id":"7","version":"%d","epoch":"e","type":"WentLive","actor":"ops","changed":["live.status"],"committed_at":"2026-11-22T12:00:00Z"}`+"\n", seq, seq-3)
			}
			_, _ = io.WriteString(w, `{"error":{"code":"CURSOR_EXPIRED","message":"gone","details":{"oldest":"9"},"request_id":"r"}}`+"\n")
		default:
			say(400, `{"error":{"code":"INVALID_ARGUMENT","message":"after `+after+`","details":{},"request_id":"r"}}`)(w, r)
		}
	}
	mux.HandleFunc("/v1/feed", feed)
	mux.HandleFunc("/v1/rooms/7/events", feed)
	return mux
}

// run is one call of the command line.
func (h *town) run(args ...string) (stdout, stderr string, status int) {
	h.t.Helper()
	var out, errs bytes.Buffer
	args = append([]string{"--command-url", h.commandURL, "--query-url", h.queryURL, "--data", h.data}, args...)
	status = run(h.t.Context(), args, &out, &errs)
	return out.String(), errs.String(), status
}

// ok fails the test unless the call went well and its output matches.
func (h *town) ok(pattern string, args ...string) string {
	h.t.Helper()
	out, errs, status := h.run(args...)
	if status != statusOK || errs != "" {
		h.t.Fatalf("greenroom %s: status %d, %s", strings.Join(args, " "), status, errs)
	}
	if !regexp.MustCompile(pattern).MatchString(out) {
		h.t.Errorf("greenroom %s: %q does not match %s", strings.Join(args, " "), out, pattern)
	}
	return out
}

func (h *town) room() string {
	h.t.Helper()
	var made struct {
		ID string `json:"id"`
	}
	if err := json.Unmarshal([]byte(h.ok(`^\{.*\}\n$`, "--json", "room", "create", "Late night")), &made); err != nil {
		h.t.Fatal(err)
	}
	return made.ID
}

const when = `\d{4}-\d\d-\d\d \d\d:\d\d:\d\d`

func TestRooms(t *testing.T) {
	h := open(t)
	h.ok(`^There are no rooms yet`, "room", "list")
	id := h.room()
	h.ok(`(?m)^title +Late night$`, "room", "get", "--own", id)
	h.ok(`^ID +ANCHOR +STATUS +VERSION +UPDATED +TITLE\n`+id+` +1 +IDLE +1 +`+when+` +Late night\n$`, "room", "list")
	h.ok(`(?m)^tags +a, b$`, "room", "edit", id, "--tag", "a,b", "--if-match", "1")
	h.ok(`(?m)^tags +-$`, "room", "edit", id, "--tag=")
	h.ok(`(?m)^status +LIVE since `+when+`, session \d+$`, "room", "start", id)
	h.ok(`(?m)^status +IDLE$`, "room", "stop", id)
	h.ok(`SESSION +EPOCH .*\n\d+ +1 +ENDED +`+when+` +`+when+` +ANCHOR_STOPPED +manual +-\n`, "session", "list", id)
	out := h.ok(`(?m)^status +LIVE since `+when+`, session 9$`, "room", "get", "7")
	if strings.Contains(out, "\x1b") {
		t.Errorf("a title moves the cursor: %q", out)
	}
	h.ok(`(?m)^7 +42 +LIVE +3 `, "room", "list", "--live")
	h.ok(`^ID .*\n7 +42 +LIVE +3 .*\n$`, "room", "search", "late", "#night")
	h.ok(`^7\n$`, "room", "search", "late", "#night", "-q")
	h.ok(`^No room has these words.\nRooms may be missing: .*\n$`, "room", "search", "late")
}

func TestQuietPrintsWhatScriptsKeep(t *testing.T) {
	h := open(t)
	id := strings.TrimSpace(h.ok(`^\d+\n$`, "room", "create", "Quiet", "-q"))
	if got := h.ok(`^\d+\n$`, "room", "list", "-q"); got != id+"\n" {
		t.Errorf("room list -q says %q, want %s", got, id)
	}
	h.ok(`^gr_[a-z0-9]+_[a-z2-7]+\n$`, "key", "create", id, "--quiet")
}

func TestWatchBeginsAtTheEndAndSaysWhyItEnded(t *testing.T) {
	h := open(t)
	out, errs, status := h.run("room", "watch", "7")
	if n := strings.Count(out, "\n"); status != statusFault || n != 2 || !strings.Contains(out, "#5      room 7 ") || !strings.Contains(out, "v2    WentLive") {
		t.Errorf("status %d, %q", status, out)
	}
	if errs != "greenroom: CURSOR_EXPIRED: gone (oldest 9; request id r)\n" {
		t.Errorf("stderr %q", errs)
	}
	if _, errs, _ := h.run("room", "watch", "--after", "0"); !strings.Contains(errs, "after 0") {
		t.Errorf("--after 0 is taken for absent: %q", errs)
	}
}

func TestKeysAndAreas(t *testing.T) {
	h := open(t)
	id := h.room()
	h.ok(`^The room has no keys`, "key", "list", id)
	out := h.ok(`(?m)^stream key +gr_\w+_\w+$`, "key", "create", id, "--label", "studio")
	key := regexp.MustCompile(`key +(\d+)`).FindStringSubmatch(out)[1]
	h.ok(`(?m)^publish to +rtmp://HOST/live/`+id+`\?key=gr_`, "key", "rotate", id, key, "--overlap", "1m")
	h.ok(`(?m)^revoked +`+when, "key", "revoke", id, key)
	h.ok(`(?s)^KEY +LABEL +CREATED +EXPIRES +REVOKED\n.*studio.*studio`, "key", "list", id)

	h.ok(`^There are no areas`, "area", "list")
	games := strings.Fields(h.ok(`Games`, "area", "create", "Games"))[0]
	chess := strings.Fields(h.ok(`Chess`, "area", "create", "Chess", "--parent", games))[0]
	h.ok(`^`+games+`  Play\n  `+chess+`  Chess\n$`, "area", "rename", games, "Play")
	h.ok(`^`+chess+`  Chess\n$`, "area", "move", chess, "0")
	h.ok(`^`+chess+`  Chess\n`+games+`  Play\n$`, "area", "list")
}

func TestOperatorsCommands(t *testing.T) {
	h := open(t)
	h.ok(`(?m)^VERSION +TYPE +ACCEPTED .*\n2 +WentLive +`+when+` +\+1\.5ms +- `, "trace", "room", "7")
	h.ok(`^Nothing is parked\.\n$`, "parked", "list")
	h.ok(`(?m)^3 +7 +2 +WentLive +queue .* poison$`, "parked", "list", "--all")
	h.ok(`(?s)reason +poison\n00000000  70 6f 69`, "parked", "show", "3")
	h.ok(`(?m)^healed +`+when+` by redrive$`, "parked", "redrive", "3")
	h.ok(`(?m)^RANK +ROOM +READS/S +SINCE +TITLE\n1 +7 +12000 +`+when+` +Final$`, "hot")
	out := h.ok(``, "rebuild")
	if out != "scanning  rooms 1 of 2, events 0 of 0\nswitched  rooms 2 of 2, events 0 of 0\n" {
		t.Errorf("progress %q", out)
	}
	h.ops.fail = "checksums differ"
	if _, errs, status := h.run("rebuild"); status != statusFault || !strings.Contains(errs, "checksums differ") {
		t.Errorf("status %d, %q", status, errs)
	}
	h.ops.replaced = true
	if _, errs, status := h.run("rebuild"); status != statusFault || !strings.Contains(errs, "begin again") {
		t.Errorf("under another writer: status %d, %q", status, errs)
	}
}

func TestZones(t *testing.T) {
	h := open(t)
	h.ok(`(?m)^ZONE +NODES +PROJECTOR +READERS +AGE +FEED +NOTE\nhome +2 of 2 +127\.0\.0\.1:9000 +welcome +12ms +7 +home\nb +0 of 2 +- +- +- +0 +no node of zone b answers$`, "zone", "list")
	h.ok(`(?m)^b +2 of 2 +- +drained `, "zone", "drain", "b", "--reason", "new disks")
	h.ok(`(?m)^b +2 of 2 +- +welcome `, "zone", "undrain", "b")
	for _, command := range []string{"hot", "parked list", "parked show 3", "parked redrive 3", "trace room 7", "rebuild"} {
		if _, errs, status := h.run(append(strings.Fields(command), "--zone", "z")...); status != statusFault || !strings.Contains(errs, "ZONE_NOT_FOUND") {
			t.Errorf("%s of no zone: status %d, %q", command, status, errs)
		}
	}
	h.ok(`Nothing is parked`, "parked", "list", "--zone", "b")
}

func TestFaultsAndUsage(t *testing.T) {
	h := open(t)
	tests := []struct {
		args   string
		status int
		errs   string
	}{
		{"room get --own 1", statusFault, `^greenroom: ROOM_NOT_FOUND: .*request id \w+\)\n$`},
		{"room create x --area 9", statusFault, `^greenroom: AREA_NOT_FOUND: there is no area 9 \(field area_id; request id \w+\)\n$`},
		{"--token wrong room list", statusFault, `^greenroom: UNAUTHENTICATED: `},
		{"--command-url http://127.0.0.1:1 parked show 9", statusFault, `^greenroom: UNAVAILABLE: .*is 'greenroom dev' running\?\)\n$`},
		{"token mint --scope root", statusFault, `^greenroom: INVALID_ARGUMENT: .*\(field scope\)\n$`},
		{"room edit 7", statusFault, `nothing to change`},
		{"room list --live --anchor 4", statusUsage, `--anchor does not go with --live`},
		{"room explode", statusUsage, `^greenroom: unexpected argument explode.*\nTry 'greenroom --help'\.\n$`},
		{"room get abc", statusUsage, `abc`},
		{"explain everything", statusUsage, `go-live`},
		{"--config /does/not/exist version", statusUsage, `/does/not/exist`},
	}
	for _, tt := range tests {
		t.Run(tt.args, func(t *testing.T) {
			out, errs, status := h.run(strings.Fields(tt.args)...)
			if status != tt.status || out != "" || !regexp.MustCompile(tt.errs).MatchString(errs) {
				t.Errorf("status %d, stdout %q, stderr %q", status, out, errs)
			}
			if strings.Contains(errs, "wrong") && strings.Contains(tt.args, "--token") {
				t.Error("the token is shown")
			}
		})
	}
}

func TestMintedTokensOpenTheDoor(t *testing.T) {
	h := open(t)
	token := strings.TrimSpace(h.ok(`^ey[\w.-]+\n$`, "token", "mint", "--scope", "anchor:42", "--ttl", "1h"))
	h.ok(`(?m)^anchor +42$`, "--token", token, "room", "create", "Mine")
	if _, errs, status := h.run("--token", token, "parked", "list"); status != statusFault || !strings.Contains(errs, "PERMISSION_DENIED") {
		t.Errorf("status %d, %q", status, errs)
	}
}

func TestFlagsComeFromTheEnvironmentAndAFile(t *testing.T) {
	h := open(t)
	t.Setenv("GREENROOM_TOKEN", "wrong")
	if _, errs, status := h.run("room", "list"); status != statusFault || !strings.Contains(errs, "UNAUTHENTICATED") {
		t.Errorf("from the environment: %d, %q", status, errs)
	}
	t.Setenv("GREENROOM_TOKEN", "ops_of_dev")
	file := filepath.Join(t.TempDir(), "greenroom.yaml")
	text := "command-url: " + h.commandURL + "\njson: true\ndata: " + t.TempDir() + "\n"
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	var out, errs bytes.Buffer
	if status := run(t.Context(), []string{"--config", file, "room", "create", "A"}, &out, &errs); status != statusOK || !strings.HasPrefix(out.String(), `{"id":`) {
		t.Errorf("from a file: %d, %q %q", status, out.String(), errs.String())
	}
}

// plugged is a command of Main's caller.
type plugged struct{ Loud bool }

func (p *plugged) Run(ctx context.Context, out io.Writer, g *Globals) error {
	_, err := fmt.Fprintln(out, p.Loud, g.Token, ctx.Err())
	return err
}

func TestHelpAndPluggedCommands(t *testing.T) {
	var out, errs bytes.Buffer
	plug := kong.DynamicCommand("dev", "Run everything in one process.", "", &plugged{})
	if status := Main([]string{"dev", "--loud", "--token", "x"}, &out, &errs, plug); status != statusOK || out.String() != "true x <nil>\n" {
		t.Errorf("status %d, %q %q", status, out.String(), errs.String())
	}
	out.Reset()
	if status := Main([]string{"--help"}, &out, &errs, plug); status != statusOK || !strings.Contains(out.String(), "Run everything in one process.") {
		t.Errorf("status %d, %q", status, out.String())
	}
	out.Reset()
	if status := Main([]string{"version"}, &out, &errs); status != statusOK || !strings.HasPrefix(out.String(), "greenroom ") {
		t.Errorf("status %d, %q", status, out.String())
	}
}

// fakeOps has one parked event, healed, and a rebuild that takes two looks.
type fakeOps struct {
	fail     string
	replaced bool // it knows of no rebuild
	looks    int
}

func (o *fakeOps) letter() *opsv1.Parked {
	return &opsv1.Parked{Id: 3, RoomId: 7, Version: 2, Type: "WentLive", Courier: "queue", Reason: "poison", HealedAt: timestamppb.Now(), HealedBy: "redrive"}
}

func (o *fakeOps) ListParked(_ context.Context, all bool, _ int64, _ int) ([]*opsv1.Parked, error) {
	if !all {
		return nil, nil
	}
	return []*opsv1.Parked{o.letter()}, nil
}

func (o *fakeOps) GetParked(_ context.Context, id int64) (*opsv1.GetParkedResponse, error) {
	if id != 3 {
		return nil, fault.ParkedNotFound.New("there is no parked event %d", id)
	}
	return &opsv1.GetParkedResponse{Parked: o.letter(), Raw: []byte("poison")}, nil
}

func (o *fakeOps) Redrive(context.Context, int64) (*opsv1.Parked, error) { return o.letter(), nil }

func (o *fakeOps) TraceRoom(_ context.Context, id int64, _ int) (*opsv1.TraceRoomResponse, error) {
	accepted := time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)
	return &opsv1.TraceRoomResponse{RoomId: id, CommittedVersion: 2, ViewVersion: 2, Changes: []*opsv1.Change{{
		Version: 2, Type: "WentLive", AcceptedAt: timestamppb.New(accepted), CommittedAt: timestamppb.New(accepted.Add(1500 * time.Microsecond)),
	}}}, nil
}

func (o *fakeOps) ListHot(context.Context) (*opsv1.ListHotResponse, error) {
	return &opsv1.ListHotResponse{HotFrom: 500, Rooms: []*opsv1.HotRoom{{RoomId: 7, Title: "Final", ReadsPerSecond: 12_000, Since: timestamppb.Now()}}}, nil
}

func (o *fakeOps) Rebuild(context.Context) (*opsv1.RebuildProgress, error) {
	return &opsv1.RebuildProgress{Phase: "scanning", RoomsDone: 1, RoomsTotal: 2}, nil
}

func (o *fakeOps) RebuildProgress(context.Context) (*opsv1.RebuildProgress, error) {
	if o.replaced {
		return &opsv1.RebuildProgress{Phase: "idle"}, nil
	}
	if o.looks++; o.looks < 2 {
		return o.Rebuild(nil) //nolint:staticcheck // it asks nothing of it
	}
	p := &opsv1.RebuildProgress{Phase: "switched", RoomsDone: 2, RoomsTotal: 2, FinishedAt: timestamppb.Now()}
	if o.fail != "" {
		p.Phase, p.Error = "failed", o.fail
	}
	return p, nil
}

// fakeZones are the home zone, and a zone b that does not answer.
type fakeZones struct{ home *fakeOps }

func (z fakeZones) Ops(zone string) (commandapi.Ops, error) {
	if zone != "" && zone != "b" {
		return nil, fault.ZoneNotFound.New("there is no zone %s", zone)
	}
	return z.home, nil
}

func (z fakeZones) List(context.Context) []*opsv1.ViewerZone {
	return []*opsv1.ViewerZone{
		{Name: "home", Home: true, Nodes: 2, Reachable: 2, Leader: "127.0.0.1:9000", AgeMs: proto.Int64(12), Contiguous: 7},
		{Name: "b", Nodes: 2, Error: "no node of zone b answers"},
	}
}

func (z fakeZones) Drain(_ context.Context, zone string, drained bool, _ string) (*opsv1.ViewerZone, error) {
	return &opsv1.ViewerZone{Name: zone, Nodes: 2, Reachable: 2, Drained: drained}, nil
}
