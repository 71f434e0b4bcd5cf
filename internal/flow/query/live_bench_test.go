package query_test

import (
	"testing"

	"github.com/greenroomlive/greenroom/internal/core/ident"
	"github.com/greenroomlive/greenroom/internal/core/view"
	"github.com/greenroomlive/greenroom/internal/flow/query"
)

// BenchmarkChanged is what a change costs the projector beside its transaction, with 200,000 rooms on
// air and their cards ready.
func BenchmarkChanged(b *testing.B) {
	h := finalsHouse(b, finals)
	next := 0
	for _, bench := range []struct {
		name   string
		change func(i int) view.RoomCard
	}{
		{"title", func(i int) view.RoomCard {
			c := finalsCard(ident.RoomID(i%finals+1), 1)
			c.Version = ident.Version(i + 2)
			return c
		}},
		{"start-stop", func(i int) view.RoomCard { return flip(i, finals) }},
	} {
		b.Run(bench.name, func(b *testing.B) {
			cards := make([]view.RoomCard, b.N)
			for i := range cards {
				cards[i] = bench.change(next)
				next++
			}
			b.ReportAllocs()
			b.ResetTimer()
			for i := range cards {
				h.Changed(cards[i:i+1], nil, false)
			}
		})
	}
}

// BenchmarkLive is a first page of 50 of 200,000.
func BenchmarkLive(b *testing.B) {
	h := finalsHouse(b, finals)
	for name, q := range map[string]query.LiveQuery{
		"all": {}, "online": {Sort: query.ByOnline}, "main-area": {Area: 1}, "rare-tag": {Tag: "rare77"},
		"area+tag+language": {Area: 1, Tag: "common3", Language: "zh"},
	} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, err := h.Live(b.Context(), q); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// BenchmarkCrawl reads 200,000 rooms in pages of 200; an operation is a room.
func BenchmarkCrawl(b *testing.B) {
	h := finalsHouse(b, finals)
	b.ReportAllocs()
	b.ResetTimer()
	for n := 0; n < b.N; {
		q := query.LiveQuery{PageSize: query.MaxPage}
		for n < b.N {
			page, err := h.Live(b.Context(), q)
			if err != nil {
				b.Fatal(err)
			}
			n += len(page.Rooms)
			if q.PageToken = page.Next; page.Next == "" {
				break
			}
		}
	}
}

// BenchmarkLiveIDs reads the ids of 200,000 rooms.
func BenchmarkLiveIDs(b *testing.B) {
	h := finalsHouse(b, finals)
	b.ReportAllocs()
	for b.Loop() {
		parts, err := h.LiveIDs()
		if err != nil {
			b.Fatal(err)
		}
		n := 0
		for part, err := range parts {
			if err != nil {
				b.Fatal(err)
			}
			n += len(part)
		}
		if n != finals {
			b.Fatalf("%d ids", n)
		}
	}
}
