package queryapi

import (
	"bufio"
	"bytes"
	"io"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"testing"
	"time"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	faultv1 "github.com/greenroomlive/greenroom/api/gen/greenroom/fault/v1"
	roomv1 "github.com/greenroomlive/greenroom/api/gen/greenroom/room/v1"
	"github.com/greenroomlive/greenroom/internal/core/fault"
	"github.com/greenroomlive/greenroom/internal/guard/limit"
	"github.com/greenroomlive/greenroom/internal/guard/shed"
)

const hotTarget = "/v1/rooms/7345120812338774016"

// crammed admits as a node does whose queue stands: everybody but who enters is refused.
func crammed() *Admissions {
	s := shed.New(20 * time.Millisecond)
	for now := time.Unix(0, 0); s.Level() < float64(shed.Classes-1); now = now.Add(shed.Window) {
		s.Observe(now, time.Second)
	}
	return (&Admissions{Shed: s}).Open()
}

// caller asks over one real connection.
type caller struct {
	testing.TB
	conn    net.Conn
	answers *bufio.Reader
}

func call(t testing.TB, addr net.Addr) *caller {
	t.Helper()
	conn, err := net.Dial("tcp", addr.String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	return &caller{t, conn, bufio.NewReader(conn)}
}

func (c *caller) ask(target string, headers ...string) (*http.Response, string) {
	c.Helper()
	c.send(target, headers...)
	return c.answer()
}

func (c *caller) send(target string, headers ...string) {
	c.Helper()
	if _, err := io.WriteString(c.conn, "GET "+target+" HTTP/1.1\r\nHost: localhost\r\n"+strings.Join(append(headers, ""), "\r\n")+"\r\n"); err != nil {
		c.Fatal(err)
	}
}

func (c *caller) answer() (*http.Response, string) {
	c.Helper()
	resp, err := http.ReadResponse(c.answers, nil)
	if err != nil {
		c.Fatal(err)
	}
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		c.Fatal(err)
	}
	return resp, string(body)
}

func TestTheLeastUrgentAreRefused(t *testing.T) {
	ln, config := local(t), crowded(t)
	config.Admissions = crammed()
	serve(t, NewHTTP(config, ln).Run)
	for _, row := range []struct {
		target, header string
		status         int
	}{
		{hotTarget, "", 200},
		{hotTarget, "X-Room-Priority: card", 503},
		{hotTarget, "x-room-priority:crawl", 503},
		{hotTarget, "X-Room-Priority: vip", 200}, // there is no such class
		{hotTarget + "?fields=title", "", 200},
		{"/v1/rooms?ids=7345120812338774016", "", 503},
		{"/v1/rooms?ids=7345120812338774016", "X-Room-Priority: enter", 503}, // nobody raises his own class
		{"/v1/live", "", 503},
		{"/v1/nowhere", "", 503},
		{"/healthz", "", 200},
		{"/readyz", "X-Room-Priority: crawl", 200},
	} {
		headers := []string{"Accept: */*", row.header}
		if row.header == "" {
			headers = headers[:1]
		}
		resp, body := call(t, ln.Addr()).ask(row.target, headers...)
		if resp.StatusCode != row.status {
			t.Errorf("%s %s: %d %s", row.target, row.header, resp.StatusCode, body)
		}
	}
}

// The fast lane and the server refuse alike, and the connection goes on.
func TestARefusal(t *testing.T) {
	ln, config := local(t), crowded(t)
	config.Admissions = crammed()
	serve(t, NewHTTP(config, ln).Run)
	c := call(t, ln.Addr())
	for name, accept := range map[string]string{"lane": "Accept: */*", "server": "Accept : */*"} {
		c := call(t, ln.Addr())
		resp, body := c.ask("/v1/live", accept)
		h := resp.Header
		if resp.StatusCode != 503 || h.Get("Retry-After") != "2" || h.Get("Cache-Control") != "no-store" || h.Get("Date") == "" ||
			h.Get("Access-Control-Allow-Origin") != "*" || h.Get("Content-Type") != "application/json" ||
			!strings.HasPrefix(body, `{"error":{"code":"SHED"`) || resp.Close {
			t.Errorf("%s: %d %v %s", name, resp.StatusCode, h, body)
		}
	}
	if resp, _ := c.ask("/v1/live"); resp.StatusCode != 503 {
		t.Errorf("a list was answered %d", resp.StatusCode)
	}
	if resp, _ := c.ask(hotTarget); resp.StatusCode != 200 {
		t.Errorf("who was refused a list cannot enter: %d", resp.StatusCode)
	}
}

// Who goes through the rooms one by one enters none of them: past its budget a client's reads are cards.
func TestARobotDoesNotEnter(t *testing.T) {
	ln, config := local(t), crowded(t)
	config.Admissions = crammed()
	serve(t, NewHTTP(config, ln).Run)
	c := call(t, ln.Addr())
	entered := 0
	for range 4 * entersAtOnce {
		c.send(hotTarget)
	}
	for range 4 * entersAtOnce {
		if resp, _ := c.answer(); resp.StatusCode == 200 {
			entered++
		}
	}
	if entered < entersAtOnce || entered > 3*entersAtOnce {
		t.Errorf("%d of %d were let in, the budget is %d", entered, 4*entersAtOnce, entersAtOnce)
	}
}

// Who asks on at once is read later and later; who is refused for the first time, at once.
func TestWhoDoesNotListenIsHeld(t *testing.T) {
	config := crowded(t)
	config.Admissions = crammed()
	s := NewHTTP(config, nil)
	defer s.stop()
	for range 100_000 { // a crowd of others who do not listen either
		r := shed.Record{}
		config.Admissions.pace.Refused(&r, time.Since(config.Admissions.began))
		config.Admissions.pace.Refused(&r, time.Since(config.Admissions.began))
	}
	says := [][]byte{[]byte("GET /v1/live HTTP/1.1\r\nHost: localhost\r\n\r\n")}
	w := &socket{says: append(says, says[0], says[0])}
	c := laneOver(s, w)
	var holds []time.Duration
	for range 3 {
		b := make([]byte, 4096)
		n, err := c.pacedConn.Conn.Read(b)
		if err != nil {
			t.Fatal(err)
		}
		if _, _, err := c.answer(b[:n]); err != nil {
			t.Fatal(err)
		}
		holds = append(holds, c.hold)
	}
	if holds[0] != 0 || holds[1] <= 0 || holds[2] <= holds[1] || holds[2] > shed.RetryAfter {
		t.Errorf("held for %v", holds)
	}
	if got := bytes.Count(w.heard.Bytes(), []byte("HTTP/1.1 503 ")); got != 3 {
		t.Errorf("%d refusals: %s", got, w.heard.Bytes())
	}
	// A proxy is not held: others wait behind it.
	config.Admissions.Proxies = limit.Proxies{netip.MustParsePrefix("0.0.0.0/0")}
	c.peer, c.hold = netip.MustParseAddr("192.0.2.1"), 0
	if !c.refuses(&request{target: []byte("/v1/live")}, plainHead) || c.hold != 0 {
		t.Errorf("a proxy is held for %v", c.hold)
	}
}

func TestBudgetsAreTold(t *testing.T) {
	ln, config := local(t), crowded(t)
	config.Admissions = (&Admissions{Limit: limit.New(0.01, 2), Proxies: limit.Proxies{netip.MustParsePrefix("127.0.0.0/8")}}).Open()
	serve(t, NewHTTP(config, ln).Run)
	c := call(t, ln.Addr())
	said := func(resp *http.Response) string {
		h := resp.Header
		return strings.Join([]string{
			resp.Status[:3], h.Get("RateLimit-Limit"), h.Get("RateLimit-Remaining"), h.Get("RateLimit-Reset"),
			h.Get("RateLimit-Policy"), h.Get("RateLimit"), h.Get("Retry-After"),
		}, " ")
	}
	for i, want := range []string{
		`200 2 1 100 "client";q=2;w=200 "client";r=1;t=100 `,
		`200 2 0 200 "client";q=2;w=200 "client";r=0;t=200 `,
		`429 2 0 200 "client";q=2;w=200 "client";r=0;t=200 100`,
	} {
		resp, body := c.ask(hotTarget, "X-Forwarded-For: 203.0.113.1")
		if got := said(resp); got != want {
			t.Errorf("request %d: %s, want %s", i, got, want)
		}
		if resp.StatusCode == 429 && !strings.HasPrefix(body, `{"error":{"code":"RATE_LIMITED"`) {
			t.Errorf("request %d: %s", i, body)
		}
	}
	if resp, _ := c.ask(hotTarget, "X-Forwarded-For: 203.0.113.1", "X-Forwarded-For: 203.0.113.2"); resp.StatusCode != 200 {
		t.Errorf("another client behind the same proxy was answered %s", said(resp))
	}
	if resp, _ := c.ask("/healthz"); resp.StatusCode != 200 || resp.Header.Get("RateLimit-Limit") != "" {
		t.Errorf("a probe was answered %s", said(resp))
	}
}

func TestGRPCIsAdmittedAlike(t *testing.T) {
	ln, config := local(t), crowded(t)
	config.Admissions = crammed()
	serve(t, NewGRPC(config, ln).Run)
	conn, err := grpc.NewClient(ln.Addr().String(), grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	rooms := roomv1.NewRoomServiceClient(conn)
	if _, err := rooms.GetRoom(t.Context(), &roomv1.GetRoomRequest{Id: 7345120812338774016}); err != nil {
		t.Errorf("who enters was answered %v", err)
	}
	crawler := metadata.AppendToOutgoingContext(t.Context(), "x-room-priority", "crawl")
	_, err = rooms.GetRoom(crawler, &roomv1.GetRoomRequest{Id: 7345120812338774016})
	refusedWith(t, err, fault.Shed, shed.RetryAfter)
	_, err = rooms.ListLive(t.Context(), &roomv1.ListLiveRequest{})
	refusedWith(t, err, fault.Shed, shed.RetryAfter)
	watch, err := rooms.WatchFeed(t.Context(), &roomv1.WatchFeedRequest{})
	if err != nil {
		t.Fatal(err)
	}
	_, err = watch.Recv()
	refusedWith(t, err, fault.Shed, shed.RetryAfter)
}

func refusedWith(t *testing.T, err error, code *fault.Code, after time.Duration) {
	t.Helper()
	st := status.Convert(err)
	if st.Code() != codes.ResourceExhausted || len(st.Details()) != 2 {
		t.Fatalf("ended with %v, details %v", err, st.Details())
	}
	f, _ := st.Details()[0].(*faultv1.Fault)
	retry, _ := st.Details()[1].(*errdetails.RetryInfo)
	if f.GetCode() != code.Name || !f.GetRetryable() || retry.GetRetryDelay().AsDuration() != after {
		t.Errorf("fault %v, retry %v", f, retry)
	}
}

func TestGRPCBudgets(t *testing.T) {
	config := crowded(t)
	config.Admissions = (&Admissions{Limit: limit.New(1, 1)}).Open()
	s := NewGRPC(config, nil)
	defer s.stop()
	const method = roomv1.RoomService_ListAreas_FullMethodName
	if err := s.admits(t.Context(), method); err != nil {
		t.Error(err)
	}
	if st := status.Convert(s.admits(t.Context(), method)); st.Code() != codes.ResourceExhausted {
		t.Errorf("one too many: %v", st)
	}
	if err := s.admits(t.Context(), "/grpc.health.v1.Health/Check"); err != nil {
		t.Errorf("a probe: %v", err)
	}
}

// What admission adds to the hot path, calm and under load, and what a refusal costs beside an answer.
func TestAdmissionDoesNotAllocate(t *testing.T) {
	for name, a := range map[string]*Admissions{"calm": (&Admissions{Shed: shed.New(time.Second)}).Open(), "crammed": crammed()} {
		s := hotServer()
		s.Admissions = a
		c := laneOver(s, &socket{})
		for _, target := range []string{hotTarget, "/v1/rooms?ids=7345120812338774016"} {
			r := request{target: []byte(target), priority: []byte("card")}
			if n := testing.AllocsPerRun(1000, func() { c.refuses(&r, plainHead) }); n != 0 {
				t.Errorf("%s: %s allocates %v times", name, target, n)
			}
		}
		out := make([]byte, 0, 4096)
		if n := testing.AllocsPerRun(1000, func() { out = s.appendRefusal(out[:0], false) }); n != 0 {
			t.Errorf("a refusal allocates %v times", n)
		}
		s.stop()
	}
}

func benchmarkLane(b *testing.B, a *Admissions, target string) {
	s := hotServer()
	defer s.stop()
	s.Admissions = a
	w := &socket{}
	c := laneOver(s, w)
	head := []byte("GET " + target + " HTTP/1.1\r\nHost: localhost\r\n\r\n")
	b.ReportAllocs()
	for b.Loop() {
		w.heard.Reset()
		if done, _, err := c.answer(head); err != nil || done != len(head) {
			b.Fatal(done, err)
		}
	}
}

func BenchmarkLaneWithoutAdmission(b *testing.B) { benchmarkLane(b, nil, hotTarget) }
func BenchmarkLaneCalm(b *testing.B) {
	benchmarkLane(b, (&Admissions{Shed: shed.New(time.Second)}).Open(), hotTarget)
}
func BenchmarkLaneAdmits(b *testing.B) {
	a := crammed()
	a.enters = limit.New(1e9, 1e9)
	benchmarkLane(b, a, hotTarget)
}
func BenchmarkLaneRefuses(b *testing.B) { benchmarkLane(b, crammed(), "/v1/live?page_size=100") }
