package bench

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// begun starts a node with a million rooms, on a room_c that holds them and, a fifth as many, on one that is to be
// filled from B. Two experiments tell of it; it is measured once.
func (r *run) begun(ctx context.Context) ([]StartResult, error) {
	for i, filled := range []bool{false, true} {
		if len(r.started) > i {
			continue
		}
		rooms := r.l.startRooms
		if filled {
			rooms /= 5
		}
		one, err := Start(ctx, filepath.Join(r.root, "start-"+strconv.Itoa(i)), rooms, filled)
		if err != nil {
			return nil, err
		}
		r.started = append(r.started, one)
	}
	return r.started, nil
}

// memory is what a resident room takes.
func (r *run) memory(ctx context.Context) (out section, err error) {
	all, err := r.begun(ctx)
	if err != nil {
		return out, err
	}
	one := all[0]
	beyond := one.HeapPerRoom - one.OwnPerRoom
	mine := figure(fmt.Sprintf("bytes of a room beyond its own, %s resident", thousands(int64(one.Resident))), digits(beyond)+" bytes", "", beyond, atMostOf(1024, "bytes"))
	out.how = []string{fmt.Sprintf("Live heap after a collection, less what it was before the rooms were there, over the rooms; a room's own bytes are its encoded JSON and\n"+
		"protobuf, %s on average. The live list and all that finds a room is in it, an index of words is not. One collection with all of them\n"+
		"resident takes %s by wall clock, most of it beside the readers.", digits(one.OwnPerRoom), one.GC.Round(time.Millisecond))}
	if why := lacks(redisPrograms...); why != "" {
		out.how = append(out.how, "Without Redis beside it: "+why+".")
	} else {
		theirs, err := r.redisMillion(ctx, one)
		if err != nil {
			return out, err
		}
		mine.beside = "Redis, a key and a value of as many bytes: " + digits(theirs.beyond) + " bytes"
		mine.ratio = beyond / theirs.beyond
	}
	out.rows = []row{mine}
	return out, nil
}

// starts is how soon a new node is of use.
func (r *run) starts(ctx context.Context) (out section, err error) {
	all, err := r.begun(ctx)
	if err != nil {
		return out, err
	}
	beside := ""
	if why := lacks(redisPrograms...); why != "" {
		out.how = append(out.how, "Without Redis beside it: "+why+".")
	} else {
		theirs, err := r.redisMillion(ctx, all[0])
		if err != nil {
			return out, err
		}
		beside = fmt.Sprintf("Redis, from its snapshot of as many values: %s s", digits(theirs.loaded.Seconds()))
	}
	ready := func(what string, one StartResult) row {
		return figure(fmt.Sprintf("%s rooms, %s: ready", thousands(int64(one.Rooms)), what), digits(one.Ready.Seconds())+" s", "", one.Ready.Seconds(), atMostOf(10, "s"))
	}
	first := ready("room_c is there and lags by "+thousands(startBehind)+" events", all[0])
	first.beside = beside
	out.rows = []row{
		first,
		{what: "the same, the live list", ours: digits(all[0].OnAir.Seconds()) + " s"},
		ready("room_c is empty and filled from B", all[1]),
		figure("rooms filled a second, per core", digits(float64(all[1].Rooms)/all[1].CPU.Seconds())+" /s", "", float64(all[1].Rooms)/all[1].CPU.Seconds(), atLeastOf(50_000, "/s")),
	}
	out.how = append([]string{"From opening the databases until `/readyz` would say yes: all rooms in memory, the live list complete, the feed at the head of the log. One\n" +
		"room of five is on air. The engines are those of `greenroom dev`, in this process; the page cache is warm, as the rooms were written just\n" +
		"before, for Redis too."}, out.how...)
	return out, nil
}

// redisStart is what Redis takes for as many values.
type redisStart struct {
	beyond float64 // bytes of a key beyond its value
	loaded time.Duration
}

// redisMillion fills a Redis with values of a room's own size, and starts it again from its snapshot.
func (r *run) redisMillion(ctx context.Context, one StartResult) (redisStart, error) {
	if r.redisStarted.beyond != 0 {
		return r.redisStarted, nil
	}
	size := int(one.OwnPerRoom)
	first, err := startRedis(ctx, "--dir", r.root, "--dbfilename", "million.rdb")
	if err != nil {
		return redisStart{}, err
	}
	defer first.Stop()
	before, err := first.memory(ctx)
	if err != nil {
		return redisStart{}, err
	}
	if err := first.pour(ctx, one.Rooms, size); err != nil {
		return redisStart{}, err
	}
	after, err := first.memory(ctx)
	if err != nil {
		return redisStart{}, err
	}
	if said, err := first.cli(ctx, "SAVE"); err != nil || said != "OK" {
		return redisStart{}, errors.Join(fmt.Errorf("SAVE: %q", said), err)
	}
	first.Stop()
	began := time.Now()
	again, err := startRedis(ctx, "--dir", r.root, "--dbfilename", "million.rdb")
	if err != nil {
		return redisStart{}, err
	}
	defer again.Stop()
	r.redisStarted = redisStart{beyond: (after-before)/float64(one.Rooms) - float64(size), loaded: time.Since(began)}
	return r.redisStarted, nil
}

// memory is what Redis says that it uses, in bytes.
func (r *redis) memory(ctx context.Context) (float64, error) {
	said, err := r.cli(ctx, "INFO", "memory")
	if err != nil {
		return 0, err
	}
	for line := range strings.Lines(said) {
		if n, ok := strings.CutPrefix(line, "used_memory:"); ok {
			return strconv.ParseFloat(strings.TrimSpace(n), 64)
		}
	}
	return 0, errors.New("INFO does not say what memory Redis uses")
}

// pour stores n values of a size as fast as they go in.
func (r *redis) pour(ctx context.Context, n, size int) error {
	cmd := exec.CommandContext(ctx, "redis-cli", "-h", r.host, "-p", r.port, "--pipe")
	in, err := cmd.StdinPipe()
	if err != nil {
		return err
	}
	if err := cmd.Start(); err != nil {
		return err
	}
	w := bufio.NewWriterSize(in, 1<<20)
	value := strings.Repeat("x", size)
	for i := range n {
		key := "room:" + strconv.Itoa(i)
		if _, err = fmt.Fprintf(w, "*3\r\n$3\r\nSET\r\n$%d\r\n%s\r\n$%d\r\n%s\r\n", len(key), key, size, value); err != nil {
			break
		}
	}
	return errors.Join(err, w.Flush(), in.Close(), cmd.Wait())
}
