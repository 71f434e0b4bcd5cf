package bench

import (
	"bufio"
	"context"
	"fmt"
	"net"
	"os"
	"sync"
	"testing"
	"time"
)

// TestTheCrowdCounts: a server that leaves one event out and tells another one twice is found out.
func TestTheCrowdCounts(t *testing.T) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var (
		mu    sync.Mutex
		conns []net.Conn
	)
	accepting := make(chan struct{})
	go func() {
		defer close(accepting)
		for {
			c, err := ln.Accept()
			if err != nil {
				return
			}
			for lines := bufio.NewScanner(c); lines.Scan() && lines.Text() != ""; { // the request's head
			}
			fmt.Fprint(c, "HTTP/1.1 200 OK\r\n\r\nretry: 1000\n\n: still here\n\n")
			mu.Lock()
			conns = append(conns, c)
			mu.Unlock()
		}
	}()
	message := func(seq int) string {
		return fmt.Sprintf("id: %d\nevent: WentLive\ndata: {\"committed_at\":%q}\n\n", seq, time.Now().UTC().Format(time.RFC3339Nano))
	}
	r, err := fanout(t.Context(), fanoutPlan{
		Addr: ln.Addr().String(), PID: os.Getpid(), Watchers: 20, After: 7, Rate: 100, Length: 30 * time.Millisecond,
		Happen: func(_ context.Context, i int) error {
			mu.Lock()
			defer mu.Unlock()
			for n, c := range conns {
				said := message(8 + i)
				switch {
				case n == 3 && i == 1:
					said = ""
				case n == 4 && i == 2:
					said += said
				}
				fmt.Fprint(c, said[:len(said)/2])
				fmt.Fprint(c, said[len(said)/2:])
			}
			return nil
		},
		drain: time.Second,
	})
	_ = ln.Close()
	<-accepting
	for _, c := range conns {
		_ = c.Close()
	}
	if err != nil {
		t.Fatal(err)
	}
	if r.Watchers != 20 || r.Events != 3 || r.Deliveries != 59 || r.Lost != 1 || r.Repeated != 1 {
		t.Errorf("counted %+v", r)
	}
	if r.P50 <= 0 || r.P99 < r.P50 {
		t.Errorf("p50 %v, p99 %v", r.P50, r.P99)
	}
}
