package greenroom_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	greenroom "github.com/greenroomlive/greenroom/client"
)

// nodes are fake viewers' nodes by host name, and the network between them and a client.
type nodes struct {
	mu    sync.Mutex
	serve map[string]func(*http.Request) (*http.Response, error)
	asked map[string]int // without /readyz
	keys  map[string]int // Idempotency-Keys
}

func newNodes() *nodes {
	return &nodes{serve: map[string]func(*http.Request) (*http.Response, error){}, asked: map[string]int{}, keys: map[string]int{}}
}

// is says what a node does from now on.
func (n *nodes) is(serve func(*http.Request) (*http.Response, error), hosts ...string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	for _, host := range hosts {
		n.serve[host] = serve
	}
}

// heard gives back how often each node was asked, and forgets it.
func (n *nodes) heard() map[string]int {
	n.mu.Lock()
	defer n.mu.Unlock()
	asked := n.asked
	n.asked = map[string]int{}
	return asked
}

func (n *nodes) RoundTrip(r *http.Request) (*http.Response, error) {
	n.mu.Lock()
	serve := n.serve[r.URL.Host]
	if r.URL.Path != "/readyz" {
		n.asked[r.URL.Host]++
		n.keys[r.Header.Get("Idempotency-Key")]++
	}
	n.mu.Unlock()
	if r.Body != nil {
		_, _ = io.Copy(io.Discard, r.Body)
	}
	if serve == nil {
		return nil, syscall.ECONNREFUSED
	}
	return serve(r)
}

// client knows zone near with the nodes a1 and a2, and zone far with b1.
func (n *nodes) client(options ...greenroom.Option) *greenroom.Client {
	return greenroom.New(append([]greenroom.Option{
		greenroom.Zones(
			greenroom.Zone{Name: "near", Query: []string{"http://a1", "http://a2/"}, Command: []string{"http://a1", "http://a2"}},
			greenroom.Zone{Name: "far", Query: []string{"http://b1"}, Command: []string{"http://b1"}},
		),
		greenroom.HTTPClient(&http.Client{Transport: n}), greenroom.Attempts(1), quick,
	}, options...)...)
}

// bubble runs a test in a time of its own, to the end of what the client has started.
func bubble(t *testing.T, test func(*testing.T)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		test(t)
		time.Sleep(2 * time.Second)
	})
}

func says(status int, body string, headers ...string) func(*http.Request) (*http.Response, error) {
	return func(r *http.Request) (*http.Response, error) {
		h := http.Header{}
		for i := 0; i < len(headers); i += 2 {
			h.Set(headers[i], headers[i+1])
		}
		if r.URL.Path == "/readyz" {
			return &http.Response{StatusCode: 200, Body: http.NoBody, Header: h, Request: r}, nil
		}
		return &http.Response{StatusCode: status, Body: io.NopCloser(strings.NewReader(body)), Header: h, Request: r}, nil
	}
}

// room is a node that shows room 7 at a version.
func room(version int) func(*http.Request) (*http.Response, error) {
	return says(200, fmt.Sprintf(`{"room":{"id":"7","version":"%d"},"rooms":[{"id":"7","version":"%d"}]}`, version, version))
}

func refuses(*http.Request) (*http.Response, error) { return nil, syscall.ECONNREFUSED }

func refuse(status int, code string, headers ...string) func(*http.Request) (*http.Response, error) {
	return says(status, fmt.Sprintf(`{"error":{"code":%q,"message":"m","details":{},"request_id":"r"}}`, code), headers...)
}

// hangs until the caller gives up.
func hangs(r *http.Request) (*http.Response, error) {
	<-r.Context().Done()
	return nil, r.Context().Err()
}

func breaksOff(r *http.Request) (*http.Response, error) {
	body := io.NopCloser(io.MultiReader(strings.NewReader(`{"room":`), broken{}))
	return &http.Response{StatusCode: 200, Body: body, Header: http.Header{}, Request: r}, nil
}

type broken struct{}

func (broken) Read([]byte) (int, error) { return 0, syscall.ECONNRESET }

// Each row is a fault of both near nodes: a single attempt of a read ends in the far zone all the same, or does not.
func TestFaultsWithinOneCall(t *testing.T) {
	tests := map[string]struct {
		serve    func(*http.Request) (*http.Response, error)
		code     string // of the call; none: the far zone has answered
		near     int    // questions to the near zone
		outAfter bool   // both near nodes are left alone by the next call
	}{
		"refused":          {serve: refuses, near: 2, outAfter: true},
		"reset mid-body":   {serve: breaksOff, near: 2, outAfter: true},
		"a dead proxy":     {serve: says(502, "<html>"), near: 2, outAfter: true},
		"not ready":        {serve: refuse(503, "NOT_READY"), near: 2, outAfter: true},
		"store gone":       {serve: refuse(503, "STORE_UNAVAILABLE"), near: 2},
		"broken":           {serve: refuse(500, "INTERNAL"), near: 2},
		"behind":           {serve: refuse(503, "NOT_YET_VISIBLE"), near: 2},
		"sheds load":       {serve: refuse(503, "SHED", "Retry-After", "2"), near: 2, outAfter: true},
		"slow":             {serve: hangs, near: 2},
		"over its budget":  {serve: refuse(429, "RATE_LIMITED", "Retry-After", "2"), near: 1, code: "RATE_LIMITED"},
		"there is no room": {serve: refuse(404, "ROOM_NOT_FOUND"), near: 1, code: "ROOM_NOT_FOUND"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				n := newNodes()
				n.is(tt.serve, "a1", "a2")
				n.is(room(3), "b1")
				c := n.client()
				seen, err := c.GetRoom(t.Context(), 7)
				if tt.code != "" && !greenroom.HasCode(err, tt.code) || tt.code == "" && (err != nil || seen.Zone != "far" || seen.GetVersion() != 3) {
					t.Fatalf("%v, %v", seen, err)
				}
				if asked := n.heard(); asked["a1"]+asked["a2"] != tt.near || (tt.code == "") != (asked["b1"] == 1) {
					t.Errorf("asked %v", asked)
				}
				n.is(room(4), "a1", "a2")
				if seen, err = c.GetRoom(t.Context(), 7); err != nil || (seen.Zone == "far") != tt.outAfter {
					t.Errorf("after it: %v, %v", seen, err)
				}
			})
		})
	}
}

func TestReadsGoToTheNearZoneByTurns(t *testing.T) {
	n := newNodes()
	n.is(room(1), "a1", "a2", "b1")
	c := n.client()
	for range 10 {
		if seen, err := c.GetRoom(t.Context(), 7); err != nil || seen.Zone != "near" {
			t.Fatal(seen, err)
		}
	}
	if asked := n.heard(); asked["a1"] != 5 || asked["a2"] != 5 {
		t.Errorf("asked %v", asked)
	}
}

// A node that failed is asked again by one call at a time, ever less often, and takes its part at once when it is back.
func TestANodeThatFailedIsLeftAloneButTried(t *testing.T) {
	bubble(t, func(t *testing.T) {
		n := newNodes()
		n.is(refuses, "a1")
		n.is(room(1), "a2")
		c := n.client()
		read := func() {
			t.Helper()
			if _, err := c.GetRoom(t.Context(), 7); err != nil {
				t.Fatal(err)
			}
		}
		for range 6000 { // a minute
			read()
			time.Sleep(10 * time.Millisecond)
		}
		// Pauses of 0.5, 1, 2 … 30 s, each half to one and a half times that.
		if asked := n.heard(); asked["a1"] < 5 || asked["a1"] > 9 || asked["a2"] != 6000 {
			t.Errorf("asked %v", asked)
		}
		n.is(room(1), "a1")
		time.Sleep(time.Minute)
		for range 10 {
			read()
		}
		if asked := n.heard(); asked["a1"] != 5 {
			t.Errorf("asked %v after it was back", asked)
		}
	})
}

func TestWhenAllAreOutAllAreAsked(t *testing.T) {
	bubble(t, func(t *testing.T) {
		n := newNodes()
		c := n.client()
		for range 3 {
			if _, err := c.GetRoom(t.Context(), 7); !greenroom.HasCode(err, greenroom.Unavailable) || !errors.Is(err, syscall.ECONNREFUSED) {
				t.Fatal(err)
			}
		}
		if asked := n.heard(); asked["a1"] != 3 || asked["a2"] != 3 || asked["b1"] != 3 {
			t.Errorf("asked %v", asked)
		}
		n.is(room(1), "a2")
		if _, err := c.GetRoom(t.Context(), 7); err != nil {
			t.Error(err)
		}
	})
}

// takes is a node that answers after a while.
func takes(d time.Duration, gone *int, mu *sync.Mutex) func(*http.Request) (*http.Response, error) {
	answers := room(1)
	return func(r *http.Request) (*http.Response, error) {
		if r.URL.Path == "/readyz" {
			return answers(r)
		}
		select {
		case <-r.Context().Done():
			mu.Lock()
			defer mu.Unlock()
			*gone++
			return nil, r.Context().Err()
		case <-time.After(d):
			return answers(r)
		}
	}
}

func TestHedgesAreAShareOfTheReads(t *testing.T) {
	for share, want := range map[float64]int{0.1: 110, 0: 0} {
		bubble(t, func(t *testing.T) {
			n := newNodes()
			var mu sync.Mutex
			gone := 0
			c := n.client(greenroom.Hedge(share))
			// All nodes become slow at once: whoever waits longer than usual must not double their load.
			n.is(takes(time.Millisecond, &gone, &mu), "a1", "a2")
			for range 100 {
				_, _ = c.GetRoom(t.Context(), 7)
			}
			n.heard()
			n.is(takes(20*time.Millisecond, &gone, &mu), "a1", "a2")
			const reads = 1000
			for range reads {
				if _, err := c.GetRoom(t.Context(), 7); err != nil {
					t.Fatal(err)
				}
			}
			synctest.Wait()
			asked := n.heard()
			hedges := asked["a1"] + asked["a2"] + asked["b1"] - reads
			if hedges > want || share > 0 && hedges == 0 || gone != hedges {
				t.Errorf("%d second questions, %d answers given up: %v", hedges, gone, asked)
			}
		})
	}
}

// A node that hangs costs a few reads the delay of a hedge, and then no read anything.
func TestANodeThatHangsIsFoundOut(t *testing.T) {
	bubble(t, func(t *testing.T) {
		n := newNodes()
		n.is(hangs, "a1")
		n.is(room(1), "a2", "b1")
		c := n.client()
		began, late := time.Now(), 0
		for range 100 {
			at := time.Now()
			if _, err := c.GetRoom(t.Context(), 7); err != nil {
				t.Fatal(err)
			}
			if time.Since(at) > 0 {
				late++
			}
		}
		if late != 3 || time.Since(began) > 200*time.Millisecond {
			t.Errorf("%d reads were late, %v in all", late, time.Since(began))
		}
	})
}

func TestADrainedNodeIsLeft(t *testing.T) {
	bubble(t, func(t *testing.T) {
		n := newNodes()
		n.is(room(1), "a1", "a2", "b1")
		c := n.client()
		drains := func(r *http.Request) (*http.Response, error) {
			if r.URL.Path == "/readyz" {
				return &http.Response{StatusCode: 503, Body: http.NoBody, Header: http.Header{}, Request: r}, nil
			}
			return room(1)(r) // it serves to the last
		}
		second := func() map[string]int {
			for range 100 {
				if _, err := c.GetRoom(t.Context(), 7); err != nil {
					t.Fatal(err)
				}
				time.Sleep(10 * time.Millisecond)
			}
			return n.heard()
		}
		second()
		n.is(drains, "a1", "a2")
		second()
		if asked := second(); asked["b1"] != 100 {
			t.Errorf("a second after the drain: asked %v", asked)
		}
		n.is(drains, "b1")
		second()
		if asked := second(); asked["a1"] == 0 { // better than none
			t.Errorf("all drain: asked %v", asked)
		}
		n.is(room(1), "a1", "a2")
		second()
		if asked := second(); asked["a1"] != 50 || asked["a2"] != 50 {
			t.Errorf("after the drain: asked %v", asked)
		}
	})
}

// A node that sheds load is left alone for as long as it says, and the others are not asked instead for long.
func TestLoadIsNotPassedAround(t *testing.T) {
	bubble(t, func(t *testing.T) {
		n := newNodes()
		n.is(refuse(503, "SHED", "Retry-After", "2"), "a1", "a2", "b1")
		c := n.client()
		for range 100 {
			if _, err := c.GetRoom(t.Context(), 7); !greenroom.HasCode(err, "SHED") {
				t.Fatal(err)
			}
		}
		asked := n.heard()
		if all := asked["a1"] + asked["a2"] + asked["b1"]; all > 100+10+10 {
			t.Errorf("100 reads were %d questions", all)
		}
		began := time.Now()
		_, _ = n.client(greenroom.Attempts(2), greenroom.Hedge(0)).GetRoom(t.Context(), 7)
		if took := time.Since(began); took < 2*time.Second || took > 3*time.Second {
			t.Errorf("the next attempt came after %v", took)
		}
	})
}

func TestMonotonic(t *testing.T) {
	ctx := context.Background()
	t.Run("a room", func(t *testing.T) {
		n := newNodes()
		n.is(room(5), "a1", "a2", "b1")
		c := n.client(greenroom.Monotonic(10))
		if _, err := c.GetRoom(ctx, 7); err != nil {
			t.Fatal(err)
		}
		behind := room(4)
		var asked []string
		n.is(func(r *http.Request) (*http.Response, error) {
			if r.URL.Path != "/readyz" {
				asked = append(asked, r.Header.Get("X-Room-Min-Version"))
			}
			return behind(r)
		}, "a1", "a2")
		seen, err := c.GetRoom(ctx, 7)
		if err != nil || seen.Zone != "far" || seen.GetVersion() != 5 || strings.Join(asked, ",") != ",5,,5" {
			t.Errorf("%v, %v; asked for %q", seen, err, asked)
		}
		n.is(room(4), "b1")
		if _, err := c.GetRoom(ctx, 7); !greenroom.HasCode(err, "NOT_YET_VISIBLE") {
			t.Errorf("all are behind: %v", err)
		}
		if _, _, err := c.Batch(ctx, 7); !greenroom.HasCode(err, "NOT_YET_VISIBLE") {
			t.Errorf("all are behind, in a batch: %v", err)
		}
		n.is(room(6), "b1")
		if rooms, _, err := c.Batch(ctx, 7); err != nil || rooms[0].GetVersion() != 6 {
			t.Errorf("one is not: %v, %v", rooms, err)
		}
	})
	t.Run("as many as asked for", func(t *testing.T) {
		n := newNodes()
		version := func(v int) {
			n.is(func(r *http.Request) (*http.Response, error) {
				id := r.URL.Path[strings.LastIndexByte(r.URL.Path, '/')+1:]
				return says(200, fmt.Sprintf(`{"room":{"id":%q,"version":"%d"}}`, id, v))(r)
			}, "a1", "a2", "b1")
		}
		c := n.client(greenroom.Monotonic(10))
		version(2)
		for id := range int64(10) {
			_, _ = c.GetRoom(ctx, id+1)
		}
		version(1)
		for id := range int64(10) {
			if _, err := c.GetRoom(ctx, id+1); !greenroom.HasCode(err, "NOT_YET_VISIBLE") {
				t.Errorf("room %d is forgotten: %v", id+1, err)
			}
		}
		version(2)
		for id := range int64(1000) {
			_, _ = c.GetRoom(ctx, id+1)
		}
		version(1)
		if _, err := c.GetRoom(ctx, 1); err != nil {
			t.Errorf("nothing is ever forgotten: %v", err)
		}
	})
}

func TestAPageTokenKeepsToItsNode(t *testing.T) {
	n := newNodes()
	for _, host := range []string{"a1", "a2", "b1"} {
		n.is(func(r *http.Request) (*http.Response, error) {
			token := r.URL.Query().Get("page_token")
			if token != "" && token != "of-"+host {
				return refuse(410, "TOKEN_EXPIRED")(r)
			}
			return says(200, `{"rooms":[{"id":"7"}],"next_page_token":"of-`+host+`"}`)(r)
		}, host)
	}
	c, token := n.client(), ""
	for range 6 {
		_, next, err := c.Live(t.Context(), greenroom.LiveQuery{PageToken: token})
		if err != nil || strings.Contains(next, "http") {
			t.Fatalf("%q: %v", next, err)
		}
		token = next
	}
	if asked := n.heard(); len(asked) != 1 {
		t.Errorf("asked %v", asked)
	}
	n.is(refuses, "a1", "a2")
	if _, _, err := c.Live(t.Context(), greenroom.LiveQuery{PageToken: token}); !greenroom.HasCode(err, "TOKEN_EXPIRED") {
		t.Errorf("its node is gone: %v", err)
	}
	if _, _, err := c.Live(t.Context(), greenroom.LiveQuery{PageToken: "of-c1@xyz"}); !greenroom.HasCode(err, "TOKEN_EXPIRED") {
		t.Errorf("a stranger's token: %v", err)
	}
}

func TestACommandGoesToTheNextAddressUnderItsKey(t *testing.T) {
	made := says(200, "\x0a\x04\x08\x07\x60\x01", "Content-Type", "application/proto") // room {id: 7, version: 1}
	unreachable := says(503, `{"code":"unavailable","message":"m"}`, "Content-Type", "application/json")
	for name, serve := range map[string]func(*http.Request) (*http.Response, error){
		"refused": refuses, "answer lost": func(*http.Request) (*http.Response, error) { return nil, syscall.ECONNRESET },
		"home unreachable": unreachable, "hangs": hangs,
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				n := newNodes()
				n.is(serve, "a1", "a2")
				n.is(made, "b1")
				c := n.client(greenroom.Attempts(2))
				answer, err := c.CreateRoom(t.Context(), &greenroom.NewRoom{Title: "A"})
				if err != nil || answer.GetRoom().GetId() != 7 || len(n.keys) != 1 || n.keys[""] != 0 {
					t.Errorf("%v, %v under %v", answer, err, n.keys)
				}
				n.heard()
				if _, err := c.CreateRoom(t.Context(), &greenroom.NewRoom{Title: "B"}); err != nil || n.heard()["b1"] != 1 {
					t.Errorf("the next one: %v", err)
				}
				if _, err := n.client().CreateRoom(t.Context(), &greenroom.NewRoom{Title: "C"}); !greenroom.HasCode(err, greenroom.Unavailable) || n.heard()["b1"] != 0 {
					t.Errorf("without retries: %v", err)
				}
			})
		})
	}
}

// The zones are a goroutine, a timer and a context per read, beside what HTTP and JSON take.
func TestZonesCostLittle(t *testing.T) {
	n := newNodes()
	n.is(room(1), "a1", "a2", "b1")
	allocs := func(c *greenroom.Client) float64 {
		return testing.AllocsPerRun(200, func() {
			if _, err := c.GetRoom(t.Context(), 7); err != nil {
				t.Fatal(err)
			}
		})
	}
	one := allocs(greenroom.New(greenroom.QueryURL("http://a1"), greenroom.HTTPClient(&http.Client{Transport: n})))
	if zones := allocs(n.client()); zones > one+20 {
		t.Errorf("%v allocations with one node, %v with zones", one, zones)
	}
}
