package mediaserver_test

import (
	"fmt"
	"net/http"
	"testing"

	"github.com/greenroomlive/greenroom/internal/adapter/mediaserver"
	"github.com/greenroomlive/greenroom/internal/core/room"
)

// nginxStat is what nginx 1.22 with the RTMP module 1.1.4 says of three publishers: room 4242's, relayed to "hls" under its
// room; one that publishes to "hls" straight under room 43, which is none that asked; and one whose relay is not there now.
const nginxStat = `<?xml version="1.0" encoding="utf-8" ?>
<rtmp>
<nginx_version>1.22.1</nginx_version>
<server>
<application>
<name>live</name>
<live>
<stream>
<name>b702d4be69fb819bbc679443b5857133</name>
<client><id>5</id><address>127.0.0.1:1935/hls/4242?session=77</address><flashver>ngx-local-relay</flashver><active/></client>
<client><id>2</id><address>127.0.0.1</address><flashver>a&lt;b&gt;&amp;c &lt;/flashver&gt;</flashver><publishing/><active/></client>
<nclients>2</nclients>
<publishing/>
<active/>
</stream>
<stream>
<name>4a7d1ed414474e4033ac29ccb8653d9b</name>
<client><id>9</id><address>127.0.0.1</address><flashver>x</flashver><publishing/></client>
<nclients>1</nclients>
</stream>
%s
</live>
</application>
<application>
<name>hls</name>
<live>
<stream>
<name>4242</name>
<client><id>6</id><address>127.0.0.1</address><flashver>LNX.11,1,102,55</flashver><publishing/><active/></client>
<client><id>7</id><address>127.0.0.1</address><flashver>x</flashver><publishing/><active/></client>
</stream>
</live>
</application>
</server>
</rtmp>`

func nginx(t *testing.T, answer http.HandlerFunc) *mediaserver.NginxRTMP {
	t.Helper()
	base, client := serve(t, "/", answer)
	n, err := mediaserver.NewNginxRTMP(base, client)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func stat(extra string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/stat" {
			http.NotFound(w, r)
			return
		}
		w.Header().Set("X-Greenroom-Server", "edge-1")
		_, _ = fmt.Fprintf(w, nginxStat, extra) // a poller that is gone asks again
	}
}

func TestNginxStreamsAreThoseThatGreenroomLetIn(t *testing.T) {
	const key = "gr_1_aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
	unrelayed := `<stream><name>` + key + `</name><client><id>3</id><address>127.0.0.1</address><publishing/></client></stream>`
	got, err := nginx(t, stat(unrelayed)).Streams(t.Context())
	if err != nil || len(got) != 2 {
		t.Fatalf("%+v, %v; want two streams", got, err)
	}
	if s := got[0]; s.Stream != "4242" || s.Publisher != room.FromNginxRTMP("edge-1", "2", "") || s.Handle != "2" {
		t.Fatalf("the relayed stream is %+v", s)
	}
	if s := got[1]; s.Stream != key || s.Handle != "3" { // with a configuration that does not relay
		t.Fatalf("the other stream is %+v", s)
	}
}

func TestAnAnswerThatIsNoStatisticsIsAnError(t *testing.T) {
	cases := map[string]http.HandlerFunc{
		"another page": func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("X-Greenroom-Server", "edge-1")
			_, _ = w.Write([]byte(`<html><body>hello</body></html>`))
		},
		"cut short": func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("X-Greenroom-Server", "edge-1")
			_, _ = w.Write([]byte(nginxStat[:700]))
		},
		"no name":  func(w http.ResponseWriter, _ *http.Request) { _, _ = fmt.Fprintf(w, nginxStat, "") },
		"a status": http.NotFound,
	}
	for name, answer := range cases {
		t.Run(name, func(t *testing.T) {
			if got, err := nginx(t, answer).Streams(t.Context()); err == nil {
				t.Fatalf("got %d streams and no error", len(got))
			}
		})
	}
}
