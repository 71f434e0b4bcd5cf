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
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/status"

	roomv1 "github.com/greenroomlive/greenroom/api/gen/greenroom/room/v1"
	"github.com/greenroomlive/greenroom/internal/core/fault"
	"github.com/greenroomlive/greenroom/internal/core/ident"
	"github.com/greenroomlive/greenroom/internal/flow/feed"
)

// endless is a feed table that no socket buffer holds.
type endless struct{}

const muchTooMuch = 1 << 20

func (endless) Frames(_ context.Context, after ident.FeedSeq, limit int) ([]feed.Frame, error) {
	line := fmt.Appendf(nil, `{"title":%q}`, strings.Repeat("x", 4096))
	out := make([]feed.Frame, limit)
	for i := range out {
		out[i] = feed.Frame{Seq: after + ident.FeedSeq(i) + 1, Room: 1, Type: "WentLive", JSON: fmt.Appendf(nil, `{"snapshot":%s}`, line)}
	}
	return out, nil
}
func (endless) Oldest(context.Context) (ident.FeedSeq, error) { return 1, nil }
func (endless) RoomFrames(context.Context, ident.RoomID, ident.FeedSeq, ident.FeedSeq, int) ([]feed.Frame, bool, error) {
	return nil, false, nil
}

// serve runs a door until the test ends.
func serve(t *testing.T, run func(context.Context) error) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
}

func local(t *testing.T) net.Listener {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	return ln
}

// eventually waits for a condition that another goroutine brings about.
func eventually(t *testing.T, what string, is func() bool) {
	t.Helper()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for late := time.After(10 * time.Second); !is(); {
		select {
		case <-tick.C:
		case <-late:
			t.Fatalf("%s did not come", what)
		}
	}
}

func crowded(t *testing.T) Config {
	t.Helper()
	hub := feed.New(feed.Config{Store: endless{}})
	hub.Advance(nil, muchTooMuch)
	return Config{Rooms: hotServer().Rooms, Feed: hub, Ready: func() error { return nil }, Log: slog.New(slog.DiscardHandler)}
}

func TestAClientThatNeverReadsItsFeedIsCut(t *testing.T) {
	ln := local(t)
	s := NewHTTP(crowded(t), ln)
	s.patience = 50 * time.Millisecond
	serve(t, s.Run)
	conn, err := net.Dial("tcp", ln.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if _, err := io.WriteString(conn, "GET /v1/feed HTTP/1.1\r\nHost: localhost\r\n\r\n"); err != nil {
		t.Fatal(err)
	}
	// One byte shows that the feed began; nothing is read after it.
	if _, err := conn.Read(make([]byte, 1)); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the end of the feed", func() bool { return s.push.hub.Audience().Cut.Load() == 1 && s.push.feeds.Load() == 0 })
}

func TestAClientThatNeverReadsItsStreamIsCut(t *testing.T) {
	ln := local(t)
	s := NewGRPC(crowded(t), ln)
	s.patience = 50 * time.Millisecond
	serve(t, s.Run)
	conn, err := grpc.NewClient(ln.Addr().String(), grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	watch, err := roomv1.NewRoomServiceClient(conn).WatchFeed(t.Context(), &roomv1.WatchFeedRequest{})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := watch.Recv(); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the end of the stream", func() bool { return s.feeds.Load() == 0 })
	for err = nil; err == nil; { // what was under way arrives, then the reason
		_, err = watch.Recv()
	}
	if status.Code(err) != codes.DeadlineExceeded {
		t.Errorf("ended with %v", err)
	}
}

func TestFeedsAreBoundedOnBothProtocols(t *testing.T) {
	s := NewGRPC(crowded(t), nil)
	defer s.stop()
	s.feeds.Store(maxWatches)
	if err := s.WatchFeed(&roomv1.WatchFeedRequest{}, nil); !errors.Is(err, fault.Overloaded) {
		t.Errorf("the last watcher and one got %v", err)
	}
	if got := s.feeds.Load(); got != maxWatches {
		t.Errorf("%d feeds are counted after a refusal", got)
	}
}

func TestConnectionsAreBounded(t *testing.T) {
	inner := local(t)
	l := &boundedListener{Listener: inner, max: 1, refuse: refuseHTTP}
	accepted := make(chan net.Conn)
	go func() {
		defer close(accepted)
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			accepted <- c
		}
	}()
	dial := func() net.Conn {
		c, err := net.Dial("tcp", inner.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = c.Close() })
		return c
	}
	dial()
	first := <-accepted

	resp, err := http.ReadResponse(bufio.NewReader(dial()), nil)
	if err != nil {
		t.Fatal(err)
	}
	body, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode != fault.Overloaded.HTTP || !bytes.Contains(body, []byte(`{"error":{"code":"OVERLOADED"`)) || !resp.Close {
		t.Errorf("one too many was answered %d %s (%v)", resp.StatusCode, body, err)
	}

	_ = first.Close()
	_ = first.Close() // twice gives one place back
	dial()
	second := <-accepted
	if got := l.open.Load(); got != 1 {
		t.Errorf("%d connections are counted, one is open", got)
	}
	_ = second.Close()
	_ = inner.Close()
	<-accepted
}

func TestAPanicIsOneAnswerAndNotTheEndOfTheProcess(t *testing.T) {
	s := hotServer()
	defer s.stop()
	s.Rooms = nil // the next read falls over
	ctx := hotRequest()
	s.handle(ctx)
	if ctx.Response.StatusCode() != 500 || !bytes.Contains(ctx.Response.Body(), []byte(`"INTERNAL"`)) {
		t.Errorf("answered %d %s", ctx.Response.StatusCode(), ctx.Response.Body())
	}
	g := NewGRPC(Config{Log: slog.New(slog.DiscardHandler)}, nil)
	defer g.stop()
	_, err := g.unary(t.Context(), nil, &grpc.UnaryServerInfo{}, func(context.Context, any) (any, error) { panic("out of luck") })
	if status.Code(err) != codes.Internal || strings.Contains(err.Error(), "luck") {
		t.Errorf("a call ended with %v", err)
	}
	err = func() (err error) {
		defer g.recovered(t.Context(), &err)
		panic("out of luck")
	}()
	if status.Code(err) != codes.Internal {
		t.Errorf("a stream ended with %v", err)
	}
}

func TestNothingIsReadBehindABody(t *testing.T) {
	ln := local(t)
	serve(t, NewHTTP(crowded(t), ln).Run)
	for _, body := range []string{
		"Content-Length: 3\r\n\r\nabc",
		"Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
		"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
	} {
		conn, err := net.Dial("tcp", ln.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		smuggled := "GET /v1/rooms/7345120812338774016 HTTP/1.1\r\nHost: localhost\r\n\r\n"
		if _, err := io.WriteString(conn, "GET /healthz HTTP/1.1\r\nHost: localhost\r\n"+body+smuggled); err != nil {
			t.Fatal(err)
		}
		said, err := io.ReadAll(conn)
		if n := bytes.Count(said, []byte("HTTP/1.1 ")); n != 1 {
			t.Errorf("%q: %d answers (%v): %s", body, n, err, said)
		}
	}
}

func TestAWebPageMayReadHowFreshARoomIs(t *testing.T) {
	s, ctx := hotServer(), hotRequest()
	defer s.stop()
	s.handle(ctx)
	got := string(ctx.Response.Header.Peek("Access-Control-Expose-Headers"))
	for _, name := range []string{"ETag", "X-Request-Id", "X-Room-Age-Ms", "X-Room-Stale", "X-Room-Version"} {
		if !strings.Contains(got, name) {
			t.Errorf("%s is hidden: exposed are %s", name, got)
		}
	}
}

func TestAMessageThatCannotBeReadIsTheCallersFault(t *testing.T) {
	s := NewGRPC(crowded(t), nil)
	defer s.stop()
	handle := encodedHandler("GetRoom", (*GRPC).getRoom)
	_, err := handle(s, t.Context(), func(any) error { return status.Error(codes.Internal, "grpc: failed to unmarshal") }, s.unary)
	if st := status.Convert(err); st.Code() != codes.InvalidArgument || len(st.Details()) != 1 {
		t.Errorf("ended with %v", err)
	}
}
