package console

import (
	"testing"
	"time"

	opsv1 "github.com/greenroomlive/greenroom/api/gen/greenroom/ops/v1"
	"github.com/greenroomlive/greenroom/internal/wire"
)

func TestLadderNamesTheWinnerAndTheSteps(t *testing.T) {
	commit := time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)
	at := func(ms float64) time.Time { return commit.Add(time.Duration(ms * float64(time.Millisecond))) }
	ch := &opsv1.Change{
		Version: 3, CommittedAt: wire.Time(commit), SequencedAt: wire.Time(at(1)), PublishedAt: wire.Time(at(3)),
		ReceivedDirectAt: wire.Time(at(5)), ReceivedQueueAt: wire.Time(at(4)), AppliedFrom: "queue",
		AppliedAt: wire.Time(at(6)), VisibleAt: wire.Time(at(8)), AcceptedAt: wire.Time(at(-2)),
	}
	l := newLadder(&opsv1.TraceRoomResponse{CommittedVersion: 3, ViewVersion: 3, L1Version: 3, Changes: []*opsv1.Change{ch}})
	if !l.Done || l.Took != "8.00 ms" || l.Accepted != "2.00 ms" || !l.Agree() {
		t.Errorf("done %v, took %q, accepted %q, agree %v", l.Done, l.Took, l.Accepted, l.Agree())
	}
	want := []string{"0 ms", "+1.00 ms", "+2.00 ms", "+1.00 ms", "+2.00 ms", "+2.00 ms"}
	for i, r := range l.Rungs {
		if r.Step != want[i] || !r.Done {
			t.Errorf("%s: step %q, want %q", r.Name, r.Step, want[i])
		}
	}
	rivals := l.Rungs[3].Rivals
	if len(rivals) != 2 || rivals[0].Name != "queue" || !rivals[0].Won || rivals[1].Name != "direct" || rivals[1].Won {
		t.Errorf("couriers %+v", rivals)
	}
	if end := l.Rungs[5].Left; end != 100 {
		t.Errorf("the last station lies at %v %% of the picture", end)
	}
}

func TestLadderOnItsWay(t *testing.T) {
	commit := time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)
	ch := &opsv1.Change{Version: 3, CommittedAt: wire.Time(commit), ReceivedDirectAt: wire.Time(commit.Add(-time.Millisecond))}
	l := newLadder(&opsv1.TraceRoomResponse{CommittedVersion: 3, ViewVersion: 2, Changes: []*opsv1.Change{ch}})
	if l.Done || l.Agree() || l.Behind() != 1 {
		t.Errorf("done %v, agree %v, behind %d", l.Done, l.Agree(), l.Behind())
	}
	for _, i := range []int{1, 2, 4, 5} {
		if l.Rungs[i].Done {
			t.Errorf("%s is done without a time", l.Rungs[i].Name)
		}
	}
	// Two clocks may disagree; the picture never runs backwards.
	if r := l.Rungs[3]; !r.Done || r.Step != "+0.00 ms" || r.Width < 0 {
		t.Errorf("received %+v", r)
	}
	for _, l := range []ladderView{newLadder(&opsv1.TraceRoomResponse{}), newLadder(&opsv1.TraceRoomResponse{Changes: []*opsv1.Change{{Version: 1}}})} {
		if len(l.Rungs) != 0 {
			t.Errorf("rungs without a commit: %+v", l.Rungs)
		}
	}
}

func TestTexts(t *testing.T) {
	for want, got := range map[string]string{
		"120 ms": ago(120 * time.Millisecond), "4.2 s": ago(4200 * time.Millisecond), "42 s": ago(42 * time.Second),
		"5 min 03 s": lasted(303 * time.Second), "2 h 05 min": lasted(125 * time.Minute), "3 d 4 h": lasted(76 * time.Hour),
		"0.64 ms": millis(640 * time.Microsecond), "12.3 ms": millis(12300 * time.Microsecond), "250 ms": millis(250 * time.Millisecond),
		"É": initial("…école"), "·": initial("—"), "1 room": plural(1, "room", "rooms"), "–": clockText(time.Time{}),
	} {
		if got != want {
			t.Errorf("said %q, want %q", got, want)
		}
	}
}
