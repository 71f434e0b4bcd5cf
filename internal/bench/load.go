package bench

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"strconv"
	"time"

	"golang.org/x/sync/errgroup"
	"google.golang.org/protobuf/proto"

	anchorv1 "github.com/greenroomlive/greenroom/api/gen/greenroom/anchor/v1"
	"github.com/greenroomlive/greenroom/api/gen/greenroom/anchor/v1/anchorv1connect"
)

// order is what the generator of commands is told.
type order struct {
	Addr, Token string
	Rooms       []int64
	Clients     int
	Length      time.Duration
	// Keyed gives each command an Idempotency-Key; Run makes keys and titles differ from other runs'.
	Keyed bool
	Run   string
}

// loadReport is what came of it.
type loadReport struct {
	Acknowledged int64
	Elapsed      time.Duration
	P50, P99     time.Duration
}

// run carries out one order. One answer that is no 200 fails it.
func (o order) run(ctx context.Context) (report loadReport, err error) {
	took := make([][]time.Duration, o.Clients)
	g, ctx := errgroup.WithContext(ctx)
	began := time.Now()
	for i := range o.Clients {
		g.Go(func() error {
			var err error
			took[i], err = o.client(ctx, i, began.Add(o.Length))
			return err
		})
	}
	if err := g.Wait(); err != nil {
		return report, err
	}
	all := slices.Concat(took...)
	slices.Sort(all)
	return loadReport{
		Acknowledged: int64(len(all)), Elapsed: time.Since(began), P50: percentile(all, 0.5), P99: percentile(all, 0.99),
	}, nil
}

// client edits one room after the other on its own connection until end, each command after the
// answer to the one before, and returns how long each took.
func (o *order) client(ctx context.Context, n int, end time.Time) ([]time.Duration, error) {
	var d net.Dialer
	conn, err := d.DialContext(ctx, "tcp", o.Addr)
	if err != nil {
		return nil, err
	}
	defer func() { _ = conn.Close() }()
	if err := conn.SetDeadline(end.Add(10 * time.Second)); err != nil {
		return nil, err
	}
	answers := bufio.NewReader(conn)
	took := make([]time.Duration, 0, 4096)
	var request []byte
	for i := 0; ; i++ {
		began := time.Now()
		if began.After(end) || ctx.Err() != nil {
			return took, ctx.Err()
		}
		if request, err = o.append(request[:0], n, i); err != nil {
			return took, err
		}
		if _, err := conn.Write(request); err != nil {
			return took, err
		}
		if err := acknowledged(answers); err != nil {
			return took, err
		}
		took = append(took, time.Since(began))
	}
}

// append appends the i-th request of client n: Connect's unary protocol is an HTTP POST of the message.
func (o *order) append(b []byte, n, i int) ([]byte, error) {
	name := fmt.Sprintf("%s-%d-%d", o.Run, n, i)
	body, err := proto.Marshal(&anchorv1.UpdateRoomRequest{
		Id:   o.Rooms[(n+i*o.Clients)%len(o.Rooms)],
		Room: &anchorv1.RoomPatch{Title: new("World final, the last map: " + name)},
	})
	if err != nil {
		return nil, err
	}
	b = append(b, "POST "+anchorv1connect.AnchorServiceUpdateRoomProcedure+" HTTP/1.1\r\nHost: "+o.Addr+
		"\r\nContent-Type: application/proto\r\nConnect-Protocol-Version: 1\r\nAuthorization: Bearer "+o.Token...)
	if o.Keyed {
		b = append(b, "\r\nIdempotency-Key: "+name...)
	}
	b = append(b, "\r\nContent-Length: "+strconv.Itoa(len(body))+"\r\n\r\n"...)
	return append(b, body...), nil
}

// acknowledged reads one answer, and is nil for a 200.
func acknowledged(r *bufio.Reader) error {
	resp, err := http.ReadResponse(r, nil)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if resp.StatusCode == http.StatusOK {
		_, err = io.Copy(io.Discard, resp.Body)
		return err
	}
	var said bytes.Buffer
	_, _ = io.Copy(&said, io.LimitReader(resp.Body, 1024)) // as much of the reason as there is
	return fmt.Errorf("answered %s: %s", resp.Status, said.String())
}
