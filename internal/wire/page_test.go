package wire_test

import (
	"bytes"
	"testing"

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
