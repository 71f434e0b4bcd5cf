package proof

import (
	"context"
	"fmt"
	"math/rand/v2"
	"strconv"
	"time"
)

// rounding is what an age may hide: it is told in whole milliseconds.
const rounding = time.Millisecond

// reader is what all readers have: what they saw, and where they tell it.
type reader struct {
	*Ledger
	report *Report
	name   string
	seen   []int64 // by room: the highest version on this connection
	dice   *rand.Rand
	scan   scanner
	card   card
	title  []byte
}

func newReader(g *Ledger, r *Report, name string, seed uint64) *reader {
	return &reader{Ledger: g, report: r, name: fmt.Sprintf("%s, seed %d", name, seed), seen: make([]int64, g.Rooms),
		dice: rand.New(rand.NewPCG(seed, 0)), title: make([]byte, 0, 128)}
}

func (r *reader) violates(rule Rule, room, got, want int64, detail []byte) {
	r.report.add(Violation{Rule: rule, Reader: r.name, Room: room, Got: got, Want: want, Detail: string(detail)})
}

// claim is what an answer owes besides the truth.
type claim struct {
	asked int64         // the version asked for; 0: none
	fresh time.Duration // all that was acknowledged by then is in it
}

// freshSince is the moment to which an answer is fresh by its own word, when it was asked for at sent.
func (a *answer) freshSince(sent time.Duration) time.Duration {
	if !a.aged {
		return -1 // before everything
	}
	return sent - a.age - rounding
}

// cardAt checks the card that b begins with, of the room that is expected there (-1: any), and returns its size
// and its room.
func (r *reader) cardAt(b []byte, expected int, c claim) (size, room int, ok bool) {
	size, err := r.scan.scan(b, &r.card)
	if err != nil {
		r.violates(Unreadable, 0, 0, 0, b)
		return 0, 0, false
	}
	i, known := r.Index(r.card.id)
	if !known || expected >= 0 && i != expected {
		want := int64(0)
		if expected >= 0 {
			want = r.ID(expected)
		}
		r.violates(NotAsAsked, r.card.id, r.card.id, want, b[:size])
		return 0, 0, false
	}
	r.report.Rooms.Add(1)
	r.version(i, r.card.version, c, b[:size])
	if !r.card.fits(r.Kind(i), r.title) {
		r.violates(Torn, r.card.id, r.card.version, r.card.version, b[:size])
	}
	return size, i, true
}

// version checks a version that an answer has of a room.
func (r *reader) version(i int, version int64, c claim, detail []byte) {
	if sent := r.Sent(i); version > sent {
		r.violates(NewerThanB, r.ID(i), version, sent, detail)
	}
	if version < r.seen[i] {
		r.violates(OlderThanSeen, r.ID(i), version, r.seen[i], detail)
	}
	if version < c.asked {
		r.violates(OlderThanAsked, r.ID(i), version, c.asked, detail)
	}
	if acked := r.ackedBy(i, c.fresh); version < acked {
		r.violates(OlderThanItSays, r.ID(i), version, acked, detail)
	}
	r.seen[i] = max(r.seen[i], version)
}

// wanted is one request of a pipeline.
type wanted struct {
	room    int
	asked   int64
	knownAs int64 // If-None-Match
}

// pipeline is how many single reads are sent at once.
const pipeline = 16

// hot is how many rooms get half of all that happens.
const hot = 32

// some draws a room.
func (r *reader) some() int {
	if r.dice.Uint32()&1 == 0 {
		return r.dice.IntN(min(hot, r.Rooms))
	}
	return r.dice.IntN(r.Rooms)
}

// singles reads one room after the other, some with the newest version that B has acknowledged, some with the
// version they know already.
func (r *reader) singles(ctx context.Context, addr string) error {
	c, err := dial(ctx, addr, 64<<10)
	if err != nil {
		return over(ctx, err)
	}
	defer func() { _ = c.Close() }()
	defer context.AfterFunc(ctx, func() { _ = c.Close() })()
	var (
		a      answer
		asks   [pipeline]wanted
		target []byte
	)
	for ctx.Err() == nil {
		for n := range asks {
			w := wanted{room: r.some()}
			header, value := "", int64(0)
			switch r.dice.Uint32() % 16 {
			case 0:
				w.asked = r.Acked(w.room)
				header, value = minVersion, w.asked
			case 1:
				w.knownAs = r.seen[w.room]
				header, value = ifNoneMatch, w.knownAs
			}
			asks[n] = w
			target = strconv.AppendInt(append(target[:0], "/v1/rooms/"...), r.ID(w.room), 10)
			c.ask(target, header, value)
		}
		sent := r.now()
		if err := c.send(); err != nil {
			return over(ctx, err)
		}
		for _, w := range asks {
			if err := c.read(&a); err != nil {
				return over(ctx, err)
			}
			if err := r.single(&a, w, sent); err != nil {
				return err
			}
		}
	}
	return nil
}

// notYet is the answer to a reader whose version has not come in time: 503 NOT_YET_VISIBLE.
const notYet = 503

// single checks one answer.
func (r *reader) single(a *answer, w wanted, sent time.Duration) error {
	r.report.Answers.Add(1)
	claims := claim{w.asked, a.freshSince(sent)}
	switch {
	case a.status == notYet && w.asked > 0:
		r.report.Unproven.Add(1)
		return nil
	case a.status == 304:
		r.report.Rooms.Add(1)
		r.version(w.room, a.version, claims, nil)
		if a.version != w.knownAs || a.tagged != a.version {
			r.violates(HeadersDisagree, r.ID(w.room), a.version, w.knownAs, fmt.Appendf(nil, "304 with ETag %d", a.tagged))
		}
		return nil
	case a.status != 200:
		return fmt.Errorf("%s: room %d was answered %d: %.300s", r.name, r.ID(w.room), a.status, a.body)
	}
	body := a.body[min(len(`{"room":`), len(a.body)):]
	size, _, ok := r.cardAt(body, w.room, claims)
	if !ok {
		return nil
	}
	if string(body[size:]) != "}" {
		r.violates(Unreadable, r.ID(w.room), int64(size), int64(len(body)-1), a.body)
	}
	if v := r.card.version; a.version != v || a.tagged != v {
		r.violates(HeadersDisagree, r.ID(w.room), v, a.version, fmt.Appendf(nil, "ETag %d", a.tagged))
	}
	return nil
}

// batchSizes are how many rooms the batches ask for, in turn.
var batchSizes = [...]int{100, 1000, 10, 300}

// batches reads many rooms at a time.
func (r *reader) batches(ctx context.Context, addr string) error {
	c, err := dial(ctx, addr, spaceBytes)
	if err != nil {
		return over(ctx, err)
	}
	defer func() { _ = c.Close() }()
	defer context.AfterFunc(ctx, func() { _ = c.Close() })()
	var (
		a      answer
		target []byte
	)
	for n := 0; ctx.Err() == nil; n++ {
		first, rooms := r.some(), min(batchSizes[n%len(batchSizes)], r.Rooms)
		target = append(target[:0], "/v1/rooms?ids="...)
		for k := range rooms {
			target = append(strconv.AppendInt(target, r.ID((first+k)%r.Rooms), 10), ',')
		}
		c.ask(target[:len(target)-1], "", 0)
		sent := r.now()
		if err := c.send(); err != nil {
			return over(ctx, err)
		}
		if err := c.read(&a); err != nil {
			return over(ctx, err)
		}
		if a.status != 200 {
			return fmt.Errorf("%s: a batch was answered %d: %.300s", r.name, a.status, a.body)
		}
		r.batch(&a, first, rooms, sent)
	}
	return nil
}

// batch checks an answer that must hold that many rooms from the first on.
func (r *reader) batch(a *answer, first, rooms int, sent time.Duration) {
	r.report.Answers.Add(1)
	n := 0
	rest, ok := r.list(a.body, claim{fresh: a.freshSince(sent)}, func() int {
		n++
		if n > rooms {
			return r.Rooms // none: no card belongs here
		}
		return (first + n - 1) % r.Rooms
	}, nil)
	if ok && (n != rooms || string(rest) != `,"missing":[]}`) {
		r.violates(NotAsAsked, r.ID(first), int64(n), int64(rooms), rest)
	}
}

// list checks the cards of `{"rooms":[…]`, and returns what is behind them. next tells which room is expected,
// has is told which one came.
func (r *reader) list(body []byte, c claim, next func() int, has func(room int)) (rest []byte, ok bool) {
	const head = `{"rooms":[`
	if len(body) < len(head) || string(body[:len(head)]) != head {
		r.violates(Unreadable, 0, 0, 0, body)
		return nil, false
	}
	b := body[len(head):]
	for len(b) > 0 && b[0] != ']' {
		if b[0] == ',' {
			b = b[1:]
		}
		size, room, ok := r.cardAt(b, next(), c)
		if !ok {
			return nil, false
		}
		if has != nil {
			has(room)
		}
		b = b[size:]
	}
	return b[min(1, len(b)):], len(b) > 0
}
