package proof_test

import (
	"math/rand/v2"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/greenroomlive/greenroom/internal/core/event"
	"github.com/greenroomlive/greenroom/internal/core/ident"
	"github.com/greenroomlive/greenroom/internal/flow/proof"
)

func at(n int) time.Time { return time.Unix(int64(n), 0) }

// TestNeverMoreThanIsThere holds a proof against a log whose commits are known: whatever order claims come in, and
// whatever happens to the views, what is proven was there.
func TestNeverMoreThanIsThere(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var p proof.Proof
		dice := rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "seed"), 0))
		log := []int{0} // when each event was committed; the first stands for none
		end := ident.FeedSeq(0)
		var late []proof.Claim
		p.Stands("e", 0)
		for now := 1; now < 80; now++ {
			switch dice.IntN(8) {
			case 0, 1:
				log = append(log, now)
			case 2, 3:
				end = min(end+ident.FeedSeq(dice.IntN(3)), ident.FeedSeq(len(log)-1))
				p.Stands("e", end)
			case 4, 5:
				late = append(late, proof.Claim{Seq: ident.FeedSeq(len(log) - 1), At: at(now)})
			case 6:
				if len(late) > 0 {
					c := late[dice.IntN(len(late))]
					p.Take("e", c)
					p.Take("another", proof.Claim{Seq: 0, At: at(now + 1000)})
					p.Beat(event.Beat{Epoch: "e", Seq: c.Seq, At: c.At}, at(now))
				}
			case 7:
				if dice.IntN(4) == 0 {
					p.Void("e", end)
				} else {
					p.Filled()
				}
			}
			proven := p.Proven()
			for seq, committed := range log {
				if at(committed).Before(proven.At) && (ident.FeedSeq(seq) > end || ident.FeedSeq(seq) > proven.Seq) {
					t.Fatalf("event %d of %d is not in views that end at %d and are proven to have %+v", seq, committed, end, proven)
				}
			}
		}
	})
}

func TestAClaimWaitsForTheFeed(t *testing.T) {
	var p proof.Proof
	p.Stands("e", 1)
	p.Filled()
	for _, c := range []proof.Claim{{Seq: 3, At: at(1)}, {Seq: 5, At: at(2)}} { // the later one would be reached later
		if !p.Take("e", c) {
			t.Errorf("%+v is refused", c)
		}
	}
	if p.Told(at(2)) || p.Proven() != (proof.Claim{}) {
		t.Errorf("proven %+v", p.Proven())
	}
	p.Stands("e", 4)
	if got := p.Proven(); got != (proof.Claim{Seq: 3, At: at(1)}) {
		t.Errorf("proven %+v", got)
	}
	if p.Take("e", proof.Claim{Seq: 2, At: at(3)}) {
		t.Error("a log that went back is not refused")
	}
	p.Forget()
	if p.Proven() != (proof.Claim{}) {
		t.Errorf("forgotten, and proven %+v", p.Proven())
	}
}
