package mediaserver_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"

	"github.com/greenroomlive/greenroom/internal/adapter/mediaserver"
	"github.com/greenroomlive/greenroom/internal/core/room"
	"github.com/greenroomlive/greenroom/internal/flow/command"
)

// serve runs a loopback HTTP server for the test and returns its address and a client of its own.
func serve(t *testing.T, path string, answer func(w http.ResponseWriter, r *http.Request)) (string, *http.Client) {
	t.Helper()
	mux := http.NewServeMux()
	mux.HandleFunc(path, answer)
	srv := httptest.NewServer(mux)
	t.Cleanup(srv.Close)
	return srv.URL, srv.Client()
}

// srsStream is one stream as SRS 5 and 6 list it.
func srsStream(name string, active bool, cid string) string {
	publish := fmt.Sprintf(`{"active":%t`, active)
	if cid != "" {
		publish += `,"cid":"` + cid + `"`
	}
	return `{"id":"vid-` + name + `","name":"` + name + `","vhost":"vid-0xk989d","app":"live","tcUrl":"rtmp://127.0.0.1/live",` +
		`"url":"/live/` + name + `","live_ms":1700000000000,"clients":1,"frames":100,"send_bytes":0,"recv_bytes":9,` +
		`"kbps":{"recv_30s":0,"send_30s":0},"publish":` + publish + `},"video":null,"audio":null}`
}

func TestSRSStreamsAreListedPageByPage(t *testing.T) {
	var all []string
	for i := range 250 {
		all = append(all, srsStream(strconv.Itoa(1000+i), true, fmt.Sprintf("cid%d", i)))
	}
	all[7] = srsStream("1007", false, "old")
	all[8] = srsStream("1008", true, "") // a listing taken between two moments
	base, client := serve(t, "/api/v1/streams/", func(w http.ResponseWriter, r *http.Request) {
		start, err1 := strconv.Atoi(r.FormValue("start"))
		count, err2 := strconv.Atoi(r.FormValue("count"))
		if err1 != nil || err2 != nil {
			t.Errorf("asked for %q", r.URL.RawQuery)
		}
		page := all[min(start, len(all)):min(start+count, len(all))]
		_, _ = fmt.Fprintf(w, `{"code":0,"server":"vid-0xk989d","service":"382a568a","pid":"1","streams":[%s]}`, strings.Join(page, ","))
	})
	s, err := mediaserver.NewSRS(base+"/", client)
	if err != nil {
		t.Fatal(err)
	}
	got, err := s.Streams(t.Context())
	if err != nil || len(got) != 248 {
		t.Fatalf("%d streams, %v; want 248", len(got), err)
	}
	if got[0].Stream != "1000" || got[0].Publisher != room.FromSRS("cid0", "") || got[0].Key != "" || got[0].Handle != "cid0" {
		t.Fatalf("first is %+v", got[0])
	}
}

// mtxPath is one path as MediaMTX lists it: state is ready, or available and online in later releases.
func mtxPath(name, state, source string) string {
	return `{"name":"` + name + `","confName":"all_others",` + state + `,"source":` + source +
		`,"tracks":["H264"],"bytesReceived":9,"bytesSent":0,"readers":[]}`
}

func TestMediaMTXPathsAreListedPageByPage(t *testing.T) {
	const conn = `{"type":"rtmpConn","id":"%s"}`
	pages := [][]string{
		{mtxPath("live/42", `"ready":true,"readyTime":"2026-11-22T12:00:00Z"`, fmt.Sprintf(conn, "u42"))},
		{
			mtxPath("43", `"available":true,"online":true`, fmt.Sprintf(conn, "u43")),
			mtxPath("live/44", `"ready":false`, fmt.Sprintf(conn, "u44")),
			mtxPath("live/45", `"ready":true`, "null"),
		},
	}
	base, client := serve(t, "/v3/paths/list", func(w http.ResponseWriter, r *http.Request) {
		page, err := strconv.Atoi(r.FormValue("page"))
		if err != nil || page >= len(pages) || r.FormValue("itemsPerPage") == "" {
			t.Errorf("asked for %q", r.URL.RawQuery)
			page = 0
		}
		_, _ = fmt.Fprintf(w, `{"itemCount":4,"pageCount":%d,"items":[%s]}`, len(pages), strings.Join(pages[page], ","))
	})
	m, err := mediaserver.NewMediaMTX(base, client)
	if err != nil {
		t.Fatal(err)
	}
	got, err := m.Streams(t.Context())
	if err != nil || len(got) != 2 {
		t.Fatalf("%+v, %v; want two streams", got, err)
	}
	if got[0].Stream != "42" || got[1].Stream != "43" || got[0].Publisher != room.FromMediaMTX("u42", "") {
		t.Fatalf("got %+v", got)
	}
}

func TestAListingThatBreaksOffIsAnError(t *testing.T) {
	endless := `{"code":0,"streams":[` + strings.TrimSuffix(strings.Repeat(srsStream("1", true, "c")+",", 100), ",") + `]}`
	cases := map[string]http.HandlerFunc{
		"a status":             func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusBadGateway) },
		"a code":               func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte(`{"code":1061}`)) },
		"no JSON":              func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte(`<html>`)) },
		"cut short":            func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte(endless[:900])) },
		"pages without an end": func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte(endless)) },
		"an answer without end": func(w http.ResponseWriter, _ *http.Request) {
			_, _ = w.Write([]byte(`{"code":0,"x":"` + strings.Repeat("x", 5<<20) + `"}`))
		},
	}
	for name, answer := range cases {
		t.Run(name, func(t *testing.T) {
			base, client := serve(t, "/api/v1/streams/", answer)
			s, err := mediaserver.NewSRS(base, client)
			if err != nil {
				t.Fatal(err)
			}
			if got, err := s.Streams(t.Context()); err == nil {
				t.Fatalf("got %d streams and no error", len(got))
			}
		})
	}
}

func TestThePasswordOfAnAPIStaysOutOfErrors(t *testing.T) {
	base, client := serve(t, "/v3/paths/list", func(w http.ResponseWriter, r *http.Request) {
		if _, password, _ := r.BasicAuth(); password != "hunter2" {
			t.Error("the password was not sent")
		}
		w.WriteHeader(http.StatusUnauthorized)
	})
	m, err := mediaserver.NewMediaMTX(strings.Replace(base, "http://", "http://greenroom:hunter2@", 1), client)
	if err != nil {
		t.Fatal(err)
	}
	cancelled, cancel := context.WithCancel(t.Context())
	cancel()
	for _, ctx := range []context.Context{t.Context(), cancelled} {
		if _, err := m.Streams(ctx); err == nil || strings.Contains(err.Error(), "hunter2") {
			t.Fatalf("error %v", err)
		}
	}
	for _, bad := range []string{"", "127.0.0.1:1985", "ftp://x", "http://:hunter2@\x00"} {
		if _, err := mediaserver.NewSRS(bad, nil); err == nil || strings.Contains(err.Error(), "hunter2") {
			t.Fatalf("%q: error %v", bad, err)
		}
	}
}

// TestADropIsAskedForAsTheServersDocument sends each server's order, and reads its three answers: done, not there, no.
func TestADropIsAskedForAsTheServersDocument(t *testing.T) {
	stream := func(handle string) mediaserver.Stream {
		return mediaserver.Stream{Publishing: command.Publishing{Stream: "42"}, Handle: handle}
	}
	reply := func(status int, body string) func(http.ResponseWriter) {
		return func(w http.ResponseWriter) {
			w.WriteHeader(status)
			_, _ = w.Write([]byte(body))
		}
	}
	type dial func(base string, client *http.Client) (mediaserver.Server, error)
	srs := dial(func(b string, c *http.Client) (mediaserver.Server, error) { return mediaserver.NewSRS(b, c) })
	mtx := dial(func(b string, c *http.Client) (mediaserver.Server, error) { return mediaserver.NewMediaMTX(b, c) })
	ngx := dial(func(b string, c *http.Client) (mediaserver.Server, error) { return mediaserver.NewNginxRTMP(b, c) })
	for name, c := range map[string]struct {
		dial   dial
		handle string
		asked  string
		answer func(http.ResponseWriter)
		found  bool
		fails  bool
	}{
		"srs":              {srs, "7w2/d", "DELETE /api/v1/clients/7w2%2Fd", reply(200, `{"code":0,"server":"vid-1"}`), true, false},
		"srs, gone":        {srs, "7w2", "DELETE /api/v1/clients/7w2", reply(200, `{"code":2049,"server":"vid-1"}`), false, false},
		"srs, no":          {srs, "7w2", "DELETE /api/v1/clients/7w2", reply(200, `{"code":1061}`), false, true},
		"srs, a proxy":     {srs, "7w2", "DELETE /api/v1/clients/7w2", reply(502, `<html>`), false, true},
		"mediamtx":         {mtx, "rtmpconns/kick/u1", "POST /v3/rtmpconns/kick/u1", reply(200, `{"status":"ok"}`), true, false},
		"mediamtx, gone":   {mtx, "srtconns/kick/u1", "POST /v3/srtconns/kick/u1", reply(404, `{"error":"connection not found"}`), false, false},
		"mediamtx, no":     {mtx, "rtmpconns/kick/u1", "POST /v3/rtmpconns/kick/u1", reply(500, `{"error":"terminated"}`), false, true},
		"nginx-rtmp":       {ngx, "2", "GET /control/drop/publisher?app=live&clientid=2", reply(200, "1"), true, false},
		"nginx-rtmp, gone": {ngx, "2", "GET /control/drop/publisher?app=live&clientid=2", reply(200, "0"), false, false},
		"nginx-rtmp, no":   {ngx, "2", "GET /control/drop/publisher?app=live&clientid=2", reply(403, "<html>"), false, true},
		"nginx-rtmp, else": {ngx, "2", "GET /control/drop/publisher?app=live&clientid=2", reply(200, "<html>"), false, true},
	} {
		t.Run(name, func(t *testing.T) {
			asked := ""
			base, client := serve(t, "/", func(w http.ResponseWriter, r *http.Request) {
				asked = r.Method + " " + r.URL.RequestURI()
				c.answer(w)
			})
			server, err := c.dial(base, client)
			if err != nil {
				t.Fatal(err)
			}
			found, err := server.Drop(t.Context(), stream(c.handle))
			if asked != c.asked || found != c.found || (err != nil) != c.fails {
				t.Fatalf("asked %q, found %v, %v; want %q, %v, an error: %v", asked, found, err, c.asked, c.found, c.fails)
			}
		})
	}
}

func TestMediaMTXDropsPublishersByTheirKind(t *testing.T) {
	kinds := map[string]string{
		"rtmpConn": "rtmpconns/kick/u", "rtmpsConn": "rtmpsconns/kick/u", "srtConn": "srtconns/kick/u", "webRTCSession": "webrtcsessions/kick/u",
		"rtspSession": "rtspsessions/kick/u", "rtspsSession": "rtspssessions/kick/u", "rtspSource": "", "hlsSource": "", "redirect": "",
	}
	for kind, handle := range kinds {
		base, client := serve(t, "/v3/paths/list", func(w http.ResponseWriter, _ *http.Request) {
			source := fmt.Sprintf(`{"type":"%s","id":"u"}`, kind)
			_, _ = fmt.Fprintf(w, `{"pageCount":1,"items":[%s]}`, strings.TrimSpace(mtxPath("live/42", `"ready":true`, source)))
		})
		m, err := mediaserver.NewMediaMTX(base, client)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := m.Streams(t.Context()); err != nil || len(got) != 1 || got[0].Handle != handle {
			t.Errorf("%s: %+v, %v; want handle %q", kind, got, err, handle)
		}
	}
}
