package wire_test

import (
	"bytes"
	"testing"

	"google.golang.org/protobuf/proto"
	"pgregory.net/rapid"

	roomv1 "github.com/greenroomlive/greenroom/api/gen/greenroom/room/v1"
	"github.com/greenroomlive/greenroom/internal/wire"
)

func TestTheAppendedCardIsTheMarshalledMessage(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		c := genCard().Draw(t, "card")
		marshal := func(m proto.Message) []byte {
			b, err := proto.MarshalOptions{Deterministic: true}.Marshal(m)
			if err != nil {
				t.Fatalf("marshal: %v", err)
			}
			return b
		}
		before := []byte("before")
		if got, want := wire.AppendCard(before, &c), append(before, marshal(wire.Room(&c))...); !bytes.Equal(got, want) {
			t.Fatalf("card\n got %x\nwant %x", got, want)
		}
		if got, want := wire.AppendAnswer(nil, &c), marshal(&roomv1.GetRoomResponse{Room: wire.Room(&c)}); !bytes.Equal(got, want) {
			t.Fatalf("answer\n got %x\nwant %x", got, want)
		}
	})
}

func TestAppendingACardDoesNotAllocate(t *testing.T) {
	c, into := sample().Snapshot, make([]byte, 0, 1024)
	if n := testing.AllocsPerRun(1000, func() { into = wire.AppendCard(into[:0], &c) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func BenchmarkAppendCard(b *testing.B) {
	c, into := sample().Snapshot, make([]byte, 0, 1024)
	b.ReportAllocs()
	for b.Loop() {
		into = wire.AppendCard(into[:0], &c)
	}
}
