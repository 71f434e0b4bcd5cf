package bench

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"time"
)

const (
	// connections is how many keep-alive connections the readers hold, on either side.
	connections = 64
	// batchOf is how many rooms a batch asks for.
	batchOf = 100
)

// turn is one server that takes its turn at answering; us is microseconds of CPU per request, one for each round.
type turn struct {
	pid  int
	load func() (int64, error)
	us   []float64
}

// takeTurns lets each answer for a while, again and again.
func takeTurns(rounds int, turns ...*turn) error {
	for range rounds {
		for _, t := range turns {
			us, err := cost(t.pid, t.load)
			if err != nil {
				return err
			}
			t.us = append(t.us, us)
		}
	}
	return nil
}

// reads measures the CPU time of reading one room.
func (r *run) reads(ctx context.Context) (section, error) {
	return r.besideRedis(ctx, comparison{
		what: "`GET /v1/rooms/{id}`", path: "/v1/rooms/" + strconv.FormatInt(r.sut.rooms[0], 10), each: 1,
		redis: "Redis `GET`", command: []string{"GET", "room:0"}, requests: r.l.redisGets, aim: atMostOf(1.2, "×"),
	})
}

// batch measures the CPU time of reading many rooms at a time, for each of them.
func (r *run) batch(ctx context.Context) (section, error) {
	return r.besideRedis(ctx, comparison{
		what: "`GET /v1/rooms?ids=` of 100, per room", path: "/v1/rooms?ids=" + join(r.sut.rooms[:batchOf]), each: batchOf,
		redis: "Redis `MGET` of 100, per value", command: append([]string{"MGET"}, keys(batchOf)...), requests: r.l.redisMGs, aim: atMostOf(0.25, "×"),
	})
}

// comparison is a read of ours and what Redis would do instead.
type comparison struct {
	what, path string
	each       int // rooms in an answer
	redis      string
	command    []string
	requests   int
	aim        aim
}

// besideRedis measures it beside Redis, when there is one, and beside a constant answer of net/http.
func (r *run) besideRedis(ctx context.Context, c comparison) (out section, err error) {
	s := r.sut
	card, err := get(ctx, s.QueryURL+"/v1/rooms/"+strconv.FormatInt(s.rooms[0], 10))
	if err != nil {
		return out, err
	}
	body, err := get(ctx, s.QueryURL+c.path)
	if err != nil {
		return out, err
	}
	constant, err := r.constant(ctx, "nethttp", len(body))
	if err != nil {
		return out, err
	}
	defer constant.Stop()
	ours := &turn{pid: s.Pid(), load: func() (int64, error) { return wrk(ctx, s.QueryURL+c.path, r.l.read) }}
	plain := &turn{pid: constant.Pid(), load: func() (int64, error) { return wrk(ctx, "http://"+constant.addr+"/", r.l.read) }}
	turns := []*turn{ours, plain}
	out.how = []string{howReads(len(card))}
	var theirs *turn
	if why := lacks(redisPrograms...); why != "" {
		out.how = append(out.how, "Without Redis beside it: "+why+".")
	} else {
		server, err := startRedis(ctx)
		if err != nil {
			return out, err
		}
		defer server.Stop()
		if err := server.fill(ctx, batchOf, len(card)); err != nil {
			return out, err
		}
		theirs = &turn{pid: server.Pid(), load: func() (int64, error) { return server.ask(ctx, c.requests, c.command...) }}
		turns = []*turn{ours, theirs, plain}
	}
	for _, t := range turns {
		if err := pin(ctx, t.pid, "0"); err != nil {
			return out, err
		}
	}
	defer func() { err = errors.Join(err, pin(ctx, s.Pid(), everyCore())) }()
	if _, err := plain.load(); err != nil { // it notices its one core meanwhile
		return out, err
	}
	if err := s.onOneCore(ctx, s.QueryURL+c.path, r.l.warm); err != nil {
		return out, err
	}
	if err := takeTurns(r.l.rounds, turns...); err != nil {
		return out, err
	}
	if theirs != nil {
		out.rows = append(out.rows, against(c.what, c.redis, perRoom(ours.us, c.each), perRoom(theirs.us, c.each), c.aim))
	}
	out.rows = append(out.rows, against(c.what, "net/http, constant", perRoom(ours.us, c.each), perRoom(plain.us, c.each), aim{}))
	return out, nil
}

func perRoom(us []float64, rooms int) spread {
	each := make([]float64, len(us))
	for i := range us {
		each[i] = us[i] / float64(rooms)
	}
	return spreadOf(each)
}

func howReads(size int) string {
	return fmt.Sprintf("A room on air, answered in %d bytes of JSON; Redis holds values of exactly that size, and a net/http server has an answer of the same\n"+
		"size ready. Server on core 0, load on core 1: `wrk -t1 -c%d` and `redis-benchmark -c %d`, without pipelining, by turns. The figure is the\n"+
		"server's CPU time, user and system, over the requests it answered: what one busy core pays for a read, however fast the load\n"+
		"generator is. The server's Go runtime had noticed that it has one core (`go_sched_gomaxprocs_threads` = 1) before the first round.", size, connections, connections)
}

// onOneCore pins the server to core 0 and loads it until its runtime has noticed: that looks at the
// affinity mask about once a second, and more often than that only costs.
func (s *subject) onOneCore(ctx context.Context, url string, warm time.Duration) error {
	if err := pin(ctx, s.Pid(), "0"); err != nil {
		return err
	}
	for range 10 {
		if _, err := wrk(ctx, url, warm); err != nil {
			return err
		}
		page, err := get(ctx, s.CommandURL+"/metrics")
		if err != nil {
			return err
		}
		if procs, ok := metric(page, "go_sched_gomaxprocs_threads"); !ok || procs == 1 {
			return nil
		}
	}
	return fmt.Errorf("the server's GOMAXPROCS does not follow its affinity mask")
}

// wrk reads one URL over and over from core 1, or does what the options say, and counts the answers; all must be 2xx.
func wrk(ctx context.Context, url string, d time.Duration, options ...string) (int64, error) {
	seconds := strconv.Itoa(max(int(d.Seconds()), 1)) + "s"
	options = append([]string{"-t1", "-c" + strconv.Itoa(connections), "-d" + seconds}, options...)
	out, err := output(ctx, onCore(1, "wrk", append(options, url)...))
	if err != nil {
		return 0, err
	}
	return answered(out)
}

var (
	requestsIn = regexp.MustCompile(`(?m)^\s*(\d+) requests in`)
	wentWrong  = regexp.MustCompile(`(?m)^\s*(Non-2xx.*|Socket errors:.*)$`)
)

// answered reads wrk's report.
func answered(report string) (int64, error) {
	if wrong := wentWrong.FindStringSubmatch(report); wrong != nil {
		return 0, fmt.Errorf("wrk: %s", wrong[1])
	}
	found := requestsIn.FindStringSubmatch(report)
	if found == nil {
		return 0, fmt.Errorf("wrk: unreadable report:\n%s", report)
	}
	return strconv.ParseInt(found[1], 10, 64)
}

func join(ids []int64) string {
	text := make([]string, len(ids))
	for i, id := range ids {
		text[i] = strconv.FormatInt(id, 10)
	}
	return strings.Join(text, ",")
}
