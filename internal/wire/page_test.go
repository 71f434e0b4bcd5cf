package wire_test

import (
	"bytes"
	"testing"

	"google.golang.org/protobuf/encoding/protowire"

	"github.com/greenroomlive/greenroom/internal/core/ident"
	"github.com/greenroomlive/greenroom/internal/wire"
)

type entry struct {
	room ident.RoomID
	body string
}

func entries(page []byte) (list []entry, err error) {
	err = wire.EachEntry(page, func(room ident.RoomID, body []byte) { list = append(list, entry{room, string(body)}) })
	return list, err
}

func TestAPageHoldsItsEntriesInOrder(t *testing.T) {
	page := wire.AppendRawEntry(nil, 7, []byte("first"))
	page = wire.AppendRawEntry(page, 0, nil)
	page = wire.AppendRawEntry(page, 1<<62, bytes.Repeat([]byte("x"), 300))
	got, err := entries(page)
	if err != nil || len(got) != 3 || got[0] != (entry{7, "first"}) || got[1] != (entry{0, ""}) || got[2].room != 1<<62 || len(got[2].body) != 300 {
		t.Errorf("the page reads as %v, %v", got, err)
	}
	for cut := 1; cut < len(page); cut++ {
		if got, err := entries(page[:cut]); err == nil && len(got) == 3 {
			t.Fatalf("a page cut to %d of %d bytes reads as whole", cut, len(page))
		}
	}
}

// During an upgrade a page may come from a newer version, which writes more beside what we know.
func TestAPageOfANewerVersionIsRead(t *testing.T) {
	more := func(b []byte, field protowire.Number) []byte {
		b = protowire.AppendTag(b, field, protowire.VarintType)
		b = protowire.AppendVarint(b, 5)
		return protowire.AppendString(protowire.AppendTag(b, field+1, protowire.BytesType), "more")
	}
	old := wire.AppendRawEntry(nil, 7, []byte("first"))
	_, _, tag := protowire.ConsumeField(old)
	inner, n := protowire.ConsumeBytes(old[1:])
	if tag < 0 || n < 0 {
		t.Fatal("a page of one entry is no field")
	}
	page := more(nil, 2)
	page = protowire.AppendBytes(protowire.AppendTag(page, 1, protowire.BytesType), more(bytes.Clone(inner), 3))
	page = more(page, 9)
	if got, err := entries(page); err != nil || len(got) != 1 || got[0] != (entry{7, "first"}) {
		t.Errorf("it reads as %v, %v", got, err)
	}
	for cut := 1; cut < len(page); cut++ {
		if got, err := entries(page[:cut]); err == nil && len(got) > 1 {
			t.Fatalf("cut to %d of %d bytes it reads as %v", cut, len(page), got)
		}
	}
}

// What EachEntry takes as a page is one: written again it is the same entries.
func FuzzEachEntry(f *testing.F) {
	f.Add(wire.AppendRawEntry(wire.AppendRawEntry(nil, 7, []byte("first")), 9, []byte("second")))
	f.Add([]byte("foreign"))
	f.Fuzz(func(t *testing.T, page []byte) {
		list, err := entries(page)
		if err != nil {
			return
		}
		var again []byte
		for _, e := range list {
			again = wire.AppendRawEntry(again, e.room, []byte(e.body))
		}
		back, err := entries(again)
		if err != nil || len(back) != len(list) {
			t.Fatalf("%d entries were read, %d of them again, %v", len(list), len(back), err)
		}
	})
}
