package bench

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	greenroom "github.com/greenroomlive/greenroom/client"
	"github.com/greenroomlive/greenroom/internal/core/fault"
)

const (
	// commandRate is the open loop's, per second.
	commandRate = 1000
	// senders bounds the commands in flight. Far more than the rate needs: one that starts late
	// because all were busy counts from the moment it was due.
	senders = 128
	// visibleRooms are those that are edited: few enough that all are traced.
	visibleRooms = 1000
	// watchEvery is which commands are also looked for on the C side.
	watchEvery = 10
	// traced is how many changes of a room a trace gives at most.
	traced = 50
)

// visibleRound is what one round saw; durations are sorted.
type visibleRound struct {
	fromCommit, fromAck, toAck []time.Duration
	rate                       float64
	// superseded are commits that never were the newest when the views were written.
	superseded int
	// refused are reads that the node had no time for.
	refused int
}

// visible measures how long after a commit viewers see it, at 1,000 commands a second.
func (r *run) visible(ctx context.Context) (out section, err error) {
	var rounds []visibleRound
	for n := range r.l.rounds + 1 {
		length := r.l.visible
		if n == 0 {
			length = r.l.warm
		}
		one, err := r.sut.visibleRound(ctx, r.sut.rooms[:visibleRooms], length)
		if err != nil {
			return out, err
		}
		if n > 0 { // the first warms up
			rounds = append(rounds, one)
		}
	}
	out.rows, out.how = visibleRows(rounds), howVisible(rounds)
	return out, nil
}

// visibleRound sends at the rate for that long, then asks the server when what passed.
func (s *subject) visibleRound(ctx context.Context, rooms []int64, length time.Duration) (visibleRound, error) {
	var (
		r     visibleRound
		mu    sync.Mutex
		began = time.Now()
	)
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	due := dueTimes(ctx, began, length)
	g, ctx := errgroup.WithContext(ctx)
	for range senders {
		g.Go(func() error {
			for d := range due {
				toAck, fromAck, err := s.edit(ctx, rooms[d.n%len(rooms)], d)
				refused := greenroom.HasCode(err, fault.Shed.Name)
				if err != nil && !refused {
					return err
				}
				mu.Lock()
				r.toAck = append(r.toAck, toAck)
				switch {
				case refused:
					r.refused++
				case fromAck > 0:
					r.fromAck = append(r.fromAck, fromAck)
				}
				mu.Unlock()
			}
			return nil
		})
	}
	if err := g.Wait(); err != nil {
		return r, fmt.Errorf("a command or a read at %d/s failed: %w", commandRate, err)
	}
	r.rate = float64(len(r.toAck)) / time.Since(began).Seconds()
	err := s.trace(context.WithoutCancel(ctx), rooms, began, &r)
	slices.Sort(r.toAck)
	slices.Sort(r.fromAck)
	slices.Sort(r.fromCommit)
	return r, err
}

// due is one command of the open loop.
type dueCommand struct {
	n  int
	at time.Time
}

// dueTimes says when each command is due, whether those before are answered or not: a stall of the
// server delays nobody's watch. The channel holds a whole stalled second.
func dueTimes(ctx context.Context, began time.Time, length time.Duration) <-chan dueCommand {
	due := make(chan dueCommand, commandRate)
	go func() {
		defer close(due)
		for n := range int(length.Seconds() * commandRate) {
			at := began.Add(time.Duration(n) * time.Second / commandRate)
			wait := time.NewTimer(time.Until(at))
			select {
			case <-ctx.Done():
				wait.Stop()
				return
			case <-wait.C:
				due <- dueCommand{n, at}
			}
		}
	}()
	return due
}

// edit renames a room. Of every tenth command it also asks the C side for the version that the
// command returned: fromAck is how long after the acknowledgement that answer was there.
func (s *subject) edit(ctx context.Context, room int64, d dueCommand) (toAck, fromAck time.Duration, err error) {
	title := fmt.Sprintf("World final, map %d of %d", d.n, d.at.UnixNano())
	done, err := s.client.UpdateRoom(ctx, room, &greenroom.RoomPatch{Title: &title}, nil)
	acked := time.Now()
	if err != nil || d.n%watchEvery != 0 {
		return acked.Sub(d.at), 0, err
	}
	_, err = s.client.GetRoom(ctx, room, greenroom.MinVersion(done.GetRoom().GetVersion()))
	return acked.Sub(d.at), time.Since(acked), err
}

// trace reads from every room's version ladder when its changes of this round were committed and visible.
func (s *subject) trace(ctx context.Context, rooms []int64, began time.Time, r *visibleRound) error {
	var mu sync.Mutex
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(8)
	for _, room := range rooms {
		g.Go(func() error {
			t, err := s.client.TraceRoom(ctx, room, traced)
			if err != nil {
				return err
			}
			mu.Lock()
			defer mu.Unlock()
			for _, c := range t.GetChanges() {
				switch committed := c.GetCommittedAt().AsTime(); {
				case c.GetCommittedAt() == nil || committed.Before(began):
				case c.GetVisibleAt() == nil:
					r.superseded++
				default:
					r.fromCommit = append(r.fromCommit, c.GetVisibleAt().AsTime().Sub(committed))
				}
			}
			return nil
		})
	}
	return g.Wait()
}

func visibleRows(rounds []visibleRound) []row {
	over := func(of func(*visibleRound) []time.Duration, p float64) spread {
		var each []float64
		for i := range rounds {
			each = append(each, millis(percentile(of(&rounds[i]), p)))
		}
		return spreadOf(each)
	}
	one := func(what string, f spread, bound aim) row {
		return row{what: what, ours: f.show("ms"), aim: bound, judged: f.median}
	}
	fromCommit := func(r *visibleRound) []time.Duration { return r.fromCommit }
	fromAck := func(r *visibleRound) []time.Duration { return r.fromAck }
	toAck := func(r *visibleRound) []time.Duration { return r.toAck }
	return []row{
		one("commit → visible, p50", over(fromCommit, 0.5), atMostOf(5, "ms")),
		one("commit → visible, p99", over(fromCommit, 0.99), atMostOf(50, "ms")),
		one("acknowledged → read by a viewer, p50", over(fromAck, 0.5), aim{}),
		one("acknowledged → read by a viewer, p99", over(fromAck, 0.99), aim{}),
		one("due → acknowledged, p50", over(toAck, 0.5), aim{}),
		one("due → acknowledged, p99", over(toAck, 0.99), aim{}),
	}
}

func howVisible(rounds []visibleRound) []string {
	var rate []float64
	sent, seen, watched, superseded, refused := 0, 0, 0, 0, 0
	for _, r := range rounds {
		rate = append(rate, r.rate)
		sent += len(r.toAck)
		seen += len(r.fromCommit)
		watched += len(r.fromAck)
		superseded += r.superseded
		refused += r.refused
	}
	return []string{
		fmt.Sprintf("Title edits over %s rooms on air, through the public client (Connect, protobuf, each with an Idempotency-Key), in an open loop of\n"+
			"%s commands/s; achieved: %s. %s commands were acknowledged, 0 failed. Client and server share the cores.",
			thousands(visibleRooms), thousands(commandRate), spreadOf(rate).show("/s"), thousands(int64(sent))),
		fmt.Sprintf("*Commit → visible* is exact: from the fsynced commit to the replaced answer in L1, by the server's own clock, as every room's trace\n"+
			"(`GET /v1/ops/rooms/{id}:trace`) tells it of %s changes (%s more were overtaken by a newer version before they could be shown).\n"+
			"*Acknowledged → read* is what a writer with the version in hand waits for: `X-Room-Min-Version` asked right after the answer to the\n"+
			"command, until the card is read and decoded; %s samples, and %s reads that the node refused, having no time for them. It is an upper bound that includes an HTTP request, and can be shorter than the\n"+
			"first, since a change may be visible before its writer hears that it is committed.",
			thousands(int64(seen)), thousands(int64(superseded)), thousands(int64(watched)), thousands(int64(refused))),
		"*Due → acknowledged* counts from the moment the open loop wanted to send: it holds the wait for the group's fsync.",
	}
}
