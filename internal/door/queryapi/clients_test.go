package queryapi

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	roomv1 "github.com/greenroomlive/greenroom/api/gen/greenroom/room/v1"
	"github.com/greenroomlive/greenroom/internal/core/fault"
	"github.com/greenroomlive/greenroom/internal/core/ident"
	"github.com/greenroomlive/greenroom/internal/flow/feed"
	"github.com/greenroomlive/greenroom/internal/guard/limit"
)

const theProxy = "127.0.0.9"

// placed is a config that lets each client hold so many places, and counts who was refused. The networks of
// 127.0.0.0/8 are clients like others here.
func placed(t *testing.T, most int) (c Config, refused map[string]*atomic.Int64) {
	t.Helper()
	refused = map[string]*atomic.Int64{aConnection: {}, aFeed: {}}
	proxies := limit.Proxies{netip.MustParsePrefix(theProxy + "/32")}
	c = crowded(t)
	c.Admissions = (&Admissions{
		Places: limit.NewPlaces(most, proxies, nil), Proxies: proxies, Crowded: func(what string) { refused[what].Add(1) },
	}).Open()
	return c, refused
}

// from connects from an address of this machine.
func from(t *testing.T, addr string, ln net.Listener) net.Conn {
	t.Helper()
	d := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(addr)}}
	c, err := d.DialContext(t.Context(), "tcp", ln.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	_ = c.SetDeadline(time.Now().Add(10 * time.Second))
	return c
}

// says sends a request, or nothing, and reads the head of an answer.
func says(t *testing.T, c net.Conn, request string, headers ...string) *http.Response {
	t.Helper()
	if request != "" {
		text := request + " HTTP/1.1\r\nHost: localhost\r\n" + strings.Join(append(headers, ""), "\r\n") + "\r\n"
		if _, err := io.WriteString(c, text); err != nil {
			t.Fatal(err)
		}
	}
	method, _, _ := strings.Cut(request, " ")
	resp, err := http.ReadResponse(bufio.NewReader(c), &http.Request{Method: method})
	if err != nil {
		t.Fatal(err)
	}
	return resp
}

const aRoom = "GET /v1/rooms/7345120812338774016"

// isRefused reads the refusal that nobody asked for.
func isRefused(t *testing.T, resp *http.Response) {
	t.Helper()
	body, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode != fault.Overloaded.HTTP || resp.Header.Get("Retry-After") == "" || !bytes.Contains(body, []byte(`"OVERLOADED"`)) {
		t.Errorf("one too many was answered %d %v %s (%v)", resp.StatusCode, resp.Header, body, err)
	}
}

func TestOneAddressDoesNotTakeAllConnections(t *testing.T) {
	const most = 3
	ln := local(t)
	config, refused := placed(t, most)
	serve(t, NewHTTP(config, ln).Run)
	var held []net.Conn
	for _, addr := range []string{"127.0.0.2", "127.0.0.3", "127.77.8.4"} {
		for range most {
			c := from(t, addr, ln)
			if resp := says(t, c, aRoom); resp.StatusCode != http.StatusOK {
				t.Fatalf("%s: %s", addr, resp.Status)
			}
			held = append(held, c)
		}
		resp := says(t, from(t, addr, ln), "")
		if isRefused(t, resp); !resp.Close {
			t.Error("a connection that is refused is not said to end")
		}
	}
	for range 5 * most { // others stand behind it
		if resp := says(t, from(t, theProxy, ln), aRoom); resp.StatusCode != http.StatusOK {
			t.Fatalf("the proxy: %s", resp.Status)
		}
	}
	if got := refused[aConnection].Load(); got != 3 {
		t.Errorf("%d refusals are counted, want 3", got)
	}
	_ = held[0].Close()
	eventually(t, "the place of one that has closed", func() bool {
		c := from(t, "127.0.0.2", ln)
		defer c.Close()
		_, _ = io.WriteString(c, aRoom+" HTTP/1.1\r\nHost: localhost\r\n\r\n") // it may be closed already
		resp, err := http.ReadResponse(bufio.NewReader(c), nil)
		return err == nil && resp.StatusCode == http.StatusOK
	})
}

// atTheEnd is the feed from where nothing is old.
var atTheEnd = fmt.Sprintf("/v1/feed?after=%d", muchTooMuch)

func TestAFeedKeepsThePlaceOfItsConnection(t *testing.T) {
	ln := local(t)
	config, refused := placed(t, 1)
	s := NewHTTP(config, ln)
	serve(t, s.Run)
	c := from(t, "127.0.0.2", ln)
	if resp := says(t, c, "GET "+atTheEnd); resp.StatusCode != http.StatusOK {
		t.Fatal(resp.Status)
	}
	eventually(t, "the follower", func() bool { return s.push.feeds.Load() == 1 })
	isRefused(t, says(t, from(t, "127.0.0.2", ln), ""))
	if resp := says(t, from(t, "127.0.0.3", ln), "GET "+atTheEnd); resp.StatusCode != http.StatusOK {
		t.Errorf("another client: %s", resp.Status)
	}
	if got := refused[aConnection].Load(); got != 1 {
		t.Errorf("%d refusals are counted, want 1", got)
	}
	_ = c.Close()
	seq := muchTooMuch
	eventually(t, "the end of the feed", func() bool {
		seq++ // it is found out when something is written
		s.Feed.Advance([]feed.Frame{{Seq: ident.FeedSeq(seq), Room: 1, Type: "WentLive", JSON: []byte("{}")}}, ident.FeedSeq(seq))
		return s.push.feeds.Load() == 1
	})
	if resp := says(t, from(t, "127.0.0.2", ln), aRoom); resp.StatusCode != http.StatusOK {
		t.Errorf("after its feed had ended: %s", resp.Status)
	}
}

func TestFeedsBehindAProxyAreTheirClients(t *testing.T) {
	const most = 2
	ln := local(t)
	config, refused := placed(t, most)
	s := NewHTTP(config, ln)
	serve(t, s.Run)
	ask := func(request, client string) int {
		return says(t, from(t, theProxy, ln), request, "X-Forwarded-For: 10.0.0.1, "+client).StatusCode
	}
	for range 3 * most { // no feeds
		if got := ask("HEAD "+atTheEnd, "203.0.113.1"); got != http.StatusOK {
			t.Fatalf("HEAD: %d", got)
		}
		if got := ask(aRoom, "203.0.113.1"); got != http.StatusOK {
			t.Fatalf("a read: %d", got)
		}
	}
	for _, client := range []string{"203.0.113.1", "203.0.113.2"} {
		for range most {
			if got := ask("GET "+atTheEnd, client); got != http.StatusOK {
				t.Fatalf("%s: %d", client, got)
			}
		}
		if got := ask("GET "+atTheEnd, client); got != fault.Overloaded.HTTP {
			t.Errorf("%s: one feed too many: %d", client, got)
		}
	}
	if got := refused[aFeed].Load(); got != 2 || refused[aConnection].Load() != 0 {
		t.Errorf("%d refusals are counted, want 2", got)
	}
	for range most { // who is no proxy holds one place for each, whatever it says
		if resp := says(t, from(t, "127.0.0.2", ln), "GET "+atTheEnd, "X-Forwarded-For: 203.0.113.3"); resp.StatusCode != http.StatusOK {
			t.Errorf("a stranger: %s", resp.Status)
		}
	}
	eventually(t, "the followers", func() bool { return s.push.feeds.Load() == 3*most })
}

func TestTheEndOfAServerGivesTheFeedsPlacesBack(t *testing.T) {
	ln := local(t)
	config, _ := placed(t, 1)
	s := NewHTTP(config, ln)
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- s.Run(ctx) }()
	says(t, from(t, "127.0.0.2", ln), "GET "+atTheEnd)
	says(t, from(t, theProxy, ln), "GET "+atTheEnd, "X-Forwarded-For: 203.0.113.1")
	stop()
	if err := <-ended; err != nil {
		t.Fatal(err)
	}
	for _, addr := range []string{"127.0.0.2", "203.0.113.1"} {
		eventually(t, "the place of "+addr, func() bool {
			place, ok := config.Admissions.Places.Take(netip.MustParseAddr(addr), nil)
			place.Leave()
			return ok
		})
	}
}

func TestOneAddressDoesNotTakeAllStreams(t *testing.T) {
	ln := local(t)
	config, refused := placed(t, 2)
	s := NewGRPC(config, ln)
	serve(t, s.Run)
	client := func(addr string) roomv1.RoomServiceClient {
		d := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(addr)}}
		conn, err := grpc.NewClient(ln.Addr().String(), grpc.WithTransportCredentials(insecure.NewCredentials()),
			grpc.WithContextDialer(func(ctx context.Context, to string) (net.Conn, error) { return d.DialContext(ctx, "tcp", to) }))
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = conn.Close() })
		return roomv1.NewRoomServiceClient(conn)
	}
	watch := func(c roomv1.RoomServiceClient, ctx context.Context) codes.Code {
		stream, err := c.WatchFeed(ctx, &roomv1.WatchFeedRequest{})
		if err == nil {
			_, err = stream.Recv()
		}
		return status.Code(err)
	}
	one := client("127.0.0.2")
	ctx, leave := context.WithCancel(t.Context())
	if got := watch(one, ctx); got != codes.OK {
		t.Fatalf("the first feed: %s", got)
	}
	if got := watch(one, t.Context()); got != codes.ResourceExhausted {
		t.Errorf("a feed beside a connection and a feed: %s", got)
	}
	c := from(t, "127.0.0.2", ln)
	if n, err := c.Read(make([]byte, 1)); n > 0 || err == nil {
		t.Error("a connection too many is open")
	}
	if refused[aFeed].Load() != 1 || refused[aConnection].Load() != 1 {
		t.Errorf("refusals counted: %d feeds, %d connections", refused[aFeed].Load(), refused[aConnection].Load())
	}
	if got := watch(client("127.0.0.3"), t.Context()); got != codes.OK {
		t.Errorf("another client: %s", got)
	}
	leave()
	eventually(t, "the place of the feed that was left", func() bool { return watch(one, t.Context()) == codes.OK })

	proxy := client(theProxy)
	for range 2 {
		for _, viewer := range []string{"203.0.113.1", "203.0.113.2"} {
			ctx := metadata.AppendToOutgoingContext(t.Context(), "x-forwarded-for", viewer)
			if got := watch(proxy, ctx); got != codes.OK {
				t.Errorf("%s behind the proxy: %s", viewer, got)
			}
		}
	}
	if got := watch(proxy, metadata.AppendToOutgoingContext(t.Context(), "x-forwarded-for", "203.0.113.1")); got != codes.ResourceExhausted {
		t.Errorf("a feed too many behind the proxy: %s", got)
	}
}
