package queryapi

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"runtime/debug"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/greenroomlive/greenroom/internal/core/fault"
	"github.com/greenroomlive/greenroom/internal/core/ident"
	"github.com/greenroomlive/greenroom/internal/core/view"
	"github.com/greenroomlive/greenroom/internal/flow/feed"
	"github.com/greenroomlive/greenroom/internal/flow/query"
	"github.com/greenroomlive/greenroom/internal/flow/speak"
)

// many is a cache of the rooms 1 to n, and views that are proven now and then.
type many struct {
	resident
	query.Views
	rooms  map[ident.RoomID]*query.Entry
	proven time.Time
}

func (m *many) Get(id ident.RoomID) (*query.Entry, bool) { e, ok := m.rooms[id]; return e, ok }
func (m *many) ProvenAt() time.Time                      { return m.proven }

func (*many) Cards(context.Context, []ident.RoomID) ([]view.RoomCard, error) { return nil, nil }
func (*many) ByAnchor(context.Context, ident.AnchorID, int) ([]view.RoomCard, error) {
	return nil, nil
}
func (*many) OnAir(context.Context, func(view.RoomCard) bool) error { return nil }
func (*many) Areas(context.Context) ([]view.Area, error)            { return nil, nil }

// laneServer has the rooms 1 to n resident, and a clock that stands still.
func laneServer(n int, age time.Duration) *HTTP {
	now := time.UnixMilli(1_790_000_000_000)
	m := &many{rooms: map[ident.RoomID]*query.Entry{}, proven: now.Add(-age)}
	for i := 1; i <= n; i++ {
		c := view.RoomCard{ID: ident.RoomID(i), Version: ident.Version(i), Title: strings.Repeat("jazz ", i%20), UpdatedAt: now.Add(-time.Hour)}
		m.rooms[c.ID] = query.NewEntry(&c)
	}
	clock := func() time.Time { return now }
	rooms := query.New(query.Config{Cache: m, Views: m, Freshness: m, Now: clock})
	return NewHTTP(Config{
		Rooms: rooms, Feed: feed.New(feed.Config{}), Log: slog.New(slog.DiscardHandler), Ready: func() error { return nil },
		Speech: laneSpeech(clock),
	}, nil)
}

// laneSpeech knows the token "good", lets "slow" in when it has been looked up, and nobody else. User 5 is muted in room 3.
func laneSpeech(clock func() time.Time) *Speech {
	court := speak.New()
	d := view.Detail{
		People: []view.Person{{User: 5, Mute: &view.Sanction{Until: clock().Add(time.Hour), Reason: strings.Repeat("spam ", 200)}}},
		Rules:  &view.Rules{BlockedTerms: []string{"spoiler"}},
	}
	if err := court.Tell(3, &d); err != nil {
		panic(err)
	}
	return &Speech{
		Court: func() *speak.Court { return court }, Now: clock,
		Knows: func(bearer []byte) bool { return string(bearer) == "good" },
		MayAsk: func(_ context.Context, bearer string) error {
			if bearer != "good" && bearer != "slow" {
				return fault.Unauthenticated.New("no token")
			}
			return nil
		},
	}
}

// posted is a question of who may speak in room 3.
func posted(bearer, body string, more ...string) string {
	return "POST /v1/rooms/3:checkSpeak" + hosted + "Authorization: Bearer " + bearer + "\r\n" + strings.Join(more, "") +
		fmt.Sprintf("Content-Length: %d\r\n\r\n%s", len(body), body)
}

// socket is a connection that says what it was given, in portions, and keeps what it is told.
type socket struct {
	net.Conn
	says  [][]byte
	heard bytes.Buffer
	// shut counts the times it was closed: by the server, or by the lane when the server stops.
	shut atomic.Int32
	// onWrite is called in the midst of a Write.
	onWrite func()
}

func (w *socket) Read(b []byte) (int, error) {
	if len(w.says) == 0 {
		return 0, io.EOF
	}
	n := copy(b, w.says[0])
	if w.says[0] = w.says[0][n:]; len(w.says[0]) == 0 {
		w.says = w.says[1:]
	}
	return n, nil
}

func (w *socket) Write(b []byte) (int, error) {
	if w.shut.Load() > 0 {
		return 0, net.ErrClosed
	}
	if w.onWrite != nil {
		w.onWrite()
	}
	return w.heard.Write(b)
}

func (w *socket) Close() error                     { w.shut.Add(1); return nil }
func (w *socket) LocalAddr() net.Addr              { return &net.TCPAddr{} }
func (w *socket) RemoteAddr() net.Addr             { return &net.TCPAddr{} }
func (w *socket) SetReadDeadline(time.Time) error  { return nil }
func (w *socket) SetWriteDeadline(time.Time) error { return nil }

func laneOver(s *HTTP, w *socket) *lane {
	return newLane(&pacedConn{Conn: w, patience: time.Hour, moved: time.Now()}, s)
}

// told serves what is said on one connection, with the fast lane or without, and returns the answers.
func told(t rapid.TB, s *HTTP, withLane bool, says ...[]byte) []byte {
	t.Helper()
	w := &socket{says: slices.Clone(says)}
	c := laneOver(s, w)
	c.aside = !withLane
	if err := s.server.ServeConn(c); err != nil && withLane {
		t.Logf("the server says %v", err)
	}
	return w.heard.Bytes()
}

// answers reads responses, and makes them comparable: without the order of headers, the moment and the
// id of a fault.
func answers(t rapid.TB, told []byte, methods ...string) (out []string) {
	t.Helper()
	r := bufio.NewReader(bytes.NewReader(told))
	for {
		if _, err := r.Peek(1); err != nil {
			return out
		}
		req := &http.Request{Method: "GET"}
		if len(out) < len(methods) {
			req.Method = methods[len(out)]
		}
		resp, err := http.ReadResponse(r, req)
		if err != nil {
			return append(out, "unreadable: "+err.Error())
		}
		body, err := io.ReadAll(resp.Body)
		if err != nil {
			return append(out, "cut: "+err.Error())
		}
		_ = resp.Body.Close()
		if id := resp.Header.Get("X-Request-Id"); id != "" {
			body = bytes.ReplaceAll(body, []byte(id), []byte("ID"))
			resp.Header.Del("X-Request-Id")
		}
		if resp.Header.Get("Date") == "" && resp.StatusCode >= 200 {
			t.Error("an answer without a Date")
		}
		resp.Header.Del("Date")
		var lines bytes.Buffer
		_ = resp.Header.Write(&lines)
		out = append(out, fmt.Sprintf("%d close %v\n%s\n%s", resp.StatusCode, resp.Close, lines.Bytes(), body))
	}
}

const hosted = " HTTP/1.1\r\nHost: localhost\r\n"

func TestTheLaneSaysWhatTheServerSays(t *testing.T) {
	for _, age := range []time.Duration{0, 7 * time.Millisecond, time.Minute} {
		s := laneServer(9, age)
		defer s.stop()
		for _, request := range []string{
			"GET /v1/rooms/7" + hosted + "\r\n",
			"HEAD /v1/rooms/7" + hosted + "\r\n",
			"GET /v1/rooms?ids=7,1,7,9" + hosted + "\r\n",
			"HEAD /v1/rooms?ids=7,1" + hosted + "\r\n",
			"GET /v1/rooms/7" + hosted + "Accept-Encoding: gzip, br\r\nUser-Agent: a browser\r\nconnection: Keep-Alive\r\n\r\n",
			posted("good", `{"user_id":"5"}`),
			posted("good", `{"user_id":"6","text":"no spoiler"}`, "Content-Type: application/json\r\n"),
			posted("good", `{"user_id":"6", "text":"hello", "last_message_at":"2026-11-24T12:00:00Z","member":true}`),
		} {
			method, _, _ := strings.Cut(request, " ")
			withLane, without := told(t, s, true, []byte(request)), told(t, s, false, []byte(request))
			if !bytes.HasPrefix(withLane, []byte("HTTP/1.1 200 OK\r\nContent-Type")) {
				t.Errorf("not the lane's: %s", withLane)
			}
			if got, want := answers(t, withLane, method), answers(t, without, method); !slices.Equal(got, want) {
				t.Errorf("%s\nlane   %s\nserver %s", request, got, want)
			}
		}
	}
}

// requests are what the lane must take, leave, and step aside for.
var requests = []string{
	"GET /v1/rooms/3" + hosted + "\r\n",
	"GET /v1/rooms/4" + hosted + "Accept: */*\r\n\r\n",
	"GET /v1/rooms?ids=1,2" + hosted + "\r\n",
	"GET /v1/rooms?ids=1,2" + hosted + "Accept-Encoding: gzip\r\n\r\n",
	"GET /v1/rooms?ids=1,&ids=3" + hosted + "\r\n",
	"GET /v1/rooms?ids=1,x" + hosted + "\r\n",
	"GET /v1/rooms/5?fields=id" + hosted + "\r\n",
	"GET /v1/rooms/5" + hosted + "If-None-Match: \"5\"\r\n\r\n",
	"GET /v1/rooms/5" + hosted + "IF-NONE-MATCH: \"6\"\r\n\r\n",
	"GET /v1/rooms/5" + hosted + "x-room-min-version: 0\r\n\r\n",
	"OPTIONS /v1/rooms/5" + hosted + "\r\n",
	"GET /healthz" + hosted + "\r\n",
	posted("good", `{"user_id":"5"}`),
	posted("good", `{"user_id":"6","text":"a spoiler"}`),
	posted("good", `{"user_id":"0"}`),
	posted("good", `{"user_id":"6","text":"\u0061"}`),
	posted("good", ` {}`),
	posted("good", `{"user_id":"6"}GET`),
	posted("slow", `{"user_id":"5"}`),
	posted("bad", `{"user_id":"5"}`),
	posted("good", `{"user_id":"5"}`, "Authorization: Bearer bad\r\n"),
	posted("good", `{"user_id":"6","text":"`+strings.Repeat("x", speak.MaxText+1)+`"}`),
	posted("good", `{"user_id":"6","text":"`+strings.Repeat("x", 2*speak.MaxText)+`"}`),
	strings.Replace(posted("good", `{"user_id":"5"}`), "/3:", "/99:", 1),
	strings.Replace(posted("good", `{"questions":[{"user_id":"5"},{"user_id":"6","text":"x"}]}`), ":checkSpeak", ":batchCheckSpeak", 1),
	strings.Replace(posted("good", `{"user_id":"5"}`), ":checkSpeak", ":checkSpeak?x=1", 1),
	"GET /v9/rooms" + hosted + "\r\n",
}

// oddities end what a connection says: what comes after them may not be a request.
var oddities = []string{
	"GET /v1/rooms/3 HTTP/1.0\r\n\r\n",
	"GET /v1/rooms/3 HTTP/1.1\r\n\r\n",
	"GET /v1/rooms/3" + hosted + "Connection: close\r\n\r\n",
	"GET /v1/rooms/3" + hosted + "Host: elsewhere\r\n\r\n",
	"GET /v1/rooms/3 HTTP/1.1\nHost: localhost\n\n",
	"GET /v1/rooms/3" + hosted + "X: y\n\r\n",
	"GET /v1/rooms/3" + hosted + " folded: x\r\n\r\n",
	"GET /v1/rooms/3" + hosted + "Content-Length : 5\r\n\r\nabcde",
	"GET /v1/rooms/3" + hosted + "Content-Length: 5\r\n\r\nabcde",
	"GET /v1/rooms/3" + hosted + "content-length: 0\r\n\r\n",
	"GET /v1/rooms/3" + hosted + "Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
	"GET /v1/rooms/3" + hosted + "Expect: 100-continue\r\n\r\n",
	"POST /v1/rooms/3" + hosted + "\r\n",
	"POST /v1/rooms/3:checkSpeak" + hosted + "\r\n",
	"POST /v1/rooms/3:checkSpeak" + hosted + "Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
	"POST /v1/rooms/3:checkSpeak" + hosted + "Content-Length: +15\r\n\r\n{\"user_id\":\"5\"}",
	"POST /v1/rooms/3:checkSpeak" + hosted + "Content-Length: 40\r\n\r\n{\"user_id\":\"5\"}", // and no more
	posted("good", `{"user_id":"5"}`, "Content-Length: 15\r\n"),
	posted("good", `{"user_id":"5"}`, "Content-Length: 1\r\n"),
	posted("good", `{"user_id":"5"}`, "Expect: 100-continue\r\n"),
	posted("good", `{"user_id":"5"}`, "Connection: close\r\n"),
	"\r\nGET /v1/rooms/3" + hosted + "\r\n",
	"GET /v1/rooms/3 HTTP/1.1\r\nHost:#\r\n\r\n",
	"GET /v1/rooms/3 HTTP/1.1\r\nHost::A\r\n\r\n",
	"GET /v1/rooms/3 HTTP/1.1\r\nHost: lo\x80cal\r\n\r\n",
	"GET  /v1/rooms/3" + hosted + "\r\n",
	"get /v1/rooms/3" + hosted + "\r\n",
	"GET /v1/rooms/3" + hosted + ": nameless\r\n\r\n",
	"GET /v1/rooms/3" + hosted, // and no more
	"GET /v1/rooms/3" + hosted + "X: " + strings.Repeat("x", maxHead) + "\r\n\r\n",
	"\x16\x03\x01\x02\x00",
}

func TestAConnectionIsAnsweredTheSameWithoutTheLane(t *testing.T) {
	s := laneServer(9, time.Second)
	defer s.stop()
	rapid.Check(t, func(t *rapid.T) {
		said := strings.Join(rapid.SliceOfN(rapid.SampledFrom(requests), 0, 6).Draw(t, "requests"), "") +
			rapid.SampledFrom(oddities).Draw(t, "oddity") + requests[0]
		var portions [][]byte
		for rest := []byte(said); len(rest) > 0; {
			n := min(rapid.IntRange(1, 400).Draw(t, "portion"), len(rest))
			portions, rest = append(portions, rest[:n]), rest[n:]
		}
		if len(said) > maxHead { // in one piece, or it takes all day
			portions = [][]byte{[]byte(said)}
		}
		sameAnswers(t, s, portions)
	})
}

func sameAnswers(t rapid.TB, s *HTTP, portions [][]byte) {
	t.Helper()
	got, want := answers(t, told(t, s, true, portions...)), answers(t, told(t, s, false, portions...))
	if !slices.Equal(got, want) {
		t.Fatalf("%q\nwith the lane %s\nwithout       %s", portions, strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

func FuzzLane(f *testing.F) {
	for _, r := range slices.Concat(requests, oddities) {
		f.Add([]byte(r), []byte(requests[0]))
	}
	s := laneServer(9, time.Second)
	defer s.stop()
	f.Fuzz(func(t *testing.T, one, two []byte) {
		for _, b := range [][]byte{one, two, append(slices.Clone(one), two...)} {
			if bytes.Contains(b, []byte("HEAD")) {
				t.Skip() // who reads the answers does not know which have no body
			}
			for _, endless := range []string{"feed", "events", "%"} {
				if bytes.Contains(b, []byte(endless)) {
					t.Skip()
				}
			}
		}
		sameAnswers(t, s, [][]byte{one, two})
	})
}

func TestWhatTheLaneSendsIsOneWrite(t *testing.T) {
	s := laneServer(1000, 0)
	defer s.stop()
	writes := 0
	w := &socket{says: [][]byte{[]byte(strings.Repeat(requests[0], 20))}, onWrite: func() { writes++ }}
	if n, err := laneOver(s, w).Read(make([]byte, maxHead)); n != 0 || !errors.Is(err, io.EOF) || writes != 1 {
		t.Errorf("%d writes for 20 pipelined requests, then %d, %v", writes, n, err)
	}
	if n := len(answers(t, w.heard.Bytes())); n != 20 {
		t.Errorf("%d answers", n)
	}
	// A flood of cheap requests for dear answers is answered in pieces, not gathered.
	flood := strings.Repeat("GET /v1/rooms?ids="+strings.Repeat("19,", 99)+"19"+hosted+"\r\n", 40)
	largest := 0
	w = &socket{says: [][]byte{[]byte(flood)}}
	w.onWrite = func() { largest = max(largest, w.heard.Len()) }
	c := laneOver(s, w)
	for {
		before := w.heard.Len()
		n, err := c.Read(make([]byte, maxHead))
		if w.heard.Len()-before > 40*flushFrom {
			t.Fatalf("%d bytes", w.heard.Len()-before)
		}
		if n == 0 && err != nil {
			break
		}
	}
	if n := len(answers(t, w.heard.Bytes())); n != 40 {
		t.Errorf("%d answers", n)
	}
}

func TestNoRequestIsLostInASmallBuffer(t *testing.T) {
	s := laneServer(9, 0)
	defer s.stop()
	const theirs = "GET /healthz" + hosted + "\r\n"
	w := &socket{says: [][]byte{[]byte(strings.Repeat(theirs+requests[0], 4))}}
	c := laneOver(s, w)
	for i, size := range []int{maxHead, len(theirs) + 5, len(theirs) + 90, len(theirs) + 3} {
		b := make([]byte, size)
		if n, err := c.Read(b); err != nil || string(b[:n]) != theirs {
			t.Fatalf("read %d: %q, %v", i, b[:n], err)
		}
	}
	if _, err := c.Read(make([]byte, maxHead)); !errors.Is(err, io.EOF) || len(answers(t, w.heard.Bytes())) != 4 {
		t.Errorf("%v, %d answers", err, len(answers(t, w.heard.Bytes())))
	}
}

func TestAConnectionThatIsClosedMeanwhileIsAnsweredFirst(t *testing.T) {
	s := laneServer(9, 0)
	defer s.stop()
	w := &socket{says: [][]byte{[]byte(requests[0]), []byte(requests[0])}}
	c := laneOver(s, w)
	w.onWrite = func() {
		if err := c.Close(); err != nil || w.shut.Load() != 0 {
			t.Errorf("closed in the midst of an answer: %v", err)
		}
	}
	if _, err := c.Read(make([]byte, maxHead)); !errors.Is(err, io.EOF) || len(answers(t, w.heard.Bytes())) != 1 {
		t.Errorf("%v, heard %s", err, w.heard.Bytes())
	}
	if err := c.Close(); err != nil || w.shut.Load() != 1 {
		t.Errorf("%v, closed %d times", err, w.shut.Load())
	}
	// Closed while it waits for a request: the next one is not taken any more.
	w.onWrite = nil
	if _, err := c.Read(make([]byte, maxHead)); err == nil || len(answers(t, w.heard.Bytes())) != 1 {
		t.Errorf("%v, heard %s", err, w.heard.Bytes())
	}
}

func TestAServerThatStopsSaysSo(t *testing.T) {
	s := laneServer(9, 0)
	s.stop()
	if got := told(t, s, true, []byte(requests[0])); bytes.HasPrefix(got, []byte("HTTP/1.1 200 OK\r\nContent-Type")) {
		t.Errorf("the lane answers when the server stops: %s", got)
	}
}

func TestAPanicInTheLaneIsAnsweredByTheServer(t *testing.T) {
	s := laneServer(9, 0)
	defer s.stop()
	s.Rooms = nil
	if got := answers(t, told(t, s, true, []byte(requests[0]))); len(got) != 1 || !strings.HasPrefix(got[0], "500 ") {
		t.Errorf("%s", got)
	}
}

// again is a connection that says the same for ever, and forgets what it is told.
type again struct {
	socket
	said []byte
}

func (a *again) Read(b []byte) (int, error)  { return copy(b, a.said), nil }
func (a *again) Write(b []byte) (int, error) { return len(b), nil }

// countable skips a test that counts allocations under the race detector, where a sync.Pool forgets at random.
func countable(t *testing.T) {
	t.Helper()
	info, _ := debug.ReadBuildInfo()
	if slices.Contains(info.Settings, debug.BuildSetting{Key: "-race", Value: "true"}) {
		t.Skip("allocations cannot be counted under the race detector")
	}
}

func TestTheLaneDoesNotAllocate(t *testing.T) {
	countable(t)
	s := laneServer(1000, 0)
	defer s.stop()
	for name, said := range map[string]string{
		"one room": requests[0], "10 rooms": batchOf(10), "1,000 rooms": batchOf(1000),
	} {
		w := &again{said: []byte(said)}
		c := newLane(&pacedConn{Conn: w, patience: time.Hour, moved: time.Now()}, s)
		b := make([]byte, maxHead)
		n := testing.AllocsPerRun(200, func() {
			got, err := c.next(b)
			if done, _, err2 := c.answer(b[:got]); err != nil || err2 != nil || done != len(said) {
				t.Fatalf("%d of %d bytes: %v, %v", done, len(said), err, err2)
			}
		})
		if n >= 1 { // a garbage collection empties the pool
			t.Errorf("%s: %v allocations", name, n)
		}
	}
}

// A question is copied out of the connection's buffer, and that is all.
func TestAQuestionIsCopiedOnce(t *testing.T) {
	countable(t)
	s := laneServer(9, 0)
	defer s.stop()
	c := newLane(&pacedConn{Conn: &again{}, patience: time.Hour, moved: time.Now()}, s)
	said := []byte(posted("good", `{"user_id":"6","text":"what a game"}`))
	if n := testing.AllocsPerRun(200, func() { _, _, _ = c.answer(said) }); n >= 2 {
		t.Errorf("%v allocations", n)
	}
}

func batchOf(n int) string {
	ids := make([]string, n)
	for i := range ids {
		ids[i] = fmt.Sprint(i + 1)
	}
	return "GET /v1/rooms?ids=" + strings.Join(ids, ",") + hosted + "\r\n"
}

func BenchmarkLane(b *testing.B) {
	s := laneServer(1000, 0)
	defer s.stop()
	for name, said := range map[string]string{"room": requests[0], "question": posted("good", `{"user_id":"6","text":"what a game"}`), "batch of 100": batchOf(100)} {
		b.Run(name, func(b *testing.B) {
			c := newLane(&pacedConn{Conn: &again{}, patience: time.Hour, moved: time.Now()}, s)
			request := []byte(said)
			b.ReportAllocs()
			for b.Loop() {
				_, _, _ = c.answer(request)
			}
		})
	}
}
