package bench

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"google.golang.org/protobuf/proto"

	anchorv1 "github.com/greenroomlive/greenroom/api/gen/greenroom/anchor/v1"
	"github.com/greenroomlive/greenroom/internal/core/event"
	"github.com/greenroomlive/greenroom/internal/core/ident"
)

func TestFsyncsAreCountedAndLeaveNothing(t *testing.T) {
	dir := t.TempDir()
	for _, grows := range []bool{false, true} {
		if rate, err := fsyncRate(dir, grows, time.Millisecond); rate <= 0 || err != nil {
			t.Errorf("grows=%v: %v/s, %v", grows, rate, err)
		}
	}
	if left, _ := os.ReadDir(dir); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
}

func TestTheLoadSpeaksConnect(t *testing.T) {
	o := order{Addr: "127.0.0.1:8080", Token: "t", Rooms: []int64{5, 6, 7}, Clients: 2, Keyed: true, Run: "r"}
	seen := map[string]bool{}
	for i := range 3 {
		raw, err := o.append(nil, 1, i)
		if err != nil {
			t.Fatal(err)
		}
		req, err := http.ReadRequest(bufio.NewReader(bytes.NewReader(raw)))
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(req.Body)
		var m anchorv1.UpdateRoomRequest
		if err := errors.Join(err, proto.Unmarshal(body, &m)); err != nil {
			t.Fatal(err)
		}
		if want := o.Rooms[(1+2*i)%3]; m.GetId() != want || req.Header.Get("Authorization") != "Bearer t" {
			t.Errorf("room %d, want %d; header %v", m.GetId(), want, req.Header)
		}
		seen[m.GetRoom().GetTitle()] = true
		seen[req.Header.Get("Idempotency-Key")] = true
	}
	if len(seen) != 6 {
		t.Errorf("titles and keys repeat: %v", seen)
	}
}

func TestOnlyA200IsAcknowledged(t *testing.T) {
	answers := bufio.NewReader(strings.NewReader("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nokHTTP/1.1 409 Conflict\r\nContent-Length: 4\r\n\r\nwhy?"))
	if err := acknowledged(answers); err != nil {
		t.Error(err)
	}
	if err := acknowledged(answers); err == nil || !strings.Contains(err.Error(), "why?") {
		t.Errorf("%v", err)
	}
}

func TestTheOpenLoopKeepsItsRateWhateverItsReadersDo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		began := time.Now()
		due := dueTimes(t.Context(), began, 500*time.Millisecond)
		<-time.After(time.Second) // a stall
		n := 0
		for d := range due {
			if want := began.Add(time.Duration(n) * time.Millisecond); d.n != n || !d.at.Equal(want) {
				t.Fatalf("command %d is due at %v, want %v", d.n, d.at, want)
			}
			n++
		}
		if n != 500 {
			t.Errorf("%d commands, want 500", n)
		}
	})
}

func TestTheOpenLoopEndsWithItsContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		due := dueTimes(ctx, time.Now(), time.Hour)
		<-due
		cancel()
		synctest.Wait()
		if _, open := <-due; open {
			t.Error("still going")
		}
	})
}

func TestEditsAreWhatTheRelayWouldBring(t *testing.T) {
	made := newEdits("log", 2)
	var versions [3]ident.Version
	for i, d := range made.next(6) {
		e := &d.Event
		kind := event.RoomRenamed
		if i < 2 {
			kind = event.RoomCreated
		}
		if e.Sum() != e.Checksum || e.FeedSeq != ident.FeedSeq(i+1) || e.Type != kind || d.Room != e.RoomID || e.Epoch != "log" {
			t.Errorf("event %d: %+v", i, e)
		}
		if e.PrevVersion != versions[i%2] || e.Version != versions[i%2]+1 {
			t.Errorf("event %d goes from %d to %d", i, e.PrevVersion, e.Version)
		}
		versions[i%2] = e.Version
	}
}

func TestTheCSideAppliesEveryEvent(t *testing.T) {
	c, err := openCSide(t.Context(), filepath.Join(t.TempDir(), "c"), 512)
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := c.close(); err != nil {
			t.Error(err)
		}
	}()
	if _, err := c.applyRate(t.Context(), 64, time.Millisecond); err != nil {
		t.Error(err)
	}
	if r, err := c.lookups(t.Context(), 20*time.Millisecond); err != nil || r.allocs != 0 {
		t.Errorf("%+v, %v", r, err)
	}
	c.made.seq.Add(1) // an event that never came
	if _, err := c.applyRate(t.Context(), 1, time.Millisecond); err == nil {
		t.Error("a gap in the feed was not noticed")
	}
}
