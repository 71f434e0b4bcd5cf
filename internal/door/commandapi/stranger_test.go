package commandapi_test

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/greenroomlive/greenroom/internal/core/fault"
	"github.com/greenroomlive/greenroom/internal/door/commandapi"
)

func TestTheQueryOverrulesNeitherPathNorBody(t *testing.T) {
	h := open(t, nil)
	mine, other := h.room(), h.room()
	for _, attempt := range []struct{ method, path, body, field string }{
		{"PATCH", "/v1/rooms/" + mine + "?id=" + other, `{"title":"stolen"}`, "id"},
		{"PATCH", "/v1/rooms/" + mine + "?room.title=stolen", `{"title":"B"}`, "room.title"},
		{"POST", "/v1/rooms/" + mine + ":start?id=" + other, "", "id"},
		{"POST", "/v1/rooms/" + mine + "/keys?room_id=" + other, "", "room_id"},
		{"DELETE", "/v1/rooms/" + mine + "/keys/1?room_id=" + other, "", "room_id"},
		{"GET", "/v1/rooms/" + mine + "?id=" + other, "", "id"},
		{"POST", "/v1/rooms?anchor_id=7", `{"title":"A"}`, "anchor_id"},
		{"GET", "/v1/rooms?page_size=1&page_size=2", "", "page_size"},
		{"PATCH", "/v1/rooms/" + mine + "?update_mask=title&update_mask=tags", `{"title":"B"}`, "update_mask"},
		{"PATCH", "/v1/rooms/" + mine + "?update_mask=titl%C3%A9", `{"title":"B"}`, "update_mask"},
		{"PATCH", "/v1/rooms/" + mine + "?update_mask=", `{"title":"B"}`, "update_mask"},
		{"PATCH", "/v1/rooms/" + mine + "?update_mask=*", `{"title":"B"}`, "update_mask"},
		{"GET", "/v1/rooms?page_size=%zz", "", "query"},
	} {
		h.wantFault(h.do(attempt.method, attempt.path, attempt.body), fault.InvalidArgument, attempt.field)
	}
	for _, id := range []string{mine, other} {
		if got := h.want(h.do("GET", "/v1/rooms/"+id, ""), 200).at("room", "version"); got != "1" {
			t.Errorf("room %s is at version %v: something got through", id, got)
		}
	}
}

func TestAnIdempotencyKeyStandsOnce(t *testing.T) {
	h := open(t, nil)
	req, err := http.NewRequestWithContext(t.Context(), "POST", h.url+"/v1/rooms", strings.NewReader(`{"title":"A"}`))
	if err != nil {
		t.Fatal(err)
	}
	req.Header = http.Header{"Authorization": {"Bearer " + opsToken}, "Idempotency-Key": {"one", "two"}}
	resp, err := h.http.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusBadRequest {
		t.Errorf("answered %d", resp.StatusCode)
	}
}

func TestProbesAreReadInTheShapeOfEverythingElse(t *testing.T) {
	page := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { http.Error(w, "a page", http.StatusNotFound) })
	h := open(t, func(c *commandapi.Config) { c.Mount = map[string]http.Handler{"/": page} })
	for _, path := range []string{"/healthz", "/readyz", "/openapi.yaml"} {
		a := h.do("POST", path, "")
		h.wantFault(a, fault.MethodNotAllowed, "")
		if a.header.Get("Allow") != "GET, HEAD" {
			t.Errorf("%s allows %q", path, a.header.Get("Allow"))
		}
	}
}

func TestHeadIsGetWithoutTheBody(t *testing.T) {
	h := open(t, nil)
	resp, err := h.http.Head(h.url + "/v1/areas")
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		t.Errorf("answered %d", resp.StatusCode)
	}
}

// deadlines is a connection that remembers what was asked of it.
type deadlines struct {
	*httptest.ResponseRecorder

	write time.Time
}

func (d *deadlines) SetReadDeadline(time.Time) error     { return nil }
func (d *deadlines) SetWriteDeadline(at time.Time) error { d.write = at; return nil }

func TestNobodyTakesForEverToReadAnAnswer(t *testing.T) {
	page := http.HandlerFunc(func(http.ResponseWriter, *http.Request) {})
	door, err := commandapi.New(commandapi.Config{Mount: map[string]http.Handler{"/": page}, Log: slogDiscard})
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{"/", "/console/static/x/hls.js", "/openapi.yaml", "/metrics", "/v1/areas", "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo"} {
		d := &deadlines{ResponseRecorder: httptest.NewRecorder()}
		door.ServeHTTP(d, httptest.NewRequest("GET", path, nil))
		if d.write.IsZero() {
			t.Errorf("%s may be read for ever", path)
		}
	}
}
