package proof

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"strconv"
	"time"
)

const (
	// cutEvery is how old a snapshot may be that a first page shows: with very many snapshots kept, the node
	// does not cut a new one for every change.
	cutEvery = 10 * time.Millisecond
	pageSize = 200
)

// Crawl is one walk through the live list.
type Crawl struct {
	Rooms, Pages int
	// Sure are the rooms of which the ledger knows for certain whether they were on air when the snapshot was cut.
	Sure int
	Took time.Duration
}

// tail is what follows the cards of a page.
type tail struct {
	Next     string `json:"next_page_token"`
	Snapshot string `json:"snapshot"`
	Total    string `json:"total_size"`
}

// certainly is what the ledger knows of a room's place on a list.
type certainly uint8

const (
	unknown certainly = iota
	onAir
	offAir
)

// certain is what is known of each room at a snapshot that holds all that was acknowledged by then and nothing
// that is sent from now on.
func (g *Ledger) certain(then time.Duration) (known []certainly, sure int) {
	known = make([]certainly, g.Rooms)
	for i := range known {
		if g.Kind(i) == Edited {
			known[i] = onAir
			sure++
			continue
		}
		version, ok := g.settled(i, then)
		switch {
		case !ok:
			continue
		case Toggled.At(version).Live:
			known[i] = onAir
		default:
			known[i] = offAir
		}
		sure++
	}
	return known, sure
}

// crawls walks through the live list, again and again until ctx ends; walked is told of each walk.
func (r *reader) crawls(ctx context.Context, addr, sort string, walked func(Crawl)) error {
	c, err := dial(ctx, addr, spaceBytes)
	if err != nil {
		return over(ctx, err)
	}
	defer func() { _ = c.Close() }()
	defer context.AfterFunc(ctx, func() { _ = c.Close() })()
	for ctx.Err() == nil {
		w, err := r.crawl(c, "/v1/live?sort="+sort+"&page_size="+strconv.Itoa(pageSize))
		if err != nil {
			return over(ctx, err)
		}
		r.report.Crawls.Add(1)
		walked(w)
	}
	return nil
}

// crawl walks once.
func (r *reader) crawl(c *conn, target string) (w Crawl, err error) {
	var (
		began = time.Now()
		known []certainly
		first tail
		a     answer
		had   = make([]bool, r.Rooms)
	)
	proven, err := r.proven(c, &a)
	if err != nil {
		return w, err
	}
	for page := target; ; w.Pages++ {
		sent, err := r.get(c, page, &a)
		if err != nil {
			return w, err
		}
		if known == nil {
			known, w.Sure = r.certain(proven - cutEvery)
		}
		t, ok := r.page(&a, sent, had, &w)
		if !ok {
			return w, nil // it is told already, and there is no way on
		}
		if w.Pages == 0 {
			first = t
		} else if t.Snapshot != first.Snapshot {
			r.violates(CrawlMoves, 0, 0, 0, []byte(first.Snapshot+" → "+t.Snapshot))
		}
		if t.Next == "" {
			break
		}
		page = target + "&page_token=" + t.Next
	}
	if total := number([]byte(first.Total)); total != int64(w.Rooms) {
		r.violates(CrawlCount, 0, int64(w.Rooms), total, nil)
	}
	r.compare(known, had)
	w.Took = time.Since(began)
	return w, nil
}

// get reads a target, and says when it was asked for.
func (r *reader) get(c *conn, target string, a *answer) (sent time.Duration, err error) {
	c.ask([]byte(target), "", 0)
	sent = r.now()
	if err := c.send(); err != nil {
		return sent, err
	}
	if err := c.read(a); err != nil {
		return sent, err
	}
	r.report.Answers.Add(1)
	if a.status != 200 {
		err = fmt.Errorf("%s: %s was answered %d: %.300s", r.name, target, a.status, a.body)
	}
	return sent, err
}

// proven is a moment of which the node says that it shows all that was committed by then. The witness says so,
// the room that nobody changes: the age of any other may count from a change of its own, which proves nothing
// of a list.
func (r *reader) proven(c *conn, a *answer) (time.Duration, error) {
	sent, err := r.get(c, "/v1/rooms/"+strconv.FormatInt(r.ID(r.Witness()), 10), a)
	return a.freshSince(sent), err
}

// page checks a page and adds its rooms to the walk.
func (r *reader) page(a *answer, sent time.Duration, had []bool, w *Crawl) (t tail, ok bool) {
	rest, ok := r.list(a.body, claim{fresh: a.freshSince(sent)}, func() int { return -1 }, func(room int) {
		if had[room] {
			r.violates(CrawlRepeats, r.ID(room), 2, 1, nil)
		}
		had[room] = true
		w.Rooms++
	})
	if !ok {
		return t, false
	}
	if err := json.Unmarshal(append([]byte{'{'}, bytes.TrimPrefix(rest, []byte{','})...), &t); err != nil {
		r.violates(Unreadable, 0, 0, 0, rest)
		return t, false
	}
	return t, true
}

// compare compares a list with what is known for certain.
func (r *reader) compare(known []certainly, had []bool) {
	for i, k := range known {
		switch {
		case k == onAir && !had[i]:
			r.violates(CrawlLacks, r.ID(i), 0, 1, nil)
		case k == offAir && had[i]:
			r.violates(CrawlHasOff, r.ID(i), 1, 0, nil)
		}
	}
}
