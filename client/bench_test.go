package greenroom_test

import (
	"net/http"
	"testing"

	greenroom "github.com/greenroomlive/greenroom/client"
)

// BenchmarkGetRoom is a read over a network that takes no time: what the client itself costs, with one node and with
// zones.
func BenchmarkGetRoom(b *testing.B) {
	n := newNodes()
	n.is(room(1), "a1", "a2", "b1")
	for name, c := range map[string]*greenroom.Client{
		"one node":         greenroom.New(greenroom.QueryURL("http://a1"), greenroom.HTTPClient(&http.Client{Transport: n})),
		"zones":            n.client(),
		"zones, monotonic": n.client(greenroom.Monotonic(1000)),
	} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, err := c.GetRoom(b.Context(), 7); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
