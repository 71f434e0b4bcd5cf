package commandapi_test

import (
	"io"
	"net/http"
	"regexp"
	"strings"
	"testing"

	"github.com/greenroomlive/greenroom/internal/core/fault"
	"github.com/greenroomlive/greenroom/internal/door/commandapi"
)

func TestCreateAnswers201WithEveryFieldPresent(t *testing.T) {
	h := open(t, nil)
	a := h.want(h.do("POST", "/v1/rooms", `{"title":"Late night","tags":["chess"],"anchor_id":"42"}`), 201)
	id := a.at("room", "id").(string)
	for _, check := range []struct {
		got, want any
	}{
		{a.at("room", "anchor_id"), "42"},
		{a.at("room", "version"), "1"},
		{a.at("room", "live", "status"), "IDLE"},
		{a.at("room", "live", "started_at"), nil},
		{a.at("room", "extension", "announcement"), ""},
		{a.at("settings", "publisher_policy"), "REJECT"},
		{a.header.Get("ETag"), `"1"`},
		{a.header.Get("X-Room-Version"), "1"},
		{a.header.Get("Location"), "/v1/rooms/" + id},
		{a.header.Get("Content-Type"), "application/json"},
	} {
		if check.got != check.want {
			t.Errorf("got %v, want %v", check.got, check.want)
		}
	}
	if !strings.Contains(a.text, `"audience":`) || !strings.Contains(a.text, `"badges":`) {
		t.Errorf("zero values are missing: %s", a.text)
	}
	if got := h.want(h.do("GET", "/v1/rooms/"+id, ""), 200).at("room", "title"); got != "Late night" {
		t.Errorf("one's own write reads %v", got)
	}
}

func TestCommandsWithoutABody(t *testing.T) {
	h := open(t, nil)
	id := h.room()
	for i, body := range []io.Reader{nil, strings.NewReader("{}"), io.MultiReader(strings.NewReader("{}"))} {
		a := h.want(h.send(t.Context(), "POST", "/v1/rooms/"+id+":start", body), 200)
		if a.at("room", "live", "status") != "LIVE" {
			t.Errorf("body %d: %s", i, a.text)
		}
	}
	if a := h.want(h.do("POST", "/v1/rooms/"+id+":stop", ""), 200); a.at("room", "live", "status") != "IDLE" {
		t.Errorf("not stopped: %s", a.text)
	}
	h.want(h.do("PATCH", "/v1/rooms/"+id, ""), 200)
	sessions := h.want(h.do("GET", "/v1/rooms/"+id+"/sessions", ""), 200).at("sessions").([]any)
	if s := sessions[0].(map[string]any); len(sessions) != 1 || s["end_reason"] != "ANCHOR_STOPPED" || s["lease_until"] != nil {
		t.Errorf("sessions: %v", sessions)
	}
}

func TestContentTypesThatMeanJSON(t *testing.T) {
	h := open(t, nil)
	for _, kind := range []string{"", "application/json", "application/json;charset=UTF-8", "Application/JSON", "application/x-www-form-urlencoded"} {
		h.want(h.do("POST", "/v1/rooms", `{"title":"A"}`, header{"Content-Type": kind}), 201)
	}
	for _, kind := range []string{"text/plain", "multipart/form-data", "application/xml"} {
		h.wantFault(h.do("POST", "/v1/rooms", `{"title":"A"}`, header{"Content-Type": kind}), fault.InvalidArgument, "Content-Type")
	}
}

func TestRefusalsNameTheFieldAndHaveOneShape(t *testing.T) {
	h := open(t, nil)
	id := h.room()
	anchor7 := header{"Authorization": "Bearer " + h.token("anchor:7")}
	tests := []struct {
		name, method, path, body string
		headers                  header
		code                     *fault.Code
		field                    string
	}{
		{"unknown field", "POST", "/v1/rooms", `{"title":"A","titel":"B"}`, nil, fault.InvalidArgument, "titel"},
		{"unknown field of a patch", "PATCH", "/v1/rooms/" + id, `{"colour":"red"}`, nil, fault.InvalidArgument, "colour"},
		{"unknown field of an action", "POST", "/v1/ops/rebuild", `{"force":true}`, nil, fault.InvalidArgument, "force"},
		{"field twice", "POST", "/v1/rooms", `{"area_id":"1","areaId":"2"}`, nil, fault.InvalidArgument, "area_id"},
		{"wrong type", "POST", "/v1/rooms", `{"title":"A","area_id":"x"}`, nil, fault.InvalidArgument, "area_id"},
		{"wrong enum", "POST", "/v1/rooms", `{"title":"A","publisher_policy":"MAYBE"}`, nil, fault.InvalidArgument, "publisher_policy"},
		{"malformed JSON", "POST", "/v1/rooms", `{"title":`, nil, fault.InvalidArgument, "body"},
		{"not an object", "POST", "/v1/rooms", `[]`, nil, fault.InvalidArgument, "body"},
		{"missing title", "POST", "/v1/rooms", `{}`, nil, fault.InvalidArgument, "title"},
		{"long title of a patch", "PATCH", "/v1/rooms/" + id, `{"title":"` + strings.Repeat("a", 121) + `"}`, nil, fault.InvalidArgument, "title"},
		{"empty tag", "POST", "/v1/rooms", `{"title":"A","tags":["a",""]}`, nil, fault.InvalidArgument, "tags[1]"},
		{"control character", "POST", "/v1/rooms", `{"title":"A\u0007"}`, nil, fault.InvalidArgument, "title"},
		{"id in the path", "GET", "/v1/rooms/abc", "", nil, fault.InvalidArgument, "id"},
		{"id zero", "GET", "/v1/rooms/0", "", nil, fault.InvalidArgument, "id"},
		{"id too large", "GET", "/v1/rooms/9223372036854775808", "", nil, fault.InvalidArgument, "id"},
		{"unknown parameter", "GET", "/v1/rooms?colour=red", "", nil, fault.InvalidArgument, "colour"},
		{"page size", "GET", "/v1/rooms?page_size=201", "", nil, fault.InvalidArgument, "page_size"},
		{"page size no number", "GET", "/v1/rooms?page_size=many", "", nil, fault.InvalidArgument, "page_size"},
		{"page token", "GET", "/v1/rooms?page_token=abc", "", nil, fault.InvalidArgument, "page_token"},
		{"update mask", "PATCH", "/v1/rooms/" + id + "?update_mask=title,colour", `{"title":"B"}`, nil, fault.InvalidArgument, "update_mask"},
		{"update mask malformed", "PATCH", "/v1/rooms/" + id + "?update_mask=a__b", `{"title":"B"}`, nil, fault.InvalidArgument, "update_mask"},
		{"If-Match", "PATCH", "/v1/rooms/" + id, `{"title":"B"}`, header{"If-Match": `W/"1"`}, fault.InvalidArgument, "If-Match"},
		{"raced", "PATCH", "/v1/rooms/" + id, `{"title":"B"}`, header{"If-Match": `"17"`}, fault.VersionConflict, ""},
		{"timeout", "GET", "/v1/rooms/" + id, "", header{"X-Server-Timeout": "soon"}, fault.InvalidArgument, "timeout"},
		{"no time", "GET", "/v1/rooms/" + id, "", header{"X-Server-Timeout": "0.000000001"}, fault.DeadlineExceeded, ""},
		{"compressed", "POST", "/v1/rooms", "\x1f\x8b", header{"Content-Encoding": "gzip"}, fault.InvalidArgument, "Content-Encoding"},
		{"long idempotency key", "POST", "/v1/rooms", `{"title":"A"}`, header{"Idempotency-Key": strings.Repeat("k", 256)}, fault.InvalidArgument, "Idempotency-Key"},
		{"no token", "GET", "/v1/rooms/" + id, "", header{"Authorization": ""}, fault.Unauthenticated, ""},
		{"foreign token", "GET", "/v1/rooms/" + id, "", header{"Authorization": "Bearer x"}, fault.Unauthenticated, ""},
		{"other's room", "PATCH", "/v1/rooms/" + id, `{"title":"B"}`, anchor7, fault.PermissionDenied, ""},
		{"ops as an anchor", "GET", "/v1/ops/parked", "", anchor7, fault.PermissionDenied, ""},
		{"areas as an anchor", "POST", "/v1/areas", `{"name":"A"}`, anchor7, fault.PermissionDenied, ""},
		{"unknown room", "GET", "/v1/rooms/1", "", nil, fault.RoomNotFound, ""},
		{"unknown area", "POST", "/v1/rooms", `{"title":"A","area_id":"9"}`, nil, fault.AreaNotFound, "area_id"},
		{"ops of an unknown zone", "POST", "/v1/ops/parked/1:redrive", `{"zone":"z"}`, nil, fault.ZoneNotFound, ""},
		{"a zone that is no name", "GET", "/v1/ops/parked?zone=A%2FB", "", nil, fault.InvalidArgument, "zone"},
		{"drain of an unknown zone", "POST", "/v1/ops/zones/z:drain", `{"drained":true}`, nil, fault.ZoneNotFound, ""},
		{"drain as an anchor", "POST", "/v1/ops/zones/home:drain", `{"drained":true}`, anchor7, fault.PermissionDenied, ""},
		{"unknown parked", "GET", "/v1/ops/parked/9", "", nil, fault.ParkedNotFound, ""},
		{"unknown path", "GET", "/v1/nothing", "", nil, fault.NotFound, ""},
		{"unknown verb", "POST", "/v1/rooms/" + id + ":explode", "", nil, fault.NotFound, ""},
		{"outside", "GET", "/favicon.ico", "", nil, fault.NotFound, ""},
		{"wrong method", "PUT", "/v1/rooms/" + id, `{}`, nil, fault.MethodNotAllowed, ""},
		{"ours", "GET", "/v1/ops/rooms/13:trace", "", nil, fault.Internal, ""},
		{"panic", "POST", "/v1/ops/rebuild", "", nil, fault.Internal, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			h := *h
			h.t = t
			h.wantFault(h.do(tt.method, tt.path, tt.body, tt.headers), tt.code, tt.field)
		})
	}
}

func TestWhatIsOursStaysInsideAndIsLoggedOnce(t *testing.T) {
	h := open(t, nil)
	a := h.do("GET", "/v1/ops/rooms/13:trace", "", header{"X-Request-Id": "find-me.1"})
	h.wantFault(a, fault.Internal, "")
	if strings.Contains(a.text, "fire") {
		t.Errorf("the cause is shown: %s", a.text)
	}
	if a.header.Get("X-Request-Id") != "find-me.1" {
		t.Errorf("request id %q", a.header.Get("X-Request-Id"))
	}
	if n := strings.Count(h.log.String(), "find-me.1"); n != 1 || !strings.Contains(h.log.String(), "disk on fire") {
		t.Errorf("%d lines in the log: %s", n, h.log)
	}
	h.do("GET", "/v1/rooms/1", "", header{"Authorization": "Bearer sesame"})
	if strings.Contains(h.log.String(), "sesame") || strings.Contains(h.log.String(), opsToken) {
		t.Error("a token is in the log")
	}
}

func TestRequestIDsThatAreNotFitAreReplaced(t *testing.T) {
	h := open(t, nil)
	for _, id := range []string{"a b", "é", "<script>", strings.Repeat("a", 65)} {
		if got := h.do("GET", "/v1/areas", "", header{"X-Request-Id": id}).header.Get("X-Request-Id"); got == id || len(got) != 16 {
			t.Errorf("%q became %q", id, got)
		}
	}
}

func TestWrongMethodNamesThoseItHas(t *testing.T) {
	h := open(t, nil)
	a := h.do("PUT", "/v1/rooms/"+h.room(), "")
	if a.header.Get("Allow") != "GET, PATCH" {
		t.Errorf("Allow: %q", a.header.Get("Allow"))
	}
	if a := h.do("GET", "/v1/rooms", "", header{"Authorization": ""}); a.header.Get("WWW-Authenticate") != "Bearer" {
		t.Errorf("WWW-Authenticate: %q", a.header.Get("WWW-Authenticate"))
	}
}

func TestBodiesAreBounded(t *testing.T) {
	h := open(t, nil)
	large := `{"title":"` + strings.Repeat("a", commandapi.MaxBody) + `"}`
	h.wantFault(h.do("POST", "/v1/rooms", large), fault.TooLarge, "")
	// Without a length in advance: chunked.
	h.wantFault(h.send(t.Context(), "POST", "/v1/rooms", io.MultiReader(strings.NewReader(large))), fault.TooLarge, "")
}

func TestEditChangesWhatTheMaskOrTheBodySays(t *testing.T) {
	h := open(t, nil)
	id := h.want(h.do("POST", "/v1/rooms", `{"title":"A","tags":["x"],"language":"en","cover_url":"https://example.org/a.png"}`), 201).at("room", "id").(string)
	path := "/v1/rooms/" + id
	tests := []struct {
		query, body, title, tags, cover, version string
	}{
		{"", `{"title":"B"}`, "B", "x", "https://example.org/a.png", "2"},
		{"", `{"tags":[]}`, "B", "x", "https://example.org/a.png", "2"},
		{"?update_mask=tags", `{"title":"ignored"}`, "B", "", "https://example.org/a.png", "3"},
		{"?update_mask=title,cover_url", `{"title":"C"}`, "C", "", "", "4"},
		{"?update_mask=title,coverUrl", `{"title":"D","cover_url":"https://example.org/d.png"}`, "D", "", "https://example.org/d.png", "5"},
	}
	for _, tt := range tests {
		a := h.want(h.do("PATCH", path+tt.query, tt.body), 200)
		tags := ""
		for _, tag := range a.at("room", "tags").([]any) {
			tags += tag.(string)
		}
		if a.at("room", "title") != tt.title || tags != tt.tags || a.at("room", "cover_url") != tt.cover || a.at("room", "version") != tt.version {
			t.Errorf("%s %s: %s", tt.query, tt.body, a.text)
		}
	}
	if a := h.want(h.do("PATCH", path, `{"publisher_policy":"TAKE_OVER"}`, header{"If-Match": `"5"`}), 200); a.at("settings", "publisher_policy") != "TAKE_OVER" {
		t.Error(a.text)
	}
	if a := h.do("PATCH", path, `{"title":"E"}`, header{"If-Match": "5"}); a.at("error", "details", "version") != "6" {
		t.Errorf("the present version is not told: %s", a.text)
	}
	h.want(h.do("PATCH", path, `{"title":"E"}`, header{"If-Match": "*"}), 200)
}

func TestIdempotencyKeyGivesTheFirstAnswerAgain(t *testing.T) {
	h := open(t, nil)
	key := header{"Idempotency-Key": "one"}
	first := h.want(h.do("POST", "/v1/rooms", `{"title":"A"}`, key), 201)
	again := h.want(h.do("POST", "/v1/rooms", `{"title":"A"}`, key), 201)
	if first.at("room", "id") != again.at("room", "id") {
		t.Errorf("two rooms: %s %s", first.text, again.text)
	}
	h.wantFault(h.do("POST", "/v1/rooms", `{"title":"B"}`, key), fault.IdempotencyConflict, "Idempotency-Key")

	keys := "/v1/rooms/" + first.at("room", "id").(string) + "/keys"
	made := h.want(h.do("POST", keys, `{"label":"studio"}`, key), 200)
	replay := h.want(h.do("POST", keys, `{"label":"studio"}`, key), 200)
	if made.at("stream_key") != replay.at("stream_key") || !strings.HasPrefix(made.at("stream_key").(string), "gr_") {
		t.Errorf("the secret is lost with the first answer: %s %s", made.text, replay.text)
	}
	if made.header.Get("Cache-Control") != "no-store" {
		t.Error("a secret may be cached")
	}
	if list := h.want(h.do("GET", keys, ""), 200); len(list.at("keys").([]any)) != 1 || strings.Contains(list.text, made.at("stream_key").(string)) {
		t.Errorf("keys: %s", list.text)
	}
	one := keys + "/" + made.at("key_id").(string)
	rotated := h.want(h.do("POST", one+":rotate", `{"overlap_seconds":60}`), 200)
	if rotated.at("key", "label") != "studio" || rotated.at("key_id") == made.at("key_id") {
		t.Error(rotated.text)
	}
	if a := h.want(h.do("DELETE", one, ""), 200); a.at("key", "revoked_at") == nil {
		t.Error(a.text)
	}
}

func TestListsPageWithoutGapOrRepeat(t *testing.T) {
	h := open(t, nil)
	made := map[string]bool{}
	for range 5 {
		made[h.room()] = true
	}
	token, pages := "", 0
	for {
		a := h.want(h.do("GET", "/v1/rooms?page_size=2&page_token="+token, ""), 200)
		for _, r := range a.at("rooms").([]any) {
			id := r.(map[string]any)["id"].(string)
			if !made[id] {
				t.Errorf("%s is a repeat", id)
			}
			delete(made, id)
		}
		pages++
		if token = a.at("next_page_token").(string); token == "" {
			break
		}
	}
	if len(made) != 0 || pages != 3 {
		t.Errorf("%d missing after %d pages", len(made), pages)
	}
	a := h.want(h.do("GET", "/v1/ops/parked?page_size=2", ""), 200)
	a = h.want(h.do("GET", "/v1/ops/parked?page_size=2&page_token="+a.at("next_page_token").(string), ""), 200)
	if len(a.at("parked").([]any)) != 1 || a.at("next_page_token") != "" {
		t.Errorf("the last page: %s", a.text)
	}
}

func TestZonesAreListedAndDrained(t *testing.T) {
	h := open(t, nil)
	list := h.want(h.do("GET", "/v1/ops/zones", ""), 200)
	if zones := list.at("zones").([]any); len(zones) != 2 || zones[1].(map[string]any)["error"] != "nobody answers" {
		t.Error(list.text)
	}
	if a := h.want(h.do("POST", "/v1/ops/zones/home:drain", `{"drained":true,"reason":"new disks"}`), 200); a.at("drained") != true {
		t.Error(a.text)
	}
	if a := h.want(h.do("POST", "/v1/ops/zones/home:drain", `{}`), 200); a.at("drained") != false {
		t.Error(a.text)
	}
}

func TestAreasAreReadByAnybody(t *testing.T) {
	h := open(t, nil)
	games := h.want(h.do("POST", "/v1/areas", `{"name":"Games"}`), 200).at("area", "id").(string)
	h.want(h.do("POST", "/v1/areas", `{"name":"Chess","parent_id":"`+games+`"}`), 200)
	h.want(h.do("PATCH", "/v1/areas/"+games, `{"name":"Play"}`), 200)
	a := h.want(h.do("GET", "/v1/areas", "", header{"Authorization": ""}), 200)
	top := a.at("areas").([]any)[0].(map[string]any)
	if top["name"] != "Play" || len(top["children"].([]any)) != 1 {
		t.Error(a.text)
	}
	h.wantFault(h.do("PATCH", "/v1/areas/"+games, `{"parent_id":"`+games+`"}`), fault.AreaConflict, "parent_id")
}

func TestTheDocumentListsEveryPath(t *testing.T) {
	h := open(t, nil)
	doc := h.want(h.do("GET", "/openapi.yaml", "", header{"Authorization": ""}), 200).text
	for _, path := range restPaths(t) {
		if !strings.Contains(doc, "\n    "+path+":\n") {
			t.Errorf("%s is not in the document", path)
		}
	}
	if n := len(regexp.MustCompile(`(?m)^    /v1/`).FindAllString(doc, -1)); n != len(restPaths(t)) {
		t.Errorf("%d paths in the document, %d in the protos", n, len(restPaths(t)))
	}
}

func TestHealthAndReadiness(t *testing.T) {
	ready := http.ErrServerClosed
	h := open(t, func(c *commandapi.Config) { c.Ready = func() error { return ready } })
	none := header{"Authorization": ""}
	h.want(h.do("GET", "/healthz", "", none), 200)
	h.wantFault(h.do("GET", "/readyz", "", none), fault.NotReady, "")
	ready = nil
	h.want(h.do("GET", "/readyz", "", none), 200)
}
