package queryapi_test

import (
	"bytes"
	"io"
	"maps"
	"net"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"
)

// raw sends requests on one connection and returns all that comes back.
func (h *house) raw(t *testing.T, requests ...string) []byte {
	t.Helper()
	conn, err := net.Dial("tcp", strings.TrimPrefix(h.http, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	_ = conn.SetDeadline(time.Now().Add(10 * time.Second))
	for i, r := range requests {
		r += " HTTP/1.1\r\nHost: localhost\r\n"
		if i == len(requests)-1 {
			r += "Connection: close\r\n"
		}
		if _, err := io.WriteString(conn, r+"\r\n"); err != nil {
			t.Fatal(err)
		}
	}
	got, err := io.ReadAll(conn)
	if err != nil {
		t.Fatal(err)
	}
	return got
}

func TestHEADSaysWhatGETWouldSay(t *testing.T) {
	h := open(t)
	h.commit(onAir(1), onAir(2), room(3, 1))
	for _, path := range []string{
		"/v1/rooms/1", "/v1/rooms/1?fields=id", "/v1/rooms?ids=1,2", "/v1/rooms?ids=1,9", "/v1/anchors/42/rooms", "/v1/live", "/v1/live:ids",
		"/v1/areas", "/healthz", "/readyz", "/v1/rooms/9", "/v1/rooms/x", "/nowhere",
	} {
		for _, headers := range [][]string{nil, {"Accept-Encoding", "gzip"}, {"If-None-Match", `"1"`}} {
			get, head := h.get(t, path, headers...), h.do(t, http.MethodHead, path, headers...)
			if head.body != "" || head.StatusCode != get.StatusCode {
				t.Errorf("%s: %d %q, GET %d", path, head.StatusCode, head.body, get.StatusCode)
			}
			for _, moving := range []string{"Date", "X-Request-Id", "X-Room-Age-Ms"} {
				if (get.Header.Get(moving) == "") != (head.Header.Get(moving) == "") {
					t.Errorf("%s: %s only once", path, moving)
				}
				get.Header.Del(moving)
				head.Header.Del(moving)
			}
			if get.ContentLength >= 0 && head.ContentLength != get.ContentLength && get.StatusCode != http.StatusNotModified && path != "/v1/live" {
				t.Errorf("%s: length %d, GET %d", path, head.ContentLength, get.ContentLength)
			}
			get.Header.Del("Content-Length")
			head.Header.Del("Content-Length")
			if !maps.EqualFunc(get.Header, head.Header, slices.Equal[[]string]) {
				t.Errorf("%s %v:\nHEAD %v\nGET  %v", path, headers, head.Header, get.Header)
			}
		}
	}
	if got := h.raw(t, "HEAD /v1/live:ids", "HEAD /v1/live:ids", "HEAD /v1/rooms/1", "HEAD /healthz"); !bytes.HasSuffix(got, []byte("\r\n\r\n")) || bytes.Contains(got, []byte("\r\n\r\n\r\n")) {
		t.Errorf("something stands between the answers: %q", got)
	}
	feed := h.do(t, http.MethodHead, "/v1/feed")
	if feed.StatusCode != http.StatusOK || feed.Header.Get("Content-Type") == "" || feed.Header.Get("Cache-Control") != "no-store" {
		t.Errorf("the feed: %d %v", feed.StatusCode, feed.Header)
	}
}
