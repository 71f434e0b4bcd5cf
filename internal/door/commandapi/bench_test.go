package commandapi

import (
	"strings"
	"testing"

	anchorv1 "github.com/greenroomlive/greenroom/api/gen/greenroom/anchor/v1"
)

// The rules of the protos are checked on every call, so their price is watched.
func BenchmarkCheck(b *testing.B) {
	d, err := New(Config{})
	if err != nil {
		b.Fatal(err)
	}
	m := &anchorv1.CreateRoomRequest{Title: strings.Repeat("a", 60), Tags: []string{"a", "b", "c"}, AreaId: 3}
	b.ReportAllocs()
	for b.Loop() {
		if err := d.check(&exchange{}, m); err != nil {
			b.Fatal(err)
		}
	}
}
