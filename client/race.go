package greenroom

import (
	"context"
	"net/http"
	"time"

	"google.golang.org/protobuf/proto"
)

const (
	// readTime bounds one question to one node of several: a node answers any read within three seconds.
	readTime = 4 * time.Second
	// atOnce bounds how many nodes work on one read.
	atOnce = 2
	// lookTime bounds the question whether a node is ready.
	lookTime = time.Second
)

// question is what a read asks of a node. Two nodes may be asked at once.
type question struct {
	ask func(ctx context.Context, node int) answer
	// pace is that of reads of this kind; nil for one that waits for a version and may take long.
	pace *pace
}

// answer is what came of it.
type answer struct {
	node   int
	took   time.Duration
	header http.Header
	msg    proto.Message
	fault  *Error
}

// race asks nodes for one thing until one of them answers. It is used by one goroutine.
type race struct {
	question
	c       *Client
	answers chan answer // has room for all nodes: nobody waits to be heard

	tried         uint64
	running       int
	first, newest int // who was asked first, and last
	failures      int
}

// find asks for the answer: one node if all is well.
func (c *Client) find(ctx context.Context, q question) answer {
	if len(c.query.nodes) == 1 {
		return q.only(ctx, 0)
	}
	r := race{question: q, c: c, answers: make(chan answer, len(c.query.nodes))}
	return r.run(ctx)
}

// only asks the one node that can answer.
func (q *question) only(ctx context.Context, node int) answer {
	ctx, cancel := context.WithTimeout(ctx, attemptTime)
	defer cancel()
	return q.ask(ctx, node)
}

func (r *race) run(ctx context.Context) answer {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel() // who has not answered yet has lost
	delay := hedgeFirst
	if r.pace != nil {
		delay = r.pace.delay()
	}
	r.c.spare.earn()
	began := time.Now()
	r.first = r.c.query.next(0)
	r.start(ctx, r.first)
	late := time.NewTimer(delay)
	defer late.Stop()
	for {
		select {
		case a := <-r.answers:
			r.running--
			if again := r.learn(ctx, a); again && (r.further(ctx) || r.running > 0) {
				continue
			}
			if a.fault == nil && r.failures == 0 && r.pace != nil {
				r.pace.observe(time.Since(began))
			}
			return a
		case <-late.C:
			r.hedge(ctx)
			late.Reset(delay)
		}
	}
}

// start asks a node, and now and then whether it is ready.
func (r *race) start(ctx context.Context, node int) {
	r.tried |= 1 << node
	r.newest = node
	r.running++
	ask, answers := r.ask, r.answers // not r itself: it would outlive the call
	go func() {
		ctx, cancel := context.WithTimeout(ctx, readTime)
		defer cancel()
		began := time.Now()
		a := ask(ctx, node)
		a.took = time.Since(began)
		answers <- a
	}()
	r.c.look(ctx, node)
}

// further asks the next node; false when there is none.
func (r *race) further(ctx context.Context) bool {
	node := r.c.query.next(r.tried)
	if node >= 0 {
		r.start(ctx, node)
	}
	return node >= 0
}

// hedge asks a second node beside one that is late, if one is well and the share of second questions allows it. A
// node that has failed meanwhile, in other calls, is given up on for nothing.
func (r *race) hedge(ctx context.Context) {
	p := r.c.query
	if r.running >= atOnce || !p.left(r.tried) || p.is(r.newest) != out && !r.c.spare.spend() {
		return
	}
	r.further(ctx)
}

// learn takes in what an answer says of its node; true to ask on.
func (r *race) learn(ctx context.Context, a answer) (again bool) {
	if ctx.Err() != nil {
		return false // the caller went away, which says nothing of the node
	}
	p := r.c.query
	verdict := a.fault.verdict()
	if verdict != sound {
		r.failures++
	}
	switch verdict {
	case gone:
		p.failed(a.node, a.took)
	case ill:
		p.strike(a.node)
	case behind:
	case busy:
		p.rest(a.node, a.fault.wait)
		return r.c.spare.spend()
	case sound:
		p.answered(a.node)
		if a.node != r.first && r.running > 0 && r.failures == 0 && r.pace != nil {
			p.strike(r.first) // it was overtaken
		}
		return false
	}
	return true
}

// look asks a node whether it is ready, if that is due. Nobody waits for it: it ends by itself within a second.
func (c *Client) look(ctx context.Context, reading int) {
	node := c.query.due(reading)
	if node < 0 {
		return
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), lookTime)
	go func() {
		defer cancel()
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, c.query.nodes[node].url+"/readyz", nil)
		if err != nil {
			return
		}
		resp, err := c.http.Do(req)
		if err != nil {
			return // its reads will tell
		}
		_ = resp.Body.Close()
		c.query.ready(node, resp.StatusCode != http.StatusServiceUnavailable)
	}()
}
