package queryapi

import (
	"fmt"
	"math/rand/v2"
	"net"
	"net/http"
	"net/netip"
	"strconv"
	"time"

	"github.com/valyala/fasthttp"

	"github.com/greenroomlive/greenroom/internal/core/fault"
	"github.com/greenroomlive/greenroom/internal/guard/limit"
	"github.com/greenroomlive/greenroom/internal/guard/shed"
)

// What one client may enter while the node refuses requests at all; room reads beyond it count as Card. It is
// a crowded household or office, and far less than a robot that goes through the rooms one by one.
const (
	entersPerSecond = 50
	entersAtOnce    = 100
)

// Why a request was refused, for Admissions.Refused.
const (
	overload = "overload"
	rate     = "rate"
)

// Admissions is what a node admits: who gets in when not all can. Both protocols share one.
type Admissions struct {
	// Shed decides when the node is asked too much; nil never refuses.
	Shed *shed.Shedder
	// Limit is the budget of each client; nil is none.
	Limit *limit.Limiter
	// Places bounds the connections and feeds that each client holds; nil is no bound.
	Places *limit.Places
	// Proxies say in X-Forwarded-For whose request they pass on.
	Proxies limit.Proxies
	// Refused counts; it may be nil.
	Refused func(class shed.Class, why string)
	// Crowded counts the connections and feeds that were refused for Places; it may be nil.
	Crowded func(what string)

	enters *limit.Limiter
	pace   shed.Pace
	began  time.Time
	policy []byte // RateLimit-Policy
	limit  []byte // RateLimit-Limit
}

// Open makes it ready for requests.
func (a *Admissions) Open() *Admissions {
	a.began = time.Now()
	a.enters = limit.New(entersPerSecond, entersAtOnce)
	if a.Limit != nil {
		a.limit = strconv.AppendInt(nil, int64(a.Limit.Burst()), 10)
		a.policy = fmt.Appendf(nil, `"client";q=%d;w=%d`, a.Limit.Burst(), seconds(a.Limit.Window()))
	}
	if a.Refused == nil {
		a.Refused = func(shed.Class, string) {}
	}
	return a
}

// calm is when nobody has to be looked at: the whole cost of admission on a node that keeps up.
func (a *Admissions) calm() bool {
	return a == nil || a.Limit == nil && (a.Shed == nil || !a.Shed.Refusing())
}

// budgets says whether each answer tells its client what it may still ask.
func (a *Admissions) budgets() bool { return a != nil && a.Limit != nil }

// visitor is one request before it is served.
type visitor struct {
	class     shed.Class
	priority  []byte
	peer      netip.Addr
	forwarded []byte
}

// decide returns why the visitor is refused, or "", with the state of its budget when there is one.
func (a *Admissions) decide(v visitor, now time.Duration) (why string, budget limit.Verdict) {
	client := a.Proxies.Client(v.peer, v.forwarded)
	class := lowered(v.class, v.priority)
	if a.Limit != nil {
		if budget = a.Limit.Take(client, now); !budget.OK {
			a.Refused(class, rate)
			return rate, budget
		}
	}
	if a.Shed == nil || !a.Shed.Refusing() {
		return "", budget
	}
	if class == shed.Enter && !a.enters.Take(client, now).OK {
		class = shed.Card
	}
	if !a.Shed.Admit(class, rand.Uint32()) {
		a.Refused(class, overload)
		return overload, budget
	}
	return "", budget
}

// admits says whether a request is served. One that is not has its answer already.
func (s *HTTP) admits(ctx *fasthttp.RequestCtx) bool {
	return s.Admissions.calm() || s.admitsOne(ctx)
}

func (s *HTTP) admitsOne(ctx *fasthttp.RequestCtx) bool {
	a := s.Admissions
	conn := pacedOf(ctx.Conn())
	if conn.decided { // the fast lane has let it in
		conn.decided = false
		return true
	}
	class, probe := classOf(ctx.Request.Header.RequestURI())
	if probe {
		return true
	}
	v := visitor{class: class, priority: ctx.Request.Header.PeekBytes(headerPriority), peer: conn.peer, forwarded: a.forwarded(&ctx.Request.Header)}
	why, budget := a.judge(conn, v)
	if a.budgets() {
		a.tell(&ctx.Response.Header, budget)
	}
	switch why {
	case rate:
		refusedByRate.answer(ctx, seconds(budget.RetryAfter))
	case overload:
		refusedByLoad.answer(ctx, seconds(shed.RetryAfter))
	}
	return why == ""
}

// judge decides, and remembers with the connection how it went. Whoever is refused and asks on at once waits
// unread. Not a proxy: others wait behind it, who may be let in.
func (a *Admissions) judge(conn *pacedConn, v visitor) (why string, budget limit.Verdict) {
	now := time.Since(a.began)
	why, budget = a.decide(v, now)
	switch {
	case why == "":
		conn.record.Admitted()
	case !a.Proxies.Trusts(v.peer):
		conn.hold = a.pace.Refused(&conn.record, now)
	}
	return why, budget
}

// pacedOf finds what a connection is under the fast lane; tests have requests without one.
func pacedOf(c net.Conn) *pacedConn {
	switch c := c.(type) {
	case *lane:
		return c.pacedConn
	case *pacedConn:
		return c
	}
	return &pacedConn{}
}

// refuses decides about a head that the fast lane has read. What is refused here costs a search in a few
// hundred bytes, and the server does not see it. Budgets are the server's: it tells them in each answer.
func (c *lane) refuses(r *request, is kind) bool {
	c.decided = false
	a := c.door.Admissions
	if a.calm() || a.Limit != nil || is != plainHead && is != wholeHead || len(r.target) == 0 || r.target[0] != '/' {
		return false
	}
	class, probe := classOf(r.target)
	if probe {
		return false
	}
	why, _ := a.judge(c.pacedConn, visitor{class: class, priority: r.priority, peer: c.peer, forwarded: r.forwarded})
	c.decided = why == ""
	return why != ""
}

// appendRefusal appends the whole answer to a request that the lane refuses.
func (s *HTTP) appendRefusal(b []byte, isHead bool) []byte {
	b = append(b, refusedHeaders...)
	b = s.date.append(b, time.Now())
	b = appendLength(b, len(refusedByLoad.body))
	if !isHead {
		b = append(b, refusedByLoad.body...)
	}
	return b
}

var refusedHeaders = fmt.Appendf(nil, "HTTP/1.1 %d %s\r\nContent-Type: application/json\r\nAccess-Control-Allow-Origin: *\r\n"+
	"Access-Control-Expose-Headers: "+exposedHeaders+"\r\nCache-Control: no-store\r\nRetry-After: %d\r\nDate: ",
	fault.Shed.HTTP, http.StatusText(fault.Shed.HTTP), seconds(shed.RetryAfter))

var (
	headerForwarded  = []byte("X-Forwarded-For")
	headerRetryAfter = []byte("Retry-After")

	headerRateLimit     = []byte("Ratelimit")
	headerRatePolicy    = []byte("Ratelimit-Policy")
	headerRateLimitIs   = []byte("Ratelimit-Limit")
	headerRateRemaining = []byte("Ratelimit-Remaining")
	headerRateReset     = []byte("Ratelimit-Reset")

	exposedWithRate = []byte(exposedHeaders + ", RateLimit, RateLimit-Limit, RateLimit-Policy, RateLimit-Remaining, RateLimit-Reset")
)

// tell writes the budget twice: in the three fields that clients know, and in the two that the IETF's draft
// has come to (draft-ietf-httpapi-ratelimit-headers-10).
func (a *Admissions) tell(h *fasthttp.ResponseHeader, v limit.Verdict) {
	var digits [32]byte
	reset := int64(seconds(v.Reset))
	h.SetCanonical(headerRateLimitIs, a.limit)
	h.SetCanonical(headerRateRemaining, strconv.AppendInt(digits[:0], int64(v.Remaining), 10))
	h.SetCanonical(headerRateReset, strconv.AppendInt(digits[:0], reset, 10))
	h.SetCanonical(headerRatePolicy, a.policy)
	b := strconv.AppendInt(append(digits[:0], `"client";r=`...), int64(v.Remaining), 10)
	h.SetCanonical(headerRateLimit, strconv.AppendInt(append(b, ";t="...), reset, 10))
	h.SetCanonical(headerExpose, exposedWithRate)
}

// refusal is an answer that is encoded already, as it has to be cheaper than what it refuses. It has no
// request id of its own: nothing is logged that one could be looked up in.
type refusal struct {
	fault *fault.Error
	body  []byte
}

var (
	refusedByLoad = newRefusal(fault.Shed.New("the node is asked more than it can answer and serves what is more urgent; come back in %d s", seconds(shed.RetryAfter)))
	refusedByRate = newRefusal(fault.RateLimited.New("you ask more often than one client may; Retry-After says when to come back"))
)

func newRefusal(f *fault.Error) refusal { return refusal{f, f.Envelope("")} }

func (r refusal) answer(ctx *fasthttp.RequestCtx, retryAfter int) {
	var digits [20]byte
	ctx.SetStatusCode(r.fault.Code.HTTP)
	ctx.Response.Header.SetCanonical(headerRetryAfter, strconv.AppendInt(digits[:0], int64(retryAfter), 10))
	_ = writeJSON(ctx, neverStored, r.body)
}

// seconds rounds up: who comes a moment too early comes in vain.
func seconds(d time.Duration) int { return int((d + time.Second - 1) / time.Second) }
