package directcall

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"slices"
	"sync"
	"time"

	"go.opentelemetry.io/otel/propagation"
	"google.golang.org/grpc"
	"google.golang.org/grpc/backoff"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/keepalive"
	"google.golang.org/grpc/metadata"

	"github.com/greenroomlive/greenroom/internal/core/fault"
)

const (
	// maxMessage is the door's: a page, with what else stands in its message.
	maxMessage = 2 << 20
	// connectWithin bounds one try to connect: whoever has not spoken HTTP/2 by then never will.
	connectWithin = time.Second
	// A connection that vanished is noticed by the calls' own deadlines first; this closes it.
	pingEvery  = 10 * time.Second // grpc allows no less
	pingWithin = 2 * time.Second
	// maxHops bounds how often one call follows NOT_LEADER: a leader that changes during the call, once.
	maxHops = 2
	// maxLearned bounds the connections to leaders that nobody configured; the oldest go first.
	maxLearned = 16
	// leastTries: behind one DNS name stand many processes, and a second try meets another one.
	leastTries = 2
)

// Reconnecting begins soon, because a restarted process is back in a second, and is spread widely, because all its
// callers lost it in the same moment.
var reconnecting = backoff.Config{BaseDelay: 50 * time.Millisecond, Multiplier: 1.6, Jitter: 0.5, MaxDelay: 2 * time.Second}

// Each call to a DNS name goes to the next of its processes that is connected; all are kept connected.
const eachAddress = `{"loadBalancingConfig":[{"round_robin":{}}]}`

// Config is what a Zone and a Source are made of. Endpoints and Secret are required.
type Config struct {
	// Endpoints are host:port each.
	Endpoints []string
	// Secret is shared by all processes of the house.
	Secret string
	// Count is told how each call of one endpoint ended: a code of the registry, or "OK". It must not block. May be nil.
	Count func(code string)
}

// peers are the endpoints of one role. A process that stops refuses new calls by itself, which is UNREACHABLE too.
type peers struct {
	Config
	// alike: all answer the same, so that another may be asked after any fault that passes.
	alike bool

	mu    sync.Mutex
	conns map[string]*grpc.ClientConn
	// learned are the addresses in conns that were not configured, the oldest first.
	learned []string
	// favourite answered last; "" when it failed since, and before the first answer.
	favourite string
	closed    bool
}

func newPeers(c Config) (*peers, error) {
	if len(c.Endpoints) == 0 || c.Secret == "" {
		return nil, errors.New("directcall: calls need endpoints and a secret")
	}
	for _, addr := range c.Endpoints {
		if !callable(addr) {
			return nil, fmt.Errorf("directcall: endpoint %q is not host:port", addr)
		}
	}
	if c.Count == nil {
		c.Count = func(string) {}
	}
	return &peers{Config: c, conns: map[string]*grpc.ClientConn{}}, nil
}

// callable reports whether an address can be called; hints come from the wire.
func callable(addr string) bool {
	host, port, err := net.SplitHostPort(addr)
	return err == nil && host != "" && port != ""
}

// Close ends all connections, and the calls on them.
func (p *peers) Close() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.closed = true
	var err error
	for _, c := range p.conns {
		err = errors.Join(err, c.Close())
	}
	clear(p.conns)
	return err
}

// ask calls one endpoint after the other until one answers for good or the time is over, at most within; most bounds
// what one of them may take. The fault is the last one's that said something.
func (p *peers) ask(ctx context.Context, within, most time.Duration, do func(context.Context, grpc.ClientConnInterface) error) error {
	ctx, cancel := context.WithTimeout(ctx, within)
	defer cancel()
	route, favourite := p.route()
	hops := 0
	var last *fault.Error
	for i := 0; i < len(route) && ctx.Err() == nil; i++ {
		share := most
		if i > 0 || favourite == "" {
			share = min(most, left(ctx)/time.Duration(len(route)-i)) // each gets its part, should one hang
		}
		f := p.try(ctx, route[i], share, do)
		if f == nil {
			return nil
		}
		if last == nil || f.Code != fault.Unreachable && f.Code != fault.DeadlineExceeded {
			last = f
		}
		if !p.elsewhere(f) {
			return f
		}
		if to := f.Details["leader"]; f.Code == fault.NotLeader && hops < maxHops && callable(to) && !slices.Contains(route[:i+1], to) {
			hops++
			route = slices.Insert(route, i+1, to)
		}
	}
	if last == nil {
		return fault.DeadlineExceeded.Wrap(ctx.Err(), "there was no time to ask anybody")
	}
	return last
}

func left(ctx context.Context) time.Duration {
	at, _ := ctx.Deadline()
	return time.Until(at)
}

// route is the order in which endpoints are asked: the favourite, if there is one, then the others from a random one
// on, so that many callers who lost the same process do not all go to the same next one.
func (p *peers) route() (route []string, favourite string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	first := rand.IntN(len(p.Endpoints))
	for i := range max(len(p.Endpoints), leastTries) {
		route = append(route, p.Endpoints[(first+i)%len(p.Endpoints)])
	}
	if p.favourite == "" {
		return route, ""
	}
	if at := slices.Index(route, p.favourite); at >= 0 && len(p.Endpoints) > 1 {
		route = slices.Delete(route, at, at+1)
	}
	return slices.Insert(route, 0, p.favourite), p.favourite
}

// try makes one call of one endpoint, and remembers whether it answered.
func (p *peers) try(ctx context.Context, addr string, within time.Duration, do func(context.Context, grpc.ClientConnInterface) error) *fault.Error {
	conn, err := p.conn(addr)
	if err == nil {
		ctx, cancel := context.WithTimeout(ctx, within)
		defer cancel()
		err = do(ctx, conn)
	}
	if err == nil {
		p.Count("OK")
		p.answered(addr, true)
		return nil
	}
	f := faultOf(addr, err)
	p.Count(f.Code.Name)
	if p.elsewhere(f) {
		p.answered(addr, false)
	}
	return f
}

// elsewhere reports whether another endpoint may do better after this fault.
func (p *peers) elsewhere(f *fault.Error) bool {
	switch f.Code {
	case fault.Unreachable, fault.DeadlineExceeded, fault.NotLeader:
		return true
	}
	return p.alike && f.Code.Retryable && f.Code != fault.Internal
}

func (p *peers) answered(addr string, well bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if well {
		p.favourite = addr
	} else if p.favourite == addr {
		p.favourite = ""
	}
}

// conn is the connection to an address, made when it is first wanted.
func (p *peers) conn(addr string) (*grpc.ClientConn, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed {
		return nil, errors.New("closed")
	}
	if c := p.conns[addr]; c != nil {
		return c, nil
	}
	c, err := grpc.NewClient(addr,
		grpc.WithTransportCredentials(insecure.NewCredentials()), grpc.WithUnaryInterceptor(p.signed),
		grpc.WithDefaultServiceConfig(eachAddress), grpc.WithDisableServiceConfig(), grpc.WithDisableRetry(), grpc.WithIdleTimeout(0),
		grpc.WithConnectParams(grpc.ConnectParams{Backoff: reconnecting, MinConnectTimeout: connectWithin}),
		grpc.WithKeepaliveParams(keepalive.ClientParameters{Time: pingEvery, Timeout: pingWithin, PermitWithoutStream: true}),
		grpc.WithDefaultCallOptions(grpc.MaxCallRecvMsgSize(maxMessage), grpc.MaxCallSendMsgSize(maxMessage)),
		grpc.WithNoProxy(),
	)
	if err != nil {
		return nil, err
	}
	p.conns[addr] = c
	if !slices.Contains(p.Endpoints, addr) {
		p.learn(addr)
	}
	return c, nil
}

// learn makes room for a leader that was not configured. The oldest has not led for a long time. p.mu is held.
func (p *peers) learn(addr string) {
	p.learned = append(p.learned, addr)
	if len(p.learned) <= maxLearned {
		return
	}
	oldest := p.learned[0]
	p.learned = p.learned[1:]
	_ = p.conns[oldest].Close() // says only that it was closed before
	delete(p.conns, oldest)
}

// signed adds the secret and the trace context to a call. A header of a refused call stands in no error.
func (p *peers) signed(ctx context.Context, method string, req, reply any, conn *grpc.ClientConn, invoke grpc.UnaryInvoker, opts ...grpc.CallOption) error {
	carrier := propagation.MapCarrier{}
	propagation.TraceContext{}.Inject(ctx, carrier)
	pairs := []string{"authorization", "Bearer " + p.Secret}
	for name, value := range carrier {
		pairs = append(pairs, name, value)
	}
	return invoke(metadata.AppendToOutgoingContext(ctx, pairs...), method, req, reply, conn, opts...)
}
