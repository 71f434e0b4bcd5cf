package proof

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"strconv"
	"time"

	"google.golang.org/protobuf/proto"

	anchorv1 "github.com/greenroomlive/greenroom/api/gen/greenroom/anchor/v1"
	"github.com/greenroomlive/greenroom/api/gen/greenroom/anchor/v1/anchorv1connect"
)

// writer changes every n-th room on a connection of its own, one command after the answer to the one before.
type writer struct {
	*Ledger
	report      *Report
	addr, token string
	number, of  int
	dice        *rand.Rand
	out         []byte
	message     []byte
}

// writes sends commands at a rate until ctx ends: when it has fallen behind it sends on at once. edits is the
// share of the commands that go to Edited rooms.
func (w *writer) writes(ctx context.Context, rate, edits float64) error {
	var d net.Dialer
	c, err := d.DialContext(ctx, "tcp", w.addr)
	if err != nil {
		return over(ctx, err)
	}
	defer func() { _ = c.Close() }()
	defer context.AfterFunc(ctx, func() { _ = c.Close() })()
	answers := bufio.NewReader(c)
	every := time.Duration(float64(time.Second) / rate)
	due := time.NewTimer(time.Duration(w.dice.Int64N(int64(every) + 1)))
	defer due.Stop()
	for next := time.Now(); ; {
		select {
		case <-ctx.Done():
			return nil
		case <-due.C:
		}
		if err := w.change(c, answers, w.draw(edits)); err != nil {
			return over(ctx, err)
		}
		next = next.Add(every)
		due.Reset(time.Until(next))
	}
}

// draw takes one of the writer's rooms. Half of the edits go to the rooms that are read most.
func (w *writer) draw(edits float64) int {
	from, rooms := 0, w.Witness()
	switch {
	case w.dice.Float64() >= edits:
		from, rooms = w.Edited, w.Rooms-w.Edited
	case w.dice.Uint32()&1 == 0:
		rooms = min(rooms, max(hot, w.of))
	}
	return from + w.number + w.of*w.dice.IntN((rooms-w.number-1)/w.of+1)
}

// change sends one command and waits for its answer.
func (w *writer) change(c net.Conn, answers *bufio.Reader, room int) error {
	version := w.Sent(room) + 1
	procedure, message := w.command(room, version)
	var err error
	if w.message, err = (proto.MarshalOptions{}).MarshalAppend(w.message[:0], message); err != nil {
		return err
	}
	w.out = append(append(append(append(w.out[:0], "POST "...), procedure...), " HTTP/1.1\r\nHost: "...), w.addr...)
	w.out = append(append(w.out, "\r\nContent-Type: application/proto\r\nConnect-Protocol-Version: 1\r\nAuthorization: Bearer "...), w.token...)
	w.out = append(strconv.AppendInt(append(w.out, "\r\nContent-Length: "...), int64(len(w.message)), 10), "\r\n\r\n"...)
	w.out = append(w.out, w.message...)
	w.sends(room, version)
	if err := c.SetDeadline(time.Now().Add(answerWithin)); err != nil {
		return err
	}
	if _, err := c.Write(w.out); err != nil {
		return err
	}
	got, err := acknowledged(answers)
	if err != nil {
		return fmt.Errorf("%s of room %d: %w", procedure, w.ID(room), err)
	}
	w.acked(room, version)
	w.report.Commands.Add(1)
	if got != version {
		w.report.add(Violation{Rule: AcknowledgedGaps, Reader: "writer " + strconv.Itoa(w.number), Room: w.ID(room), Got: got, Want: version})
	}
	return nil
}

// command is what brings a room to a version.
func (w *writer) command(room int, version int64) (procedure string, m proto.Message) {
	switch k := w.Kind(room); {
	case k == Edited:
		return anchorv1connect.AnchorServiceUpdateRoomProcedure, &anchorv1.UpdateRoomRequest{
			Id: w.ID(room), Room: &anchorv1.RoomPatch{Title: new(string(AppendTitle(nil, version)))},
		}
	case k.At(version).Live:
		return anchorv1connect.AnchorServiceStartRoomProcedure, &anchorv1.StartRoomRequest{Id: w.ID(room)}
	default:
		return anchorv1connect.AnchorServiceStopRoomProcedure, &anchorv1.StopRoomRequest{Id: w.ID(room)}
	}
}

// acknowledged reads the answer to a command: the version of its room.
func acknowledged(r *bufio.Reader) (version int64, err error) {
	resp, err := http.ReadResponse(r, nil)
	if err != nil {
		return 0, err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		return 0, err
	}
	if resp.StatusCode != http.StatusOK {
		return 0, fmt.Errorf("answered %s: %.300s", resp.Status, bytes.TrimSpace(body))
	}
	var m anchorv1.RoomResponse
	err = proto.Unmarshal(body, &m)
	return m.GetRoom().GetVersion(), err
}
