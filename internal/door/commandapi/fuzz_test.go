package commandapi

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"testing"
	"unicode/utf8"

	"github.com/greenroomlive/greenroom/internal/core/fault"
)

func TestIfMatch(t *testing.T) {
	for text, want := range map[string]int64{`"17"`: 17, `17`: 17, ` "17" `: 17, `*`: 0} {
		if v, err := ifMatch([]string{text}); err != nil || int64(v) != want {
			t.Errorf("%q: %d, %v", text, v, err)
		}
	}
	for _, text := range []string{`W/"17"`, `"17", "18"`, `"*"`, `""`, ``, `"`, `-1`, `"0"`, `+1`, `17x`, `"99999999999999999999"`} {
		if v, err := ifMatch([]string{text}); err == nil {
			t.Errorf("%q is taken for %d", text, v)
		}
	}
	if _, err := ifMatch([]string{"1", "2"}); err == nil {
		t.Error("two headers are taken")
	}
	if v, err := ifMatch(nil); v != 0 || err != nil {
		t.Errorf("no header: %d, %v", v, err)
	}
}

func FuzzIfMatch(f *testing.F) {
	for _, seed := range []string{`"17"`, `17`, `*`, `W/"17"`, `"1","2"`, ``, `"`, `+1`} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		v, err := ifMatch([]string{text})
		if err != nil && v != 0 || v < 0 {
			t.Errorf("%q: %d with %v", text, v, err)
		}
		if err != nil || v == 0 {
			return
		}
		if again, err := ifMatch([]string{strconv.Quote(v.String())}); err != nil || again != v {
			t.Errorf("%q reads %d, which reads %d", text, v, again)
		}
	})
}

// Whatever a library writes as a refusal, the caller gets our shape with a code of the registry.
func FuzzRefusal(f *testing.F) {
	for _, status := range []int{400, 404, 405, 413, 415, 429, 499, 500, 502, 504} {
		f.Add(status, []byte(`{"code":3,"message":"proto: (line 1:2): unknown field \"titel\"","details":[]}`), true)
		f.Add(status, []byte("Not Found\n"), false)
		f.Add(status, []byte("\xff{"), false)
	}
	f.Fuzz(func(t *testing.T, status int, body []byte, called bool) {
		if status < 400 || status > 599 {
			return
		}
		x := &exchange{id: "id"}
		inner := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			x.called = called
			w.Header().Set("Content-Length", "3")
			w.WriteHeader(status)
			_, _ = w.Write(body)
		})
		r := httptest.NewRequest(http.MethodGet, "/v1/rooms", nil)
		rec := httptest.NewRecorder()
		out := &restWriter{ResponseWriter: rec, x: x}
		inner.ServeHTTP(out, r)
		writeFault(rec, x, refusal(x, r, out.status, out.body.Bytes(), rec.Header()))

		var e struct {
			Error struct {
				Code      string            `json:"code"`
				Details   map[string]string `json:"details"`
				RequestID string            `json:"request_id"`
			} `json:"error"`
		}
		if err := json.Unmarshal(rec.Body.Bytes(), &e); err != nil || !utf8.Valid(rec.Body.Bytes()) {
			t.Fatalf("%q: %v", rec.Body, err)
		}
		known := slices.ContainsFunc(fault.Registry(), func(c *fault.Code) bool { return c.Name == e.Error.Code && c.HTTP == rec.Code })
		if !known || e.Error.RequestID != "id" || e.Error.Details == nil || rec.Header().Get("Content-Length") != "" {
			t.Errorf("status %d: %s", rec.Code, rec.Body)
		}
	})
}

func FuzzCamel(f *testing.F) {
	for _, seed := range []string{"area_id", "title,cover_url", "a__b", "_a", "a_", "areaId"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, mask string) {
		for _, c := range mask {
			if (c < 'a' || c > 'z') && c != '_' && c != ',' {
				return // not a mask of proto names
			}
		}
		if got := snake(camel(mask)); got != mask {
			t.Errorf("%q comes back as %q", mask, got)
		}
	})
}
