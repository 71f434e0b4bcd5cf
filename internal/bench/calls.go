package bench

import (
	"context"
	"errors"
	"fmt"
	"time"

	"golang.org/x/sync/errgroup"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/protobuf/proto"

	roomv1 "github.com/greenroomlive/greenroom/api/gen/greenroom/room/v1"
)

// callOrder asks for one room over and over, over one connection with that many streams.
type callOrder struct {
	Addr    string
	Room    int64
	Streams int
	Length  time.Duration
}

type callReport struct{ Answered int64 }

func (o callOrder) run(ctx context.Context) (report callReport, err error) {
	c, err := grpc.NewClient(o.Addr, grpc.WithTransportCredentials(insecure.NewCredentials()), grpc.WithDefaultCallOptions(grpc.ForceCodecV2(rawCodec{})))
	if err != nil {
		return report, err
	}
	defer func() { err = errors.Join(err, c.Close()) }()
	ask, err := proto.Marshal(&roomv1.GetRoomRequest{Id: o.Room})
	if err != nil {
		return report, err
	}
	until := time.Now().Add(o.Length)
	answered := make([]int64, o.Streams)
	g, ctx := errgroup.WithContext(ctx)
	for i := range answered {
		g.Go(func() error {
			var got []byte
			for time.Now().Before(until) {
				if err := c.Invoke(ctx, roomv1.RoomService_GetRoom_FullMethodName, ask, &got); err != nil {
					return err
				}
				answered[i]++
			}
			return nil
		})
	}
	err = g.Wait()
	for _, n := range answered {
		report.Answered += n
	}
	return report, err
}

// streams is how many calls are under way on the one connection.
const streams = 64

// grpc measures the CPU time of a call beside one that is answered with as many bytes and nothing done.
func (r *run) grpc(ctx context.Context) (out section, err error) {
	s := r.sut
	card, err := s.client.GetRoom(ctx, s.rooms[0])
	if err != nil {
		return out, err
	}
	size := proto.Size(&roomv1.GetRoomResponse{Room: card.Room})
	theirs, err := r.constant(ctx, "grpc", size)
	if err != nil {
		return out, err
	}
	defer theirs.Stop()
	if err := onlyOnCore0(ctx, s.Pid(), theirs.Pid()); err != nil {
		return out, err
	}
	defer func() { err = errors.Join(err, pin(ctx, s.Pid(), everyCore())) }()
	calls := func(pid int, addr string, length time.Duration) (float64, error) {
		return cost(pid, func() (int64, error) {
			var report callReport
			err := r.load(ctx, "calls", 1, callOrder{Addr: addr, Room: s.rooms[0], Streams: streams, Length: length}, &report)
			return report.Answered, err
		})
	}
	// The first round warms up, and lets both notice that they have one core.
	var ours, constant []float64
	for round := range r.l.rounds + 1 {
		length := r.l.read
		if round == 0 {
			length = r.l.warm
		}
		a, err := calls(s.Pid(), s.grpcAddr, length)
		if err != nil {
			return out, err
		}
		b, err := calls(theirs.Pid(), theirs.addr, length)
		if err != nil {
			return out, err
		}
		if round > 0 {
			ours, constant = append(ours, a), append(constant, b)
		}
	}
	out.rows = []row{against("`GetRoom` over gRPC", "grpc-go, constant answer", spreadOf(ours), spreadOf(constant), atMostOf(1.15, "×"))}
	out.how = []string{fmt.Sprintf("A room on air, answered in %d bytes of protobuf; the constant server has that many bytes ready and runs the same grpc-go with the\n"+
		"same settings. Server on core 0, load on core 1: one connection with %d calls under way. CPU time of the server over the calls it answered.", size, streams)}
	return out, nil
}
