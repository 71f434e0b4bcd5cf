package main

import (
	"context"
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

// reads measures the CPU time of a read beside Redis.
func (s *subject) reads(ctx context.Context, l lengths) (section, error) {
	out := section{title: "Read cost beside Redis"}
	room := s.QueryURL + "/v1/rooms/" + strconv.FormatInt(s.rooms[0], 10)
	batch := s.QueryURL + "/v1/rooms?ids=" + join(s.rooms[:batchOf])
	card, err := get(ctx, room)
	if err != nil {
		return out, err
	}
	theirs, err := startRedis(ctx)
	if err != nil {
		return out, err
	}
	defer theirs.Stop()
	if err := theirs.fill(ctx, batchOf, len(card)); err != nil {
		return out, err
	}
	if err := s.onOneCore(ctx, room, l.warm); err != nil {
		return out, err
	}
	if err := pin(ctx, theirs.Pid(), "0"); err != nil {
		return out, err
	}
	fig, err := s.readRounds(ctx, l, theirs, room, batch)
	if err != nil {
		return out, err
	}
	if err := pin(ctx, s.Pid(), everyCore()); err != nil {
		return out, err
	}
	out.rows, out.how = fig.rows(), howReads(len(card))
	return out, nil
}

// readFigures are microseconds of CPU per request, one for each round.
type readFigures struct{ get, redisGet, batch, redisMGet []float64 }

// readRounds takes turns.
func (s *subject) readRounds(ctx context.Context, l lengths, theirs *redis, room, batch string) (f readFigures, err error) {
	mget := append([]string{"MGET"}, keys(batchOf)...)
	turns := []struct {
		pid  int
		into *[]float64
		load func() (int64, error)
	}{
		{s.Pid(), &f.get, func() (int64, error) { return wrk(ctx, room, l.read) }},
		{theirs.Pid(), &f.redisGet, func() (int64, error) { return theirs.ask(ctx, l.redisGets, "GET", "room:0") }},
		{s.Pid(), &f.batch, func() (int64, error) { return wrk(ctx, batch, l.read) }},
		{theirs.Pid(), &f.redisMGet, func() (int64, error) { return theirs.ask(ctx, l.redisMGs, mget...) }},
	}
	for range l.rounds {
		for _, t := range turns {
			us, err := cost(t.pid, t.load)
			if err != nil {
				return f, err
			}
			*t.into = append(*t.into, us)
		}
	}
	return f, nil
}

func (f *readFigures) rows() []row {
	perRoom := func(us []float64) spread {
		each := make([]float64, len(us))
		for i := range us {
			each[i] = us[i] / batchOf
		}
		return spreadOf(each)
	}
	one := func(what, beside string, ours, theirs spread, bound float64) row {
		ratio := ours.median / theirs.median
		return row{what, ours.show("µs CPU"), beside + ": " + theirs.show("µs CPU"), ratio, aim{limit: bound, unit: "×"}, ratio}
	}
	return []row{
		one("`GET /v1/rooms/{id}`", "Redis `GET`", spreadOf(f.get), spreadOf(f.redisGet), 1.3),
		one("`GET /v1/rooms?ids=` of 100, per room", "Redis `MGET` of 100, per value", perRoom(f.batch), perRoom(f.redisMGet), 0.25),
	}
}

func howReads(size int) []string {
	return []string{
		fmt.Sprintf("A room on air, answered in %d bytes of JSON; Redis holds values of exactly that size. Server on core 0, load on core 1: `wrk -t1 -c%d`\n"+
			"and `redis-benchmark -c %d`, without pipelining, by turns. The figure is the server's CPU time, user and system, over the requests it\n"+
			"answered: what one busy core pays for a read, however fast the load generator is. The server's Go runtime had noticed that it has one\n"+
			"core (`go_sched_gomaxprocs_threads` = 1) before the first round.", size, connections, connections),
	}
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

// wrk reads one URL over and over from core 1, and counts the answers; all must be 2xx.
func wrk(ctx context.Context, url string, d time.Duration) (int64, error) {
	seconds := strconv.Itoa(max(int(d.Seconds()), 1)) + "s"
	out, err := output(ctx, onCore(1, "wrk", "-t1", "-c"+strconv.Itoa(connections), "-d"+seconds, url))
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
