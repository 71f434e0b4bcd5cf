package bench

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// target is a server whose latency is measured.
type target struct {
	name, addr, request string
	pid                 int

	capacity       float64 // requests a second, measured
	p50, p99, p999 []float64
	refused        int
}

func getting(addr, path string) string {
	return "GET " + path + " HTTP/1.1\r\nHost: " + addr + "\r\n\r\n"
}

// latency measures how long reads take while the server is at half of what it can do, and others at half of theirs.
func (r *run) latency(ctx context.Context) (out section, err error) {
	s := r.sut
	path := "/v1/rooms/" + strconv.FormatInt(s.rooms[0], 10)
	card, err := get(ctx, s.QueryURL+path)
	if err != nil {
		return out, err
	}
	targets := []*target{{name: "Greenroom", addr: s.queryAddr(), request: getting(s.queryAddr(), path), pid: s.Pid()}}
	constant, err := r.constant(ctx, "nethttp", len(card))
	if err != nil {
		return out, err
	}
	defer constant.Stop()
	if why := lacks(redisPrograms...); why != "" {
		out.how = append(out.how, "Without Redis beside it: "+why+".")
	} else {
		theirs, err := startRedis(ctx)
		if err != nil {
			return out, err
		}
		defer theirs.Stop()
		if err := theirs.fill(ctx, 1, len(card)); err != nil {
			return out, err
		}
		targets = append(targets, &target{name: "Redis `GET`", addr: theirs.host + ":" + theirs.port, request: "*2\r\n$3\r\nGET\r\n$6\r\nroom:0\r\n", pid: theirs.Pid()})
	}
	targets = append(targets, &target{name: "net/http, constant", addr: constant.addr, request: getting(constant.addr, "/"), pid: constant.Pid()})
	for _, t := range targets {
		if err := onlyOnCore0(ctx, t.pid); err != nil {
			return out, err
		}
	}
	defer func() { err = errors.Join(err, pin(ctx, s.Pid(), everyCore())) }()
	if err := r.latencies(ctx, targets); err != nil {
		return out, err
	}
	out.rows = latencyRows(targets)
	out.how = append([]string{howLatency}, out.how...)
	if refused := targets[0].refused; refused > 0 {
		out.how = append(out.how, fmt.Sprintf("The node refused %s requests because they had waited for too long: something else ran on its core.", thousands(int64(refused))))
	}
	return out, nil
}

// latencies takes turns.
func (r *run) latencies(ctx context.Context, targets []*target) error {
	ask := func(t *target, rate float64, length time.Duration) (report openReport, err error) {
		err = r.load(ctx, "openloop", 1, openOrder{
			Addr: t.addr, Request: t.request, Rate: rate, Connections: connections, Warm: r.l.warm / 2, Length: length,
		}, &report)
		return report, err
	}
	for _, t := range targets {
		report, err := ask(t, 0, r.l.warm)
		if err != nil {
			return fmt.Errorf("%s: %w", t.name, err)
		}
		t.capacity = report.Rate
	}
	for range r.l.rounds {
		for _, t := range targets {
			report, err := ask(t, t.capacity/2, r.l.read)
			if err != nil {
				return fmt.Errorf("%s: %w", t.name, err)
			}
			t.p50, t.p99, t.p999 = append(t.p50, millis(report.P50)), append(t.p99, millis(report.P99)), append(t.p999, millis(report.P999))
			t.refused += report.Refused
		}
	}
	return nil
}

func latencyRows(targets []*target) []row {
	var rows []row
	ours, others := targets[0], targets[1:]
	for _, p := range []struct {
		name string
		of   func(*target) []float64
	}{
		{"p50", func(t *target) []float64 { return t.p50 }},
		{"p99", func(t *target) []float64 { return t.p99 }},
		{"p999", func(t *target) []float64 { return t.p999 }},
	} {
		var beside []string
		for _, t := range others {
			beside = append(beside, fmt.Sprintf("%s at %s/s: %s", t.name, digits(t.capacity/2), spreadOf(p.of(t)).show("ms")))
		}
		mine := spreadOf(p.of(ours))
		rows = append(rows, row{
			what: fmt.Sprintf("`GET /v1/rooms/{id}` at %s/s, %s", digits(ours.capacity/2), p.name), ours: mine.show("ms"),
			beside: strings.Join(beside, "; "), ratio: mine.median / spreadOf(p.of(others[0])).median,
		})
	}
	return rows
}

const howLatency = "Server on core 0, load on core 1. What 64 connections get that ask on with every answer is the capacity; half of that is then sent in an\n" +
	"open loop, over as many connections: each request is due at its time, whether those before were answered or not, and its latency counts\n" +
	"from there. The generator is one thread that never sleeps. Each server is at half of its own capacity; the ratio is to the first of the\n" +
	"others."
