package bench

import (
	"context"
	"fmt"
	"strconv"
	"time"
)

// clients is how many connections command at once.
const clients = 256

// commandFigures are one per round, but the fsyncs, of which there is one more: before, between and after.
type commandFigures struct {
	// appended is the comparison: a log that grows. rewritten is the fastest fsync there is.
	appended, rewritten []float64

	plain, keyed loadFigures
}

type loadFigures struct{ rate, cpu, p50, p99 []float64 }

// commands measures how many commands a second are acknowledged, beside the fsyncs of the same disk.
func (r *run) commands(ctx context.Context) (out section, err error) {
	var f commandFigures
	if _, err := r.commanding(ctx, r.l.warm, false, "warm"); err != nil {
		return out, err
	}
	for round := range r.l.rounds + 1 {
		if err := f.fsyncs(r.root, r.l.fsync); err != nil {
			return out, err
		}
		if round == r.l.rounds {
			break
		}
		if err := r.loadRound(ctx, r.l.commands, &f.plain, false, "plain-"+strconv.Itoa(round)); err != nil {
			return out, err
		}
		if err := r.loadRound(ctx, r.l.commands, &f.keyed, true, "keyed-"+strconv.Itoa(round)); err != nil {
			return out, err
		}
	}
	out.rows, out.how = f.rows(), howCommands
	return out, nil
}

func (f *commandFigures) fsyncs(dir string, length time.Duration) error {
	for _, turn := range []struct {
		grows bool
		into  *[]float64
	}{{true, &f.appended}, {false, &f.rewritten}} {
		rate, err := fsyncRate(dir, turn.grows, length)
		if err != nil {
			return err
		}
		*turn.into = append(*turn.into, rate)
	}
	return nil
}

func (r *run) loadRound(ctx context.Context, length time.Duration, f *loadFigures, keyed bool, run string) error {
	var report loadReport
	cpu, err := cost(r.sut.Pid(), func() (int64, error) {
		var err error
		report, err = r.commanding(ctx, length, keyed, run)
		return report.Acknowledged, err
	})
	if err != nil {
		return err
	}
	f.rate = append(f.rate, float64(report.Acknowledged)/report.Elapsed.Seconds())
	f.cpu = append(f.cpu, cpu)
	f.p50 = append(f.p50, millis(report.P50))
	f.p99 = append(f.p99, millis(report.P99))
	return nil
}

// commanding lets that many clients command for that long.
func (r *run) commanding(ctx context.Context, length time.Duration, keyed bool, run string) (report loadReport, err error) {
	s := r.sut
	err = r.load(ctx, "commands", anyCore, order{
		Addr: s.CommandAddr(), Token: s.token, Rooms: s.rooms, Clients: clients, Length: length, Keyed: keyed, Run: run,
	}, &report)
	return report, err
}

func (f *commandFigures) rows() []row {
	rate := func(what string, rate []float64, disk spread, bound aim) row {
		ours := spreadOf(rate)
		ratio := ours.median / disk.median
		return row{what, ours.show("/s"), "4 KiB + fsync: " + disk.show("/s"), ratio, bound, ratio}
	}
	only := func(what, unit string, of []float64) row { return row{what: what, ours: spreadOf(of).show(unit)} }
	appended := spreadOf(f.appended)
	return []row{
		rate("commands acknowledged, 256 clients", f.plain.rate, appended, atLeastOf(3, "×")),
		only("server CPU per command", "µs", f.plain.cpu),
		only("latency, p50", "ms", f.plain.p50),
		only("latency, p99", "ms", f.plain.p99),
		rate("commands with an Idempotency-Key", f.keyed.rate, appended, aim{}),
		only("server CPU per command with a key", "µs", f.keyed.cpu),
		only("latency with a key, p50", "ms", f.keyed.p50),
		only("latency with a key, p99", "ms", f.keyed.p99),
		rate("commands acknowledged, beside fsyncs that rewrite", f.plain.rate, spreadOf(f.rewritten), aim{}),
	}
}

var howCommands = []string{
	fmt.Sprintf("%d clients in a process of their own edit the titles of rooms on air: Connect's unary protocol with protobuf on raw HTTP/1.1\n"+
		"keep-alive connections, the cheapest way in, so that the generator takes little from the cores it shares with the server. Each client sends\n"+
		"when its last command was answered. A command counts when its 200 is there, and by then it is fsynced. Errors: 0, since one would have\n"+
		"ended the run.", clients),
	"An Idempotency-Key makes the server keep the sealed answer in the same transaction: one row more per command.",
	"The comparison is a loop of one writer on the same file system while the server idles, before, between and after the rounds: 4 KiB\n" +
		"appended to a file, then fsync. That bounds whoever commits one change at a time. The last row has the fastest fsync there is beside it: of\n" +
		"4 KiB within a file that was written before and does not grow.",
}
