package bench

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/greenroomlive/greenroom/internal/stage"
)

// redis is a Redis of our own: in memory only, on loopback, on a socket nobody else knows.
type redis struct {
	*stage.Process
	host, port string
}

func startRedis(ctx context.Context, flags ...string) (*redis, error) {
	addr, err := stage.FreeAddr()
	if err != nil {
		return nil, err
	}
	host, port, _ := strings.Cut(addr, ":")
	p, err := stage.Start(nil, "", "redis-server", append([]string{"--bind", host, "--port", port, "--save", "", "--appendonly", "no", "--daemonize", "no"}, flags...)...)
	if err != nil {
		return nil, err
	}
	r := &redis{p, host, port}
	wait, cancel := context.WithTimeout(ctx, time.Minute) // a million values are being loaded
	defer cancel()
	err = p.Until(wait, "answer to PING", func(ctx context.Context) error {
		said, err := r.cli(ctx, "PING") // LOADING until all values are there
		if err == nil && said != "PONG" {
			err = errNotYet
		}
		return err
	})
	if err != nil {
		p.Stop()
		return nil, err
	}
	return r, nil
}

func (r *redis) cli(ctx context.Context, args ...string) (string, error) {
	out, err := output(ctx, append([]string{"redis-cli", "-e", "-h", r.host, "-p", r.port}, args...))
	return strings.TrimSpace(out), err
}

// fill stores n values of that size as room:0, room:1, …
func (r *redis) fill(ctx context.Context, n, size int) error {
	args := []string{"MSET"}
	for _, key := range keys(n) {
		args = append(args, key, strings.Repeat("x", size))
	}
	if said, err := r.cli(ctx, args...); err != nil || said != "OK" {
		return errors.Join(fmt.Errorf("MSET: %q", said), err)
	}
	return nil
}

func keys(n int) []string {
	out := make([]string, n)
	for i := range out {
		out[i] = "room:" + strconv.Itoa(i)
	}
	return out
}

// ask sends the same command n times over 64 connections, from core 1, and counts the answers.
func (r *redis) ask(ctx context.Context, n int, command ...string) (int64, error) {
	line := onCore(1, "redis-benchmark", "-h", r.host, "-p", r.port, "-c", strconv.Itoa(connections), "-n", strconv.Itoa(n), "-q")
	_, err := output(ctx, append(line, command...))
	return int64(n), err
}
