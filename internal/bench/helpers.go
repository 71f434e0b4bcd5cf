package bench

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"strconv"
	"strings"
	"time"

	"github.com/greenroomlive/greenroom/internal/stage"
)

// loads make load: they read an order from stdin, carry it out, and write what came of it to stdout.
var loads = map[string]func(ctx context.Context, in io.Reader, out io.Writer) error{
	"commands": carryOut(order.run),
	"openloop": carryOut(openOrder.run),
	"calls":    carryOut(callOrder.run),
	"overload": carryOut(overloadOrder.run),
}

// constants are servers that answer with so many bytes that they have ready, and nothing else.
var constants = map[string]func(ctx context.Context, size int, listening func(addr string)) error{
	"nethttp":  constantHTTP,
	"fasthttp": constantFast,
	"grpc":     constantGRPC,
}

// help makes this process one of them.
func (b *Bench) help(ctx context.Context, in io.Reader, out io.Writer) error {
	if load := loads[b.As]; load != nil {
		return load(ctx, in, out)
	}
	if serve := constants[b.As]; serve != nil {
		return serve(ctx, b.Size, func(addr string) { _, _ = fmt.Fprintln(out, "listening", addr) })
	}
	return fmt.Errorf("there is no helper %q", b.As)
}

// carryOut wraps one order: what it costs must not be in the figures, nor its garbage collector in the
// latencies, so that each is a process of its own.
func carryOut[O, R any](run func(O, context.Context) (R, error)) func(context.Context, io.Reader, io.Writer) error {
	return func(ctx context.Context, in io.Reader, out io.Writer) error {
		var o O
		if err := json.NewDecoder(in).Decode(&o); err != nil {
			return err
		}
		r, err := run(o, ctx)
		if err != nil {
			return err
		}
		return json.NewEncoder(out).Encode(r)
	}
}

// anyCore lets the system choose.
const anyCore = -1

// load runs a load on a core, and reads its report.
func (r *run) load(ctx context.Context, name string, core int, order, report any) error {
	in, err := json.Marshal(order)
	if err != nil {
		return err
	}
	line := []string{r.self, "bench", "--as", name}
	if core != anyCore {
		line = onCore(core, line[0], line[1:]...)
	}
	cmd := exec.CommandContext(ctx, line[0], line[1:]...)
	var stderr bytes.Buffer
	cmd.Stdin, cmd.Stderr = bytes.NewReader(in), &stderr
	out, err := cmd.Output()
	if err != nil {
		return fmt.Errorf("the load %s: %w: %s", name, err, stderr.String())
	}
	return json.Unmarshal(out, report)
}

// constant is a running server with a constant answer.
type constant struct {
	*stage.Process
	addr string
}

var errNotYet = errors.New("not yet")

// constant starts one.
func (r *run) constant(ctx context.Context, name string, size int) (*constant, error) {
	said := make(chan string, 1)
	p, err := stage.Start(func(line string) {
		if addr, ok := strings.CutPrefix(line, "listening "); ok {
			said <- addr
		}
	}, "", r.self, "bench", "--as", name, "--size", strconv.Itoa(size))
	if err != nil {
		return nil, err
	}
	c := &constant{Process: p}
	wait, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	err = p.Until(wait, "its address", func(context.Context) error {
		select {
		case c.addr = <-said:
			return nil
		default:
			return errNotYet
		}
	})
	if err != nil {
		p.Stop()
		return nil, err
	}
	return c, nil
}
