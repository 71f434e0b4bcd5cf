package forward_test

import (
	"bufio"
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"time"

	"connectrpc.com/connect"
	"go.uber.org/goleak"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/metadata"
	reflectv1 "google.golang.org/grpc/reflection/grpc_reflection_v1"
	"google.golang.org/grpc/status"

	anchorv1 "github.com/greenroomlive/greenroom/api/gen/greenroom/anchor/v1"
	"github.com/greenroomlive/greenroom/api/gen/greenroom/anchor/v1/anchorv1connect"
	faultv1 "github.com/greenroomlive/greenroom/api/gen/greenroom/fault/v1"
	greenroom "github.com/greenroomlive/greenroom/client"
	"github.com/greenroomlive/greenroom/internal/adapter/memory"
	"github.com/greenroomlive/greenroom/internal/core/ident"
	"github.com/greenroomlive/greenroom/internal/door/auth"
	"github.com/greenroomlive/greenroom/internal/door/commandapi"
	"github.com/greenroomlive/greenroom/internal/door/forward"
	"github.com/greenroomlive/greenroom/internal/door/hooks"
	"github.com/greenroomlive/greenroom/internal/flow/command"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const (
	token  = "ops_for_this_test"
	secret = "the fleet's secret"
)

var quiet = slog.New(slog.DiscardHandler)

// home is the store of a home zone, and its doors.
type home struct {
	t      *testing.T
	anchor *command.Anchor
	// around each door, inside forward.Trusted.
	around func(http.Handler) http.Handler
}

func newHome(t *testing.T) *home {
	return &home{
		t: t, anchor: command.NewAnchor(command.Config{Store: memory.NewRooms("test"), IDs: ident.NewMinter(1)}),
		around: func(h http.Handler) http.Handler { return h },
	}
}

// open serves a door at the address, "" for any.
func (h *home) open(address string) (at string, stop func()) {
	h.t.Helper()
	media := hooks.New(hooks.Config{Publishers: h.anchor, Log: quiet, Allow: []netip.Prefix{netip.MustParsePrefix("203.0.113.0/24"), hooks.Loopback()[0]}})
	door, err := commandapi.New(commandapi.Config{
		Anchor: h.anchor, Callers: auth.New(token, nil, nil), Log: quiet,
		Mount:  map[string]http.Handler{"/hooks/": media, "/console/live": http.HandlerFunc(live)},
		Around: func(inner http.Handler) http.Handler { return forward.Trusted(secret, h.around(inner)) },
	})
	if err != nil {
		h.t.Fatal(err)
	}
	return serve(h.t, address, door.Run)
}

// live is a page that goes on: an event for each line that the test puts into the query, then silence.
func live(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "text/event-stream")
	_, _ = io.WriteString(w, "data: "+r.Host+"\n\n")
	_ = http.NewResponseController(w).Flush()
	<-r.Context().Done()
}

func serve(t *testing.T, address string, run func(context.Context, net.Listener) error) (at string, stop func()) {
	t.Helper()
	if address == "" {
		address = "127.0.0.1:0"
	}
	ln, err := net.Listen("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- run(ctx, ln) }()
	stop = sync.OnceFunc(func() {
		cancel()
		if err := <-done; err != nil {
			t.Errorf("a door ended with %v", err)
		}
	})
	t.Cleanup(stop)
	return ln.Addr().String(), stop
}

// nobody is an address where nobody listens.
func nobody(t *testing.T) string {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	return ln.Addr().String()
}

type results struct {
	mu  sync.Mutex
	all []string
}

func (s *results) observe(home, result string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.all = append(s.all, result)
}

func forwarder(t *testing.T, change func(*forward.Config), homes ...string) (url string, heard *results) {
	t.Helper()
	heard = &results{}
	c := forward.Config{Home: homes, Secret: secret, Log: quiet, Observe: heard.observe}
	if change != nil {
		change(&c)
	}
	f, err := forward.New(c)
	if err != nil {
		t.Fatal(err)
	}
	at, _ := serve(t, "", f.Run)
	return "http://" + at, heard
}

func client(t *testing.T, url string, options ...greenroom.Option) *greenroom.Client {
	t.Helper()
	transport := &http.Transport{}
	t.Cleanup(transport.CloseIdleConnections)
	return greenroom.New(append([]greenroom.Option{
		greenroom.CommandURL(url), greenroom.Token(token), greenroom.HTTPClient(&http.Client{Transport: transport}), greenroom.Attempts(1),
	}, options...)...)
}

// rest sends a request; headers are pairs.
func rest(t *testing.T, method, url, body string, headers ...string) (int, http.Header, string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, url, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+token)
	for i := 0; i < len(headers); i += 2 {
		req.Header.Set(headers[i], headers[i+1])
	}
	transport := &http.Transport{DisableKeepAlives: true}
	resp, err := transport.RoundTrip(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, resp.Header, string(text)
}

func dial(t *testing.T, url string) *grpc.ClientConn {
	t.Helper()
	conn, err := grpc.NewClient(strings.TrimPrefix(url, "http://"), grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	return conn
}

func authorized(ctx context.Context) context.Context {
	return metadata.AppendToOutgoingContext(ctx, "authorization", "Bearer "+token)
}

const createRoom = "/greenroom.anchor.v1.AnchorService/CreateRoom"

func TestAllProtocolsReachHome(t *testing.T) {
	at, _ := newHome(t).open("")
	url, heard := forwarder(t, nil, at)

	if made, err := client(t, url).CreateRoom(t.Context(), &greenroom.NewRoom{Title: "by Connect"}); err != nil || made.GetRoom().GetTitle() != "by Connect" {
		t.Errorf("Connect: %v, %v", made, err)
	}
	code, header, body := rest(t, "POST", url+"/v1/rooms", `{"title":"by REST"}`, "X-Request-Id", "mine-1")
	if code != 201 || !strings.Contains(body, "by REST") || strings.Join(header.Values("X-Request-Id"), ",") != "mine-1" {
		t.Errorf("REST: %d %v %s", code, header, body)
	}
	if code, _, body := rest(t, "POST", url+"/v1/rooms", `{"titel":"typo"}`); code != 400 || !strings.Contains(body, "there is no such field") {
		t.Errorf("a refusal of home's: %d %s", code, body)
	}
	if code, _, body := rest(t, "POST", url+"/v1/rooms", `{"title":"`+strings.Repeat("x", 70<<10)+`"}`); code != 413 || !strings.Contains(body, "TOO_LARGE") {
		t.Errorf("a huge body: %d %s", code, body)
	}
	conn := dial(t, url)
	var trailer metadata.MD
	answer := &anchorv1.RoomResponse{}
	if err := conn.Invoke(authorized(t.Context()), createRoom, &anchorv1.CreateRoomRequest{Title: "by gRPC"}, answer, grpc.Trailer(&trailer)); err != nil || answer.GetRoom().GetTitle() != "by gRPC" {
		t.Errorf("gRPC: %v, %v", answer, err)
	}
	if err := conn.Invoke(t.Context(), createRoom, &anchorv1.CreateRoomRequest{Title: "a"}, answer); faultOf(err) != "UNAUTHENTICATED" {
		t.Errorf("a refusal over gRPC: %v", err)
	}
	stream, err := reflectv1.NewServerReflectionClient(conn).ServerReflectionInfo(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for range 3 { // back and forth on one stream
		if err := stream.Send(&reflectv1.ServerReflectionRequest{MessageRequest: &reflectv1.ServerReflectionRequest_ListServices{}}); err != nil {
			t.Fatal(err)
		}
		if got, err := stream.Recv(); err != nil || len(got.GetListServicesResponse().GetService()) == 0 {
			t.Fatalf("a stream over gRPC: %v, %v", got, err)
		}
	}
	_ = stream.CloseSend()
	if _, err := stream.Recv(); !errors.Is(err, io.EOF) {
		t.Errorf("the end of the stream: %v", err)
	}
	if rooms, _, err := client(t, url).ListRooms(t.Context(), 0, ""); err != nil || len(rooms) != 3 {
		t.Errorf("%d rooms, %v", len(rooms), err)
	}
	if len(heard.all) != 8 {
		t.Errorf("heard %v", heard.all)
	}
}

func TestALivePageFlows(t *testing.T) {
	at, _ := newHome(t).open("")
	url, _ := forwarder(t, nil, at)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url+"/console/live", nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Host = "console.example"
	transport := &http.Transport{DisableKeepAlives: true}
	resp, err := transport.RoundTrip(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if line, err := bufio.NewReader(resp.Body).ReadString('\n'); err != nil || line != "data: console.example\n" {
		t.Errorf("%q, %v", line, err) // the first event came while the page is open, for the Host that was asked
	}
}

// faultOf is the code of the registry that a gRPC status carries.
func faultOf(err error) string {
	for _, d := range status.Convert(err).Details() {
		if f, ok := d.(*faultv1.Fault); ok {
			return f.GetCode()
		}
	}
	return ""
}

func TestADeadHomeIsPassedBy(t *testing.T) {
	h := newHome(t)
	at, _ := h.open("")
	// Whichever of them comes first for this client, it happens once.
	for _, homes := range [][]string{{nobody(t), at}, {at, nobody(t)}} {
		url, heard := forwarder(t, nil, homes...)
		for range 5 {
			if _, err := client(t, url).CreateRoom(t.Context(), &greenroom.NewRoom{Title: "A"}); err != nil {
				t.Error(err)
			}
		}
		if strings.Join(heard.all, " ") != "ok ok ok ok ok" {
			t.Errorf("heard %v", heard.all)
		}
	}
	if rooms, _, err := client(t, "http://"+at).ListRooms(t.Context(), 0, ""); err != nil || len(rooms) != 10 {
		t.Errorf("%d rooms, %v", len(rooms), err)
	}
}

func TestHomeUnreachableInEachProtocol(t *testing.T) {
	url, heard := forwarder(t, nil, nobody(t), nobody(t))
	code, header, body := rest(t, "POST", url+"/v1/rooms", `{"title":"A"}`, "X-Request-Id", "mine-2")
	if code != 503 || header.Get("Retry-After") != "1" || header.Get("X-Request-Id") != "mine-2" ||
		!strings.Contains(body, `"code":"HOME_UNREACHABLE"`) || !strings.Contains(body, `"details":{"happened":"no"}`) || !strings.Contains(body, `"request_id":"mine-2"`) {
		t.Errorf("REST: %d %v %s", code, header, body)
	}
	_, err := client(t, url).CreateRoom(t.Context(), &greenroom.NewRoom{Title: "A"})
	if e, ok := errors.AsType[*greenroom.Error](err); !ok || e.Code != "HOME_UNREACHABLE" || !e.Retryable || e.Details["happened"] != "no" {
		t.Errorf("Connect: %v", err)
	}
	err = dial(t, url).Invoke(authorized(t.Context()), createRoom, &anchorv1.CreateRoomRequest{Title: "A"}, &anchorv1.RoomResponse{})
	if status.Code(err) != codes.Unavailable || faultOf(err) != "HOME_UNREACHABLE" {
		t.Errorf("gRPC: %v", err)
	}
	web := anchorv1connect.NewAnchorServiceClient(http.DefaultClient, url, connect.WithGRPCWeb())
	if _, err := web.GetRoom(t.Context(), connect.NewRequest(&anchorv1.GetRoomRequest{Id: 1})); connect.CodeOf(err) != connect.CodeUnavailable {
		t.Errorf("gRPC-Web: %v", err)
	}
	http.DefaultClient.CloseIdleConnections()
	if code, _, body := rest(t, "GET", url+"/readyz", ""); code != 200 || body != "ready\n" {
		t.Errorf("the forwarder itself: %d %s", code, body)
	}
	if len(heard.all) != 4 {
		t.Errorf("heard %v", heard.all)
	}
}

// A home that breaks off after it has read a command may have done it: nobody but the caller may repeat that.
func TestACommandThatMayHaveHappenedIsNotRepeated(t *testing.T) {
	h := newHome(t)
	var asked sync.Map
	h.around = func(http.Handler) http.Handler {
		return http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
			_, _ = io.Copy(io.Discard, r.Body)
			asked.Store(r.Method+r.Header.Get("X-Request-Id")+r.Context().Value(http.LocalAddrContextKey).(net.Addr).String(), true)
			panic(http.ErrAbortHandler)
		})
	}
	one, _ := h.open("")
	two, _ := h.open("")
	count := func() (n int) {
		asked.Range(func(any, any) bool { n++; return true })
		asked.Clear()
		return n
	}
	for name, tt := range map[string]struct {
		method, path, body, happened string
		homes                        int
	}{
		"a command":                {"POST", "/v1/rooms", `{"title":"A"}`, "unknown", 1},
		"a command without a body": {"POST", "/v1/rooms/1:stop", "", "unknown", 1},
		"a read":                   {"GET", "/v1/rooms", "", "no", 2},
	} {
		url, _ := forwarder(t, nil, one, two) // a new one: the last has opened its breakers
		code, _, body := rest(t, tt.method, url+tt.path, tt.body)
		if homes := count(); code != 503 || !strings.Contains(body, `"happened":"`+tt.happened+`"`) || homes != tt.homes {
			t.Errorf("%s: %d homes, %d %s", name, homes, code, body)
		}
	}
}

func TestHomeRestartsInTheMiddle(t *testing.T) {
	h := newHome(t)
	at, stop := h.open("")
	url, _ := forwarder(t, nil, at)
	c := client(t, url, greenroom.Attempts(30), greenroom.Backoff(100*time.Millisecond, 200*time.Millisecond))
	restarted := make(chan struct{})
	for i := range 20 {
		switch i {
		case 5:
			stop()
			go func() {
				defer close(restarted)
				if _, _, err := client(t, url).ListRooms(context.Background(), 0, ""); !greenroom.HasCode(err, "HOME_UNREACHABLE") {
					t.Errorf("while home is away: %v", err)
				}
				h.open(at)
			}()
		}
		if _, err := c.CreateRoom(t.Context(), &greenroom.NewRoom{Title: "A"}); err != nil {
			t.Fatal(err)
		}
	}
	<-restarted
	if rooms, _, err := c.ListRooms(t.Context(), 0, ""); err != nil || len(rooms) != 20 {
		t.Errorf("%d rooms, %v", len(rooms), err)
	}
}

func TestASlowHome(t *testing.T) {
	h := newHome(t)
	h.around = func(http.Handler) http.Handler {
		return http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() })
	}
	at, _ := h.open("")
	url, heard := forwarder(t, func(c *forward.Config) { c.AnswerTimeout = 50 * time.Millisecond }, at)
	if code, _, body := rest(t, "POST", url+"/v1/rooms", `{"title":"A"}`); code != 504 || !strings.Contains(body, "DEADLINE_EXCEEDED") {
		t.Errorf("REST: %d %s", code, body)
	}
	err := dial(t, url).Invoke(authorized(t.Context()), createRoom, &anchorv1.CreateRoomRequest{Title: "A"}, &anchorv1.RoomResponse{})
	if status.Code(err) != codes.DeadlineExceeded || faultOf(err) != "DEADLINE_EXCEEDED" {
		t.Errorf("gRPC: %v", err)
	}
	if got := strings.Join(heard.all, " "); got != "DEADLINE_EXCEEDED DEADLINE_EXCEEDED" {
		t.Errorf("heard %s", got)
	}
}

// Requests that never come to their end are no reason to leave home alone.
func TestASlowClientIsNotASlowHome(t *testing.T) {
	h := newHome(t)
	h.around = func(inner http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if strings.HasPrefix(r.URL.Path, "/slow") {
				<-r.Context().Done()
				return
			}
			inner.ServeHTTP(w, r)
		})
	}
	at, _ := h.open("")
	url, _ := forwarder(t, func(c *forward.Config) { c.AnswerTimeout = 50 * time.Millisecond }, at)
	for range 4 {
		body, rest := io.Pipe()
		go func() { _, _ = io.WriteString(rest, "the beginning") }()
		transport := &http.Transport{DisableKeepAlives: true}
		req, err := http.NewRequestWithContext(t.Context(), "POST", url+"/slow", body)
		if err != nil {
			t.Fatal(err)
		}
		resp, err := transport.RoundTrip(req)
		if err != nil {
			t.Fatal(err)
		}
		if _ = resp.Body.Close(); resp.StatusCode != http.StatusGatewayTimeout {
			t.Errorf("half a request: %s", resp.Status)
		}
		_ = rest.Close()
	}
	if code, _, body := rest(t, "GET", url+"/v1/rooms", ""); code != http.StatusOK {
		t.Errorf("a whole one after them: %d %s", code, body)
	}
}

func TestARequestOfWhichSomethingWasReadHasOneHome(t *testing.T) {
	// gRPC sends its body without a length: the second home gets it whole, because the first has read nothing of it.
	h := newHome(t)
	at, _ := h.open("")
	url, _ := forwarder(t, nil, nobody(t), nobody(t), at)
	conn := dial(t, url)
	for range 5 {
		answer := &anchorv1.RoomResponse{}
		err := conn.Invoke(authorized(t.Context()), createRoom, &anchorv1.CreateRoomRequest{Title: strings.Repeat("x", 80)}, answer)
		if err != nil || len(answer.GetRoom().GetTitle()) != 80 {
			t.Errorf("%v, %v", answer, err)
		}
	}
}

func TestNewSaysWhatIsWrong(t *testing.T) {
	for _, c := range []forward.Config{{Home: []string{"127.0.0.1:1"}}, {Secret: "s"}, {Secret: "s", Home: []string{"http://x"}}} {
		c.Log = quiet
		if _, err := forward.New(c); err == nil {
			t.Errorf("%+v is taken", c.Home)
		}
	}
}
