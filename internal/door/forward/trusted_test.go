package forward_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/greenroomlive/greenroom/internal/door/forward"
)

// What the home door believes of who calls. Each row is a request as it comes out of the network.
func TestWhoCallsThroughAForwarder(t *testing.T) {
	const forwarderAt = "127.0.0.1:4711" // the worst case: home's own machine, on every default allow-list
	tests := map[string]struct {
		secrets []string
		chain   string
		want    string // RemoteAddr, X-Forwarded-For; none: refused
	}{
		"no forwarder":                      {nil, "", forwarderAt + " "},
		"a proxy that is none":              {nil, "203.0.113.9", forwarderAt + " 203.0.113.9"},
		"a forwarder":                       {[]string{secret}, "203.0.113.9", "203.0.113.9:0 "},
		"a forwarder, over IPv6":            {[]string{secret}, "2001:db8::9", "[2001:db8::9]:0 "},
		"a forwarder behind a proxy":        {[]string{secret}, "198.51.100.1, 203.0.113.9", "203.0.113.9:0 198.51.100.1"},
		"the forwarder's own machine":       {[]string{secret}, "127.0.0.1", forwarderAt + " 127.0.0.1"},
		"its machine, in disguise":          {[]string{secret}, "::ffff:127.0.0.1", forwarderAt + " ::ffff:127.0.0.1"},
		"a forwarder that does not know":    {[]string{secret}, "unknown", forwarderAt + " unknown"},
		"a forwarder that says nothing":     {[]string{secret}, "", forwarderAt + " "},
		"the secret of another fleet":       {[]string{"guess"}, "203.0.113.9", ""},
		"an empty secret":                   {[]string{""}, "203.0.113.9", ""},
		"two secrets, one of them is right": {[]string{secret, "guess"}, "203.0.113.9", ""},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			got := ""
			door := forward.Trusted(secret, http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
				got = r.RemoteAddr + " " + r.Header.Get("X-Forwarded-For")
				if r.Header.Get("X-Greenroom-Forwarder") != "" {
					t.Error("the secret goes on")
				}
			}))
			r := httptest.NewRequest(http.MethodPost, "/hooks/srs", nil)
			r.RemoteAddr = forwarderAt
			if tt.chain != "" {
				r.Header.Set("X-Forwarded-For", tt.chain)
			}
			r.Header["X-Greenroom-Forwarder"] = tt.secrets
			w := httptest.NewRecorder()
			door.ServeHTTP(w, r)
			if got != tt.want || (tt.want == "") != (w.Code == http.StatusForbidden) {
				t.Errorf("%q, status %d", got, w.Code)
			}
		})
	}
	w := httptest.NewRecorder()
	r := httptest.NewRequest(http.MethodGet, "/", nil)
	r.Header.Set("X-Greenroom-Forwarder", "")
	forward.Trusted("", http.NotFoundHandler()).ServeHTTP(w, r)
	if w.Code != http.StatusForbidden {
		t.Errorf("a home without a secret trusts who shows none: %d", w.Code)
	}
}

// A media server beside the forwarder is not one beside home, although both ends of the way are loopback here. It
// would be let in without the forwarder, and so it is seen that this is what refuses it.
func TestACallbackThroughAForwarderIsNotLoopback(t *testing.T) {
	at, _ := newHome(t).open("")
	url, _ := forwarder(t, nil, at)
	body := `{"action":"on_publish","stream":"1"}`
	for target, want := range map[string]int{"http://" + at: 200, url: 403} {
		if code, _, text := rest(t, "POST", target+"/hooks/srs", body); code != want {
			t.Errorf("%s: %d %s", target, code, text)
		}
	}
	// A client that plays forwarder gets no further than its guess.
	if code, _, text := rest(t, "POST", url+"/hooks/srs", body, "X-Greenroom-Forwarder", secret, "X-Forwarded-For", "203.0.113.9"); code != 403 {
		t.Errorf("a client in disguise: %d %s", code, text)
	}
	if code, _, text := rest(t, "POST", "http://"+at+"/hooks/srs", body, "X-Greenroom-Forwarder", "guess", "X-Forwarded-For", "203.0.113.9"); code != 403 || !strings.Contains(text, "PERMISSION_DENIED") {
		t.Errorf("a forwarder of another fleet: %d %s", code, text)
	}
}

// Nothing that is meant for one connection only goes on, and nothing else is lost.
func TestHeadersOnTheWay(t *testing.T) {
	var got http.Header
	h := newHome(t)
	h.around = func(http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			got = r.Header.Clone()
			w.Header().Set("Set-Cookie", "a=b")
			w.Header().Set("Trailer", "X-After")
			_, _ = io.WriteString(w, "ok")
			w.Header().Set("X-After", "the body")
		})
	}
	at, _ := h.open("")
	url, _ := forwarder(t, nil, at)
	_, header, _ := rest(t, "POST", url+"/x?a=%2F&b=1;2", "body",
		"Connection", "X-Hop", "X-Hop", "1", "Proxy-Authorization", "p", "Forwarded", "for=10.0.0.1", "X-Forwarded-For", "10.0.0.2",
		"Idempotency-Key", "k", "If-Match", `"3"`, "Cookie", "s=1")
	for name, want := range map[string]string{
		"X-Hop": "", "Proxy-Authorization": "", "Connection": "", "Forwarded": "for=10.0.0.1", "X-Forwarded-For": "10.0.0.2, 127.0.0.1",
		"Idempotency-Key": "k", "If-Match": `"3"`, "Cookie": "s=1", "Authorization": "Bearer " + token,
	} {
		if value := strings.Join(got.Values(name), ", "); value != want {
			t.Errorf("%s is %q, want %q", name, value, want)
		}
	}
	if header.Get("Set-Cookie") != "a=b" || header.Get("X-Greenroom-Forwarder") != "" {
		t.Errorf("answer %v", header)
	}
}
