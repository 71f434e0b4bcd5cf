package proof

import (
	"context"
	"fmt"
	"strconv"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	roomv1 "github.com/greenroomlive/greenroom/api/gen/greenroom/room/v1"
)

// calls reads over gRPC, one call after the other: single rooms, and now and then a batch. It decodes what it
// gets, as clients do.
func (r *reader) calls(ctx context.Context, addr string) error {
	c, err := grpc.NewClient(addr, grpc.WithTransportCredentials(insecure.NewCredentials()), grpc.WithDefaultCallOptions(grpc.MaxCallRecvMsgSize(spaceBytes)))
	if err != nil {
		return err
	}
	defer func() { _ = c.Close() }()
	client := roomv1.NewRoomServiceClient(c)
	for n := 0; ctx.Err() == nil; n++ {
		if n%16 == 0 {
			err = r.batchCall(ctx, client)
		} else {
			err = r.call(ctx, client)
		}
		if err != nil {
			return over(ctx, err)
		}
	}
	return nil
}

// call reads one room.
func (r *reader) call(ctx context.Context, client roomv1.RoomServiceClient) error {
	room, c := r.some(), claim{}
	if r.dice.Uint32()%8 == 0 {
		c.asked = r.Acked(room)
		ctx = metadata.AppendToOutgoingContext(ctx, "x-room-min-version", strconv.FormatInt(c.asked, 10))
	}
	var header metadata.MD
	sent := r.now()
	got, err := client.GetRoom(ctx, &roomv1.GetRoomRequest{Id: r.ID(room)}, grpc.Header(&header))
	if c.asked > 0 && status.Code(err) == codes.Unavailable {
		r.report.Unproven.Add(1)
		return nil
	}
	if err != nil {
		return fmt.Errorf("%s: room %d: %w", r.name, r.ID(room), err)
	}
	r.report.Answers.Add(1)
	c.fresh = freshSince(header, sent)
	r.message(got.GetRoom(), room, c)
	if v := only(header, "x-room-version"); v != got.GetRoom().GetVersion() {
		r.violates(HeadersDisagree, r.ID(room), got.GetRoom().GetVersion(), v, nil)
	}
	return nil
}

// batchCall reads a batch.
func (r *reader) batchCall(ctx context.Context, client roomv1.RoomServiceClient) error {
	req := &roomv1.BatchGetRoomsRequest{Ids: make([]int64, min(100, r.Rooms))}
	first := r.some()
	for k := range req.Ids {
		req.Ids[k] = r.ID((first + k) % r.Rooms)
	}
	var header metadata.MD
	sent := r.now()
	got, err := client.BatchGetRooms(ctx, req, grpc.Header(&header))
	if err != nil {
		return fmt.Errorf("%s: a batch: %w", r.name, err)
	}
	r.report.Answers.Add(1)
	if n := len(got.GetRooms()); n != len(req.Ids) || len(got.GetMissing()) > 0 {
		r.violates(NotAsAsked, r.ID(first), int64(n), int64(len(req.Ids)), fmt.Append(nil, "missing ", got.GetMissing()))
		return nil
	}
	c := claim{fresh: freshSince(header, sent)}
	for k, m := range got.GetRooms() {
		r.message(m, (first+k)%r.Rooms, c)
	}
	return nil
}

// message checks a decoded room.
func (r *reader) message(m *roomv1.Room, expected int, c claim) {
	if m.GetId() != r.ID(expected) {
		r.violates(NotAsAsked, m.GetId(), m.GetId(), r.ID(expected), nil)
		return
	}
	r.report.Rooms.Add(1)
	detail := []byte(m.GetTitle())
	r.version(expected, m.GetVersion(), c, detail)
	shown := card{version: m.GetVersion(), epoch: m.GetLive().GetEpoch(), title: detail, status: []byte(m.GetLive().GetStatus().String())}
	if !shown.fits(r.Kind(expected), r.title) {
		r.violates(Torn, m.GetId(), m.GetVersion(), m.GetVersion(), []byte(m.String()))
	}
}

// freshSince is answer.freshSince for an answer's metadata.
func freshSince(header metadata.MD, sent time.Duration) time.Duration {
	values := header.Get("x-room-age-ms")
	if len(values) != 1 {
		return -1
	}
	ms, err := strconv.ParseInt(values[0], 10, 64)
	if err != nil {
		return -1
	}
	return sent - time.Duration(ms)*time.Millisecond - rounding
}

// only is a number that a header has once; 0 when it has not.
func only(header metadata.MD, key string) int64 {
	if values := header.Get(key); len(values) == 1 {
		return number([]byte(values[0]))
	}
	return 0
}
