package wordindex_test

import (
	"math/rand/v2"
	"os"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/greenroomlive/greenroom/internal/adapter/adaptertest/indextest"
	"github.com/greenroomlive/greenroom/internal/adapter/wordindex"
	"github.com/greenroomlive/greenroom/internal/core/ident"
	"github.com/greenroomlive/greenroom/internal/core/view"
)

// name makes up the word of a rank in a vocabulary, 0 for the most common.
func name(rank int) string {
	const consonants, vowels = "bcdfghklmnprstvz", "aeiou"
	var b strings.Builder
	for n := rank + len(consonants)*len(vowels); n > 0; {
		b.WriteByte(consonants[n%len(consonants)])
		n /= len(consonants)
		b.WriteByte(vowels[n%len(vowels)])
		n /= len(vowels)
	}
	return b.String()
}

// corpus makes rooms as people name them: words by Zipf's law, each fourth title in Chinese, tags from a smaller
// vocabulary, two rooms an anchor, each tenth on air.
func corpus(rooms int) []view.RoomCard {
	r := rand.New(rand.NewPCG(1, 1))
	word, char := rand.NewZipf(r, 1.1, 8, 40_000), rand.NewZipf(r, 1.05, 20, 3000)
	cards := make([]view.RoomCard, rooms)
	for i := range cards {
		var title []string
		if r.IntN(4) == 0 {
			var b strings.Builder
			for range 6 + r.IntN(10) {
				b.WriteRune('一' + rune(char.Uint64())*5)
			}
			title = append(title, b.String())
		} else {
			for range 3 + r.IntN(5) {
				title = append(title, name(int(word.Uint64())))
			}
		}
		var tags []string
		for range r.IntN(4) {
			tags = append(tags, name(int(word.Uint64()%500)))
		}
		c := indextest.Idle(ident.RoomID(i+1), strings.Join(title, " "), tags...)
		c.AnchorID = ident.AnchorID(1 + r.IntN(rooms/2))
		if i%10 == 0 {
			c = indextest.OnAir(c, int64(word.Uint64()))
		}
		cards[i] = c
	}
	return cards
}

// questions are of every cost: the first letter that somebody types is the dearest.
var questions = []struct{ name, text string }{
	{"common word", name(0)}, {"rare word", name(3000) + " "}, {"two words", name(0) + " " + name(1)},
	{"1 letter", name(0)[:1]}, {"2 letters", name(0)[:2]}, {"4 letters", name(3000)[:4]},
	{"2 characters", "一丅"}, {"1 character", "一"}, {"tag", "#" + name(3)}, {"anchor", "@7"}, {"nothing", "zzzzzz"},
}

// processor is the time this process has computed, which a busy machine does not stretch as it does the clock.
func processor() time.Duration {
	var u syscall.Rusage
	_ = syscall.Getrusage(syscall.RUSAGE_SELF, &u) // it cannot fail for oneself
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

func benchmark(b *testing.B, rooms int) {
	cards := corpus(rooms)
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	var x *wordindex.Index
	b.Run("fill", func(b *testing.B) {
		start := processor()
		for b.Loop() {
			x = wordindex.New()
			x.Put(cards)
		}
		filled := float64(rooms) * float64(b.N)
		b.ReportMetric(float64((processor()-start).Microseconds())/filled, "cpu-µs/room")
		b.ReportMetric(filled/b.Elapsed().Seconds(), "rooms/s")
		runtime.GC()
		runtime.ReadMemStats(&after)
		b.ReportMetric(float64(int64(after.HeapAlloc)-int64(before.HeapAlloc))/float64(rooms), "heap-B/room")
	})
	for _, q := range questions {
		b.Run(q.name, func(b *testing.B) {
			b.ReportAllocs()
			found, start := 0, processor()
			for b.Loop() {
				found = count(b, x, indextest.Match(q.text))
			}
			b.ReportMetric(float64((processor()-start).Nanoseconds())/float64(b.N), "cpu-ns/op")
			b.ReportMetric(float64(found), "found")
		})
	}
	b.Run("go on air and off", func(b *testing.B) {
		i := 0
		for b.Loop() {
			c := cards[i%rooms : i%rooms+1]
			if c[0].OnAir() {
				c[0].Live = view.LiveState{}
			} else {
				c[0] = indextest.OnAir(c[0], 5)
			}
			c[0].Version++
			x.Put(c)
			i += 7919
		}
	})
	b.Run("rename", func(b *testing.B) {
		i := 0
		for b.Loop() {
			c := cards[i%rooms : i%rooms+1]
			c[0].Title = cards[(i+1)%rooms].Title
			c[0].Version++
			x.Put(c)
			i += 7919
		}
	})
}

func BenchmarkIndex(b *testing.B) { benchmark(b, 100_000) }

// BenchmarkMillion takes a gigabyte and half a minute: GREENROOM_BENCH_MILLION=1.
func BenchmarkMillion(b *testing.B) {
	if os.Getenv("GREENROOM_BENCH_MILLION") == "" {
		b.Skip("GREENROOM_BENCH_MILLION is not set")
	}
	benchmark(b, 1_000_000)
}
