package query_test

import (
	"strconv"
	"testing"
	"time"

	"github.com/greenroomlive/greenroom/internal/core/ident"
	"github.com/greenroomlive/greenroom/internal/core/view"
)

// finals is how many rooms are on air during a world final.
const finals = 200_000

// finalsCard is a room as a platform has them: one of 40 areas, a language, and three tags, of which
// one is common, one known and one rare. The audience is as uneven as audiences are.
func finalsCard(id ident.RoomID, version ident.Version) view.RoomCard {
	n := uint64(id) * 0x9e3779b97f4a7c15 // scatters
	c := liveCard(id, version, 1_795_000_000_000+int64(version)*1000+int64(n>>44))
	c.AreaID = ident.AreaID(n>>20%40 + 1)
	c.Tags = []string{
		"common" + strconv.FormatUint(n>>30%20, 10), "known" + strconv.FormatUint(n>>35%500, 10), "rare" + strconv.FormatUint(n>>40%10_000, 10),
	}
	c.Language = []string{"en", "fr", "zh-Hans", "ja"}[n>>50%4]
	c.Audience.Online = 1 << (n >> 56 % 16)
	c.UpdatedAt = time.UnixMilli(1_795_000_000_000).UTC()
	return c
}

func finalsHouse(tb testing.TB, rooms ident.RoomID) *house {
	tb.Helper()
	h := newHouse()
	warm(tb, h)
	for id := ident.RoomID(1); id <= rooms; id++ {
		h.Changed([]view.RoomCard{finalsCard(id, 1)}, nil, false)
	}
	return h
}

// flip is the i-th of an endless row of changes: a room stops, then starts again.
func flip(i int, rooms ident.RoomID) view.RoomCard {
	id := ident.RoomID(uint64(i/2)*0x9e3779b97f4a7c15%uint64(rooms)) + 1
	c := finalsCard(id, ident.Version(i+2))
	if i%2 == 0 {
		c.Live = view.LiveState{}
	}
	return c
}

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
