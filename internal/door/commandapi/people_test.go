package commandapi_test

import (
	"testing"

	"github.com/greenroomlive/greenroom/internal/core/fault"
	"github.com/greenroomlive/greenroom/internal/door/commandapi"
)

func TestPeopleOverREST(t *testing.T) {
	h := open(t, nil)
	path := "/v1/rooms/" + h.room() + "/people"
	a := h.want(h.do("POST", path+":mute", `{"user_ids":["9","8"],"reason":"a raid","note":"case 7","minutes":30}`), 200)
	if a.at("version") != "2" || a.header.Get("ETag") != `"2"` || a.at("outcomes", "1", "user_id") != "8" || a.at("outcomes", "1", "result") != "DONE" {
		t.Errorf("muted: %s", a.text)
	}
	a = h.want(h.do("POST", path+":unmute", `{"user_ids":["8","5"],"dry_run":true}`), 200)
	if a.at("version") != "2" || a.at("outcomes", "0", "result") != "DONE" || a.at("outcomes", "1", "result") != "ALREADY" {
		t.Errorf("a dry run: %s", a.text)
	}
	h.want(h.do("POST", path+":ban", `{"user_ids":["8"]}`), 200)
	a = h.want(h.do("POST", path+":grant", `{"user_ids":["8","7"],"role":"VIP"}`), 200)
	if a.at("outcomes", "0", "result") != "REFUSED" || a.at("outcomes", "0", "code") != "USER_BANNED" || a.at("outcomes", "1", "code") != "" {
		t.Errorf("granted: %s", a.text)
	}
	first := h.want(h.do("GET", path+"?page_size=2", ""), 200)
	second := h.want(h.do("GET", path+"?page_size=2&page_token="+first.at("next_page_token").(string), ""), 200)
	if first.at("people", "0", "role") != "VIP" || first.at("people", "1", "ban", "actor") != "ops" || second.at("people", "0", "mute", "note") != "case 7" || second.at("next_page_token") != "" {
		t.Errorf("listed %s and %s", first.text, second.text)
	}
	if a := h.want(h.do("GET", path+"?kind=BANNED", ""), 200); a.at("people", "0", "user_id") != "8" {
		t.Errorf("banned: %s", a.text)
	}
	if a := h.want(h.do("GET", path+"/5", ""), 200); a.at("role") != "VIEWER" || a.at("mute") != nil {
		t.Errorf("a viewer: %s", a.text)
	}
	for body, field := range map[string]string{
		`{"user_ids":["1"],"minutes":-1}`:                               "minutes",
		`{"user_ids":["1"],"until":"2020-01-01T00:00:00Z"}`:             "until",
		`{"user_ids":["1"],"this_session":true}`:                        "this_session",
		`{"user_ids":["1"],"minutes":5,"until":"2099-01-01T00:00:00Z"}`: "until",
		`{"user_ids":[]}`: "user_ids",
	} {
		h.wantFault(h.do("POST", path+":mute", body), fault.InvalidArgument, field)
	}
	h.want(h.do("POST", "/v1/platform/people:ban", `{"user_ids":["666"],"reason":"fraud"}`), 200)
	if a := h.want(h.do("GET", "/v1/platform/people", ""), 200); a.at("people", "0", "ban", "reason") != "fraud" {
		t.Errorf("of the platform: %s", a.text)
	}
	h.wantFault(h.do("POST", "/v1/platform/people:ban", `{"user_ids":["1"],"room_id":"1"}`), fault.InvalidArgument, "room_id")
	h.wantFault(h.do("GET", "/v1/platform/people", "", header{"Authorization": "Bearer " + h.token("anchor:7")}), fault.PermissionDenied, "")
}

func TestRulesOverREST(t *testing.T) {
	h := open(t, nil)
	path := "/v1/rooms/" + h.room() + "/rules"
	if a := h.want(h.do("GET", path, ""), 200); a.at("version") != "0" || a.at("rules", "no_links") != false {
		t.Errorf("rules that nobody set: %s", a.text)
	}
	a := h.want(h.do("PUT", path, `{"slow_mode_seconds":30,"blocked_terms":[" cheap  followers","spam"]}`), 200)
	if a.at("rules", "blocked_terms", "0") != "cheap followers" || a.header.Get("ETag") != `"2"` {
		t.Errorf("set: %s", a.text)
	}
	a = h.want(h.do("PATCH", path, `{"no_links":true}`, header{"If-Match": `"2"`}), 200)
	if a.at("rules", "no_links") != true || a.at("rules", "slow_mode_seconds") != 30.0 {
		t.Errorf("patched: %s", a.text)
	}
	h.wantFault(h.do("PATCH", path, `{"no_links":false}`, header{"If-Match": `"2"`}), fault.VersionConflict, "")
	a = h.want(h.do("PATCH", path+"?update_mask=blocked_terms,slow_mode_seconds", `{}`), 200)
	if a.at("rules", "slow_mode_seconds") != 0.0 || a.at("rules", "no_links") != true {
		t.Errorf("masked: %s", a.text)
	}
	a = h.want(h.do("POST", path+":changeTerms", `{"add":["a","b"],"remove":["b"]}`), 200)
	if a.at("rules", "blocked_terms", "0") != "a" {
		t.Errorf("terms: %s", a.text)
	}
	for body, field := range map[string]string{
		`{"blocked_expressions":["a","(b"]}`:                "rules.blocked_expressions[1]",
		`{"min_account_age_seconds":"9223372036854775807"}`: "rules.min_account_age_seconds",
		`{"slow_mode_seconds":21601}`:                       "rules.slow_mode_seconds",
		`{"links":true}`:                                    "links",
	} {
		h.wantFault(h.do("PUT", path, body), fault.InvalidArgument, field)
	}
	if a := h.want(h.do("PUT", "/v1/platform/rules", `{"emote_only":true}`), 200); a.at("rules", "emote_only") != true {
		t.Errorf("of the platform: %s", a.text)
	}
}

func TestAProcessWithoutManagementKnowsNoPeople(t *testing.T) {
	h := open(t, func(c *commandapi.Config) { c.People, c.Rules = nil, nil })
	for _, path := range []string{"/people", "/rules"} {
		if a := h.do("GET", "/v1/rooms/"+h.room()+path, ""); a.status != 404 {
			t.Errorf("%s answered %d", path, a.status)
		}
	}
}
