package hooks

import (
	"testing"

	"github.com/greenroomlive/greenroom/internal/core/fault"
	"github.com/greenroomlive/greenroom/internal/flow/command"
)

// Whatever comes in: a decoder either refuses, or what it hands on is bounded and names a client.
func mustBeSound(t *testing.T, acts bool, p command.Publishing, f *fault.Error) {
	t.Helper()
	if f != nil || !acts {
		return
	}
	if p.Publisher.ClientID == "" || len(p.Publisher.ClientID) > 2*maxField+1 || len(p.Stream) > maxField || len(p.Key) > maxField {
		t.Fatalf("let through: %+v", p)
	}
}

func FuzzNginxRTMP(f *testing.F) {
	f.Add("addr=192.0.2.9&clientid=3&call=publish&name=42&type=live&key=gr_1_a;b")
	f.Add("call=update_publish&clientid=%00&name=%zz")
	f.Fuzz(func(t *testing.T, body string) {
		c, bad := decodeNginxRTMP([]byte(body), "edge")
		mustBeSound(t, c.call != callOther, c.Publishing, bad)
	})
}

func FuzzSRS(f *testing.F) {
	f.Add(`{"action":"on_publish","client_id":"341w361a","ip":"192.0.2.9","stream":"42","param":"?key=gr_1_a"}`)
	f.Add(`{"action":"on_unpublish","client_id":1985,"stream":"42"}`)
	f.Fuzz(func(t *testing.T, body string) {
		c, bad := decodeSRS([]byte(body))
		mustBeSound(t, c.call != callOther, c.Publishing, bad)
	})
}

func FuzzMediaMTX(f *testing.F) {
	f.Add(`{"action":"publish","id":"u","path":"live/42","query":"key=gr_1_a","ip":"::ffff:192.0.2.9"}`)
	f.Add(`{"action":"read","id":null,"path":"../..","query":"%"}`)
	f.Fuzz(func(t *testing.T, body string) {
		q, bad := decodeMediaMTX([]byte(body))
		mustBeSound(t, q.action == "publish", q.Publishing, bad)
	})
}

func FuzzMediaMTXReport(f *testing.F) {
	f.Add("path=live%2F42&source_id=u")
	f.Fuzz(func(t *testing.T, body string) {
		p, bad := decodeMediaMTXReport([]byte(body))
		mustBeSound(t, true, p, bad)
	})
}
