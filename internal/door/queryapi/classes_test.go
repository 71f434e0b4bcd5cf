package queryapi

import (
	"testing"

	"github.com/greenroomlive/greenroom/internal/guard/shed"
)

func TestATargetsClass(t *testing.T) {
	for target, want := range map[string]shed.Class{
		"/v1/rooms/7":                       shed.Enter,
		"/v1/rooms/7?fields=id":             shed.Enter,
		"/v1/rooms?ids=1,2":                 shed.Card,
		"/v1/rooms/7/events":                shed.Card,
		"/v1/anchors/7/rooms":               shed.Card,
		"/v1/live?tag=chess":                shed.List,
		"/v1/live?page_token=x":             shed.Crawl,
		"/v1/live:ids":                      shed.Crawl,
		"/v1/feed?after=0":                  shed.Crawl,
		"/v1/rooms/%2e%2e%2ffeed":           shed.Crawl, // the server takes these three for other paths
		"/v1/rooms/../feed":                 shed.Crawl,
		"/v1//feed":                         shed.Crawl,
		"/v1/rooms/7/../../anchors/7/rooms": shed.Crawl,
		"/":                                 shed.Crawl,
	} {
		if got, probe := classOf([]byte(target)); got != want || probe {
			t.Errorf("%s is %v, probe: %v; want %v", target, got, probe, want)
		}
	}
	if _, probe := classOf([]byte("/readyz")); !probe {
		t.Error("/readyz is no probe")
	}
}
