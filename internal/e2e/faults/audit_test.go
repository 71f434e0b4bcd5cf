package faults

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"

	greenroom "github.com/greenroomlive/greenroom/client"
	"github.com/greenroomlive/greenroom/internal/e2e/harness"
)

// audit is auditBooks for a process that has nothing to complain about.
func (tr *traffic) audit(g *harness.Greenroom) {
	tr.t.Helper()
	tr.auditBooks(g)
	mustLogNoFault(tr.t, g)
}

// auditBooks ends the traffic and compares everything that was acknowledged with everything that is there.
func (tr *traffic) auditBooks(g *harness.Greenroom) {
	tr.t.Helper()
	tr.endWriters()
	if tr.t.Failed() {
		tr.t.FailNow() // a writer said why
	}
	tr.awaitProof(g, harness.Deadline)
	log := tr.replay(g)
	tr.auditFeed(log)
	tr.auditSubscriber(g, log)
	tr.auditRooms(g)
	tr.t.Logf("%d commands on %d rooms, %d events; viewers were excused for %v (seed %d)", len(tr.acks), len(tr.rooms), len(log), tr.excuses, tr.seed)
}

// mustLogNoFault: a parked room, a command that failed inside and a read that failed are all logged as errors.
func mustLogNoFault(t *testing.T, g *harness.Greenroom) {
	t.Helper()
	mustLogOnly(t, g)
}

// mustLogOnly lets errors of these codes pass.
func mustLogOnly(t *testing.T, g *harness.Greenroom, codes ...string) {
	t.Helper()
	for line := range strings.Lines(g.Output()) {
		mentions := func(code string) bool { return strings.Contains(line, code) }
		if mentions("level=ERROR") && !slices.ContainsFunc(codes, mentions) {
			t.Errorf("greenroom logged a fault: %s", line)
		}
	}
}

// awaitProof waits until the views are proven to hold everything that is committed by now. The age
// that an answer says is counted from the newest such proof, once the room itself did not change since.
func (tr *traffic) awaitProof(g *harness.Greenroom, within time.Duration) time.Duration {
	tr.t.Helper()
	quiet := time.Now()
	return until(tr.t, g, within, "proof that the views are complete", func(ctx context.Context) error {
		seen, err := tr.client.GetRoom(ctx, tr.ids[0])
		if err != nil {
			return err
		}
		if proven := time.Now().Add(-seen.Age); !proven.After(quiet) || seen.GetUpdatedAt().AsTime().After(quiet) {
			return fmt.Errorf("proven at %v, wanted after %v", proven, quiet)
		}
		return nil
	})
}

// replay reads the feed from its beginning to its end.
func (tr *traffic) replay(g *harness.Greenroom) []*greenroom.RoomEvent {
	tr.t.Helper()
	ctx, cancel := context.WithTimeout(tr.t.Context(), harness.Deadline)
	defer cancel()
	end, err := tr.client.FeedEnd(ctx)
	if err != nil {
		tr.t.Fatal(err)
	}
	log := make([]*greenroom.RoomEvent, 0, end)
	for e, err := range tr.client.Feed(ctx, greenroom.FeedQuery{}) {
		if err != nil {
			tr.t.Fatal(err)
		}
		if log = append(log, e); e.GetFeedSeq() >= end {
			return log
		}
	}
	tr.t.Fatalf("the feed from 0 gave %d events in %v, its end is %d\n%s", len(log), harness.Deadline, end, g.Output())
	return nil
}

// auditFeed checks the log by itself, and against the acknowledgements: one event for each.
func (tr *traffic) auditFeed(log []*greenroom.RoomEvent) {
	tr.t.Helper()
	versions, made := map[int64]int64{}, map[string]bool{}
	for i, e := range log {
		if e.GetFeedSeq() != int64(i+1) {
			tr.t.Fatalf("event %d of the feed has feed_seq %d", i+1, e.GetFeedSeq())
		}
		if at := versions[e.GetRoomId()]; e.GetPrevVersion() != at || e.GetVersion() != at+1 {
			tr.t.Fatalf("room %d went from version %d by an event from %d to %d", e.GetRoomId(), at, e.GetPrevVersion(), e.GetVersion())
		}
		versions[e.GetRoomId()] = e.GetVersion()
		if e.GetRoomId() == 0 {
			continue // the area tree, which greenroom plants itself
		}
		want, acknowledged := tr.acks[e.GetCause()]
		switch {
		case !acknowledged:
			tr.t.Fatalf("event %s is of command %q, which nobody sent", e.GetId(), e.GetCause())
		case made[want.command]:
			tr.t.Fatalf("command %s made a second event: %s", want.command, e.GetId())
		case e.GetRoomId() != want.room || e.GetVersion() != want.version || e.GetType() != want.event:
			tr.t.Fatalf("command %s was acknowledged as %+v, its event is %s", want.command, want, e.GetId())
		}
		if err := want.matches(e.GetSnapshot()); err != nil {
			tr.t.Fatalf("event %s: %v", e.GetId(), err)
		}
		made[want.command] = true
	}
	for command, a := range tr.acks {
		if !made[command] {
			tr.t.Fatalf("the event of acknowledged command %s is lost: %+v", command, a)
		}
	}
}

// auditSubscriber checks that who followed all the time saw what the log says, no less and no more.
func (tr *traffic) auditSubscriber(g *harness.Greenroom, log []*greenroom.RoomEvent) {
	tr.t.Helper()
	until(tr.t, g, harness.Deadline, "the subscriber's last event", func(context.Context) error {
		tr.mu.Lock()
		defer tr.mu.Unlock()
		if len(tr.followed) < len(log) {
			return fmt.Errorf("it has %d of %d", len(tr.followed), len(log))
		}
		return nil
	})
	tr.mu.Lock()
	defer tr.mu.Unlock()
	if len(tr.followed) != len(log) {
		tr.t.Fatalf("the subscriber saw %d events, the log has %d", len(tr.followed), len(log))
	}
	for i := range log {
		// When the broker took it is known only of an event that came by the broker.
		log[i].PublishedAt, tr.followed[i].PublishedAt = nil, nil
		if !proto.Equal(log[i], tr.followed[i]) {
			tr.t.Fatalf("event %d: the subscriber saw\n%v\nthe log has\n%v", i+1, tr.followed[i], log[i])
		}
	}
}

// auditRooms compares the whole card of every room at both sides with each other and the newest acknowledgement.
func (tr *traffic) auditRooms(g *harness.Greenroom) {
	tr.t.Helper()
	committed := tr.committed(g)
	viewed, err := tr.viewed(g)
	if err != nil {
		tr.t.Fatal(err)
	}
	if len(committed) != len(tr.rooms) || len(viewed) != len(tr.rooms) {
		tr.t.Fatalf("%d rooms acknowledged, %d committed, %d viewed", len(tr.rooms), len(committed), len(viewed))
	}
	for id, promise := range tr.rooms {
		b, c := committed[id], viewed[id]
		if !reflect.DeepEqual(b.card, c.card) {
			tr.t.Errorf("room %d\nat B: %v\nat C: %v", id, b.card, c.card)
		}
		if err := promise.matches(b.room); err != nil {
			tr.t.Errorf("room %d at B: %v", id, err)
		}
	}
}

// mustHold checks, while commands go on, that B has at least what was acknowledged.
func (tr *traffic) mustHold(g *harness.Greenroom, promises map[int64]ack) {
	tr.t.Helper()
	committed := tr.committed(g)
	for id, promise := range promises {
		if got := committed[id].room.GetVersion(); got < promise.version {
			tr.t.Fatalf("room %d is at version %d, %d was acknowledged", id, got, promise.version)
		}
	}
}

// answered is a room as one side answers it: read by name, and every field there is.
type answered struct {
	room *greenroom.Room
	card map[string]any
}

// committed reads all rooms from B.
func (tr *traffic) committed(g *harness.Greenroom) map[int64]answered {
	tr.t.Helper()
	out := map[int64]answered{}
	for token, more := "", true; more; more = token != "" {
		var err error
		query := url.Values{"page_size": {"200"}, "page_token": {token}}
		if token, err = list(tr.t.Context(), g.CommandURL+"/v1/rooms?"+query.Encode(), out); err != nil {
			tr.t.Fatal(err)
		}
	}
	return out
}

// viewed reads all rooms from C.
func (tr *traffic) viewed(g *harness.Greenroom) (map[int64]answered, error) {
	out := map[int64]answered{}
	tr.mu.Lock()
	ids := tr.ids
	tr.mu.Unlock()
	for some := range slices.Chunk(ids, 1000) {
		text := strings.Trim(strings.ReplaceAll(fmt.Sprint(some), " ", ","), "[]")
		if _, err := list(tr.t.Context(), g.QueryURL+"/v1/rooms?ids="+text, out); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// list reads one answer that lists rooms, and returns the token of the next.
func list(ctx context.Context, address string, into map[int64]answered) (string, error) {
	var answer struct {
		Rooms []json.RawMessage `json:"rooms"`
		Next  string            `json:"next_page_token"`
	}
	body, err := get(ctx, address)
	if err == nil {
		err = json.Unmarshal(body, &answer)
	}
	for _, text := range answer.Rooms {
		a := answered{room: &greenroom.Room{}}
		err = errors.Join(err, protojson.Unmarshal(text, a.room), json.Unmarshal(text, &a.card))
		into[a.room.GetId()] = a
	}
	return answer.Next, err
}

// get reads an address of either side; anything but 200 is an error.
func get(ctx context.Context, address string) ([]byte, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return nil, err
	}
	req.Header.Set("Authorization", "Bearer "+harness.Token)
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return nil, err
	}
	defer func() { _ = res.Body.Close() }() // it was read to its end
	body, err := io.ReadAll(res.Body)
	if err == nil && res.StatusCode != http.StatusOK {
		err = fmt.Errorf("%s: %s", res.Status, body)
	}
	return body, err
}
