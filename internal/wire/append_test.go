package wire_test

import (
	"bytes"
	"reflect"
	"testing"

	"google.golang.org/protobuf/encoding/protowire"
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

// What UnmarshalCard takes is whole: it encodes again, and to bytes that are read as the same card by both decoders.
func FuzzUnmarshalCard(f *testing.F) {
	c := sample().Snapshot
	whole := wire.AppendCard(nil, &c)
	f.Add(whole)
	f.Add(whole[:len(whole)/2])
	f.Add(protowire.AppendString(protowire.AppendTag(whole, 1000, protowire.BytesType), "a field of the future"))
	f.Add(protowire.AppendVarint(protowire.AppendTag(nil, 3, protowire.VarintType), 1)) // a title that is a number
	f.Add([]byte("\x1a\x01\xff"))
	f.Fuzz(func(t *testing.T, raw []byte) {
		got, err := wire.UnmarshalCard(raw)
		if err != nil {
			return
		}
		again, err := wire.MarshalCard(&got)
		if err != nil {
			t.Fatalf("taken but not encodable: %v", err)
		}
		var m roomv1.Room
		if err := proto.Unmarshal(again, &m); err != nil {
			t.Fatalf("taken once, no message after encoding again: %v", err)
		}
		if back, err := wire.UnmarshalCard(again); err != nil || back.Checksum() != got.Checksum() {
			t.Fatalf("encoding again changed the card: %v", err)
		}
	})
}

func TestACardIsReadAsItsMessage(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		c := genCard().Draw(t, "card")
		raw := wire.AppendCard(nil, &c)
		var m roomv1.Room
		if err := proto.Unmarshal(raw, &m); err != nil {
			t.Fatal(err)
		}
		want, err := wire.Card(&m)
		got, e := wire.UnmarshalCard(raw)
		if err != nil || e != nil || !reflect.DeepEqual(got, want) {
			t.Fatalf("got %+v, %v; want %+v, %v", got, e, want, err)
		}
	})
}

func TestACardThatCannotBeShownIsRefused(t *testing.T) {
	for name, raw := range map[string][]byte{
		"a title that is no text": []byte("\x1a\x01\xff"),
		"a status of the future":  {8<<3 | 2, 2, 1 << 3, 9},
		"a state of the future":   {9<<3 | 2, 2, 1 << 3, 9},
		"cut off":                 {3<<3 | 2, 5, 'a'},
		"a cut number":            {1 << 3, 0x80},
	} {
		if c, err := wire.UnmarshalCard(raw); err == nil {
			t.Errorf("%s was taken as %+v", name, c)
		}
	}
}

func BenchmarkUnmarshalCard(b *testing.B) {
	c := sample().Snapshot
	raw := wire.AppendCard(nil, &c)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := wire.UnmarshalCard(raw); err != nil {
			b.Fatal(err)
		}
	}
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
