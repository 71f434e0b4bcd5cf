package commandapi_test

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"maps"
	"net"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	opsv1 "github.com/greenroomlive/greenroom/api/gen/greenroom/ops/v1"
	"github.com/greenroomlive/greenroom/internal/adapter/memory"
	"github.com/greenroomlive/greenroom/internal/core/fault"
	"github.com/greenroomlive/greenroom/internal/core/ident"
	"github.com/greenroomlive/greenroom/internal/door/auth"
	"github.com/greenroomlive/greenroom/internal/door/commandapi"
	"github.com/greenroomlive/greenroom/internal/flow/calendar"
	"github.com/greenroomlive/greenroom/internal/flow/command"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const opsToken = "ops_for_this_test"

var slogDiscard = slog.New(slog.DiscardHandler)

// house is a door on a real socket, over memory.
type house struct {
	t      *testing.T
	url    string
	store  *memory.Rooms
	anchor *command.Anchor
	key    ed25519.PrivateKey
	log    *syncBuffer
	http   *http.Client
}

func open(t *testing.T, change func(*commandapi.Config)) *house {
	t.Helper()
	_, key, err := ed25519.GenerateKey(nil)
	if err != nil {
		t.Fatal(err)
	}
	h := &house{t: t, key: key, log: &syncBuffer{}, store: memory.NewRooms("test")}
	h.anchor = command.NewAnchor(command.Config{Store: h.store, IDs: ident.NewMinter(1)})
	cfg := commandapi.Config{
		Anchor: h.anchor, Control: command.NewControl(h.anchor), People: command.NewPeople(h.anchor), Rules: command.NewRules(h.anchor), Extend: command.NewExtend(h.anchor), Planning: command.NewPlanning(h.anchor, &calendar.Calendar{}), Zones: fakeZones{&fakeOps{}}, Callers: auth.New(opsToken, key.Public().(ed25519.PublicKey), nil),
		Log: slog.New(slog.NewTextHandler(h.log, nil)),
	}
	if change != nil {
		change(&cfg)
	}
	door, err := commandapi.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	h.url = "http://" + ln.Addr().String()
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- door.Run(ctx, ln) }()
	transport := &http.Transport{}
	h.http = &http.Client{Transport: transport}
	t.Cleanup(func() {
		transport.CloseIdleConnections()
		cancel()
		if err := <-done; err != nil {
			t.Errorf("the door closed with %v", err)
		}
	})
	return h
}

func (h *house) token(scopes ...string) string {
	h.t.Helper()
	token, err := auth.Mint(h.key, auth.Grant{Scopes: scopes, TTL: time.Hour}, time.Now())
	if err != nil {
		h.t.Fatal(err)
	}
	return token
}

// answer is a REST answer, its body decoded.
type answer struct {
	status int
	header http.Header
	text   string
	body   map[string]any
}

// at walks the body: at("error", "details", "field").
func (a answer) at(path ...string) any {
	var v any = a.body
	for _, p := range path {
		if list, ok := v.([]any); ok {
			if i, err := strconv.Atoi(p); err == nil && i < len(list) {
				v = list[i]
				continue
			}
		}
		m, _ := v.(map[string]any)
		v = m[p]
	}
	return v
}

type header map[string]string

// do sends a REST call as the ops token; header "Authorization": "" sends none.
func (h *house) do(method, path, body string, headers ...header) answer {
	h.t.Helper()
	return h.send(h.t.Context(), method, path, strings.NewReader(body), headers...)
}

func (h *house) send(ctx context.Context, method, path string, body io.Reader, headers ...header) answer {
	h.t.Helper()
	req, err := http.NewRequestWithContext(ctx, method, h.url+path, body)
	if err != nil {
		h.t.Fatal(err)
	}
	all := header{"Authorization": "Bearer " + opsToken}
	for _, more := range headers {
		maps.Copy(all, more)
	}
	for k, v := range all {
		if v != "" {
			req.Header.Set(k, v)
		}
	}
	resp, err := h.http.Do(req)
	if err != nil {
		h.t.Fatal(err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		h.t.Fatal(err)
	}
	a := answer{status: resp.StatusCode, header: resp.Header, text: string(text)}
	if strings.HasPrefix(resp.Header.Get("Content-Type"), "application/json") {
		if err := json.Unmarshal(text, &a.body); err != nil {
			h.t.Fatalf("%s %s: %v in %s", method, path, err, text)
		}
	}
	return a
}

// want fails the test unless the answer has this status.
func (h *house) want(a answer, status int) answer {
	h.t.Helper()
	if a.status != status {
		h.t.Fatalf("status %d, want %d: %s", a.status, status, a.text)
	}
	return a
}

// room makes a room and returns its id.
func (h *house) room(headers ...header) string {
	h.t.Helper()
	return h.want(h.do("POST", "/v1/rooms", `{"title":"A room"}`, headers...), 201).at("room", "id").(string)
}

// wantFault checks the shape that every refusal has.
func (h *house) wantFault(a answer, code *fault.Code, field string) {
	h.t.Helper()
	if a.status != code.HTTP || a.at("error", "code") != code.Name {
		h.t.Errorf("got %d %s, want %d %s", a.status, a.text, code.HTTP, code.Name)
		return
	}
	details, ok := a.at("error", "details").(map[string]any)
	if !ok || a.at("error", "message") == "" {
		h.t.Errorf("not the shape of an error: %s", a.text)
	}
	if got, _ := details["field"].(string); got != field {
		h.t.Errorf("field %q, want %q: %s", got, field, a.text)
	}
	if id := a.header.Get("X-Request-Id"); id == "" || a.at("error", "request_id") != id {
		h.t.Errorf("request id %q in the header, %v in the body", id, a.at("error", "request_id"))
	}
}

// syncBuffer is a log that a server may write while a test reads.
type syncBuffer struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (b *syncBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.Write(p)
}

func (b *syncBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.String()
}

// fakeOps has three parked events, a trace that fails and a rebuild that panics.
type fakeOps struct{}

func (*fakeOps) ListParked(_ context.Context, all bool, before int64, limit int) ([]*opsv1.Parked, error) {
	var out []*opsv1.Parked
	for id := int64(3); id > 0 && len(out) < limit; id-- {
		if before == 0 || id < before {
			out = append(out, &opsv1.Parked{Id: id, Reason: "poison"})
		}
	}
	return out, nil
}

func (*fakeOps) GetParked(_ context.Context, id int64) (*opsv1.GetParkedResponse, error) {
	if id > 3 {
		return nil, fault.ParkedNotFound.New("there is no parked event %d", id)
	}
	return &opsv1.GetParkedResponse{Parked: &opsv1.Parked{Id: id}}, nil
}

func (*fakeOps) Redrive(_ context.Context, id int64) (*opsv1.Parked, error) {
	return &opsv1.Parked{Id: id, HealedBy: "redrive"}, nil
}

func (*fakeOps) TraceRoom(_ context.Context, id int64, limit int) (*opsv1.TraceRoomResponse, error) {
	if id == 13 {
		return nil, errors.New("disk on fire at /secret/path")
	}
	return &opsv1.TraceRoomResponse{RoomId: id, CommittedVersion: int64(limit)}, nil
}

func (*fakeOps) ListHot(context.Context) (*opsv1.ListHotResponse, error) {
	return &opsv1.ListHotResponse{HotFrom: 500}, nil
}

func (*fakeOps) Rebuild(context.Context) (*opsv1.RebuildProgress, error) { panic("out of luck") }

func (*fakeOps) RebuildProgress(context.Context) (*opsv1.RebuildProgress, error) {
	return &opsv1.RebuildProgress{Phase: "idle"}, nil
}

// fakeZones are the home zone, and a zone b that does not answer.
type fakeZones struct{ home commandapi.Ops }

func (z fakeZones) Ops(zone string) (commandapi.Ops, error) {
	if zone != "" {
		return nil, fault.ZoneNotFound.New("there is no zone %s", zone)
	}
	return z.home, nil
}

func (fakeZones) List(context.Context) []*opsv1.ViewerZone {
	return []*opsv1.ViewerZone{{Name: "home", Home: true}, {Name: "b", Error: "nobody answers"}}
}

func (fakeZones) Drain(_ context.Context, zone string, drained bool, _ string) (*opsv1.ViewerZone, error) {
	if zone != "home" {
		return nil, fault.ZoneNotFound.New("there is no zone %s", zone)
	}
	return &opsv1.ViewerZone{Name: zone, Home: true, Drained: drained}, nil
}
