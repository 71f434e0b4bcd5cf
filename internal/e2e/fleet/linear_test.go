package fleet

import (
	"cmp"
	"math"
	"slices"
	"time"

	"github.com/anishathalye/porcupine"
)

// found is an operation of the checker's own: how a room stood when the row began.
const found deed = "found"

// register is the model of one room: a register whose every change makes the next version.
var register = porcupine.Model{
	Init: func() any { return state{} },
	Step: func(s, input, output any) (bool, any) {
		o := output.(operation)
		return step(s.(state), input.(operation), &o)
	},
	Equal: func(a, b any) bool { return a == b },
}

// step says whether a room that stands so can answer so, and how it stands then. What nobody was answered may have
// happened or not: the checker can put it behind all others, where it changes nothing that anybody saw.
func step(s state, asked operation, got *operation) (bool, any) {
	next := s
	switch asked.deed {
	case found:
		return s == state{}, got.after
	case reads:
		return got.after == s, s
	case creates:
		next = state{1, asked.title, false}
	case renames:
		next.version, next.title = s.version+1, asked.title
	case starts, stops:
		if on := asked.deed == starts; s.live != on {
			next.version, next.live = s.version+1, on
		}
	case keys:
	}
	switch got.fate {
	case unknown:
		return true, next
	case refused:
		return true, s
	}
	return got.after == next, next
}

// linearizeWithin bounds the search for an order of one room's operations: it takes milliseconds when there is one.
const linearizeWithin = 30 * time.Second

// checkHistories holds a row's operations against the model, room by room. began is how the rooms stood before.
func (f *findings) checkHistories(row []*operation, began map[int64]state) (rooms, operations int) {
	histories := map[int64][]porcupine.Operation{}
	for _, o := range row {
		if o.room == 0 || o.deed == keys || o.deed == reads && o.fate != acknowledged {
			continue // nothing is known of it
		}
		if was, ok := began[o.room]; ok && histories[o.room] == nil {
			histories[o.room] = []porcupine.Operation{{Input: operation{deed: found}, Call: -2, Output: operation{after: was}, Return: -1}}
		}
		returned := int64(o.returned)
		if o.fate == unknown {
			returned = math.MaxInt64
		}
		histories[o.room] = append(histories[o.room], porcupine.Operation{Input: *o, Call: int64(o.called), Output: *o, Return: returned})
	}
	for room, history := range histories {
		operations += len(history)
		slices.SortFunc(history, func(a, b porcupine.Operation) int { return cmp.Compare(a.Call, b.Call) })
		if got := porcupine.CheckOperationsTimeout(register, history, linearizeWithin); got != porcupine.Ok {
			note(&f.strange, "room %d, %d operations: %s", room, len(history), got)
		}
	}
	return len(histories), operations
}
