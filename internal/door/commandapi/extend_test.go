package commandapi_test

import (
	"testing"

	"github.com/greenroomlive/greenroom/internal/core/fault"
	"github.com/greenroomlive/greenroom/internal/door/commandapi"
)

func TestWhatHangsInARoomOverREST(t *testing.T) {
	h := open(t, nil)
	path := "/v1/rooms/" + h.room()
	h.want(h.do("PUT", path+"/announcement", `{"announcement":"<b>soon</b>"}`, header{"If-Match": `"1"`}), 200)
	h.want(h.do("PUT", path+"/pinned", `{"pinned":"be kind"}`), 200)
	a := h.want(h.do("PUT", path+"/badges/verified", `{"until":"2099-01-01T00:00:00Z"}`), 200)
	if a.header.Get("X-Room-Version") != "4" || a.at("room", "extension", "announcement") != "<b>soon</b>" {
		t.Errorf("extended: %v", a.at("room"))
	}
	h.want(h.do("PUT", path+"/announcement", ""), 200) // an empty body says: nothing
	a = h.want(h.do("GET", path+"/extension", ""), 200)
	if a.at("room", "extension", "announcement") != "" || a.at("room", "extension", "pinned") != "be kind" {
		t.Errorf("read: %v", a.at("room"))
	}
	h.want(h.do("DELETE", path+"/badges/verified", ""), 200)

	for _, bad := range []struct{ method, path, body, field string }{
		{"PUT", "/announcement", `{"announcement":"one\ntwo"}`, "announcement"},
		{"PUT", "/announcement", `{"text":"typo"}`, "text"},
		{"PUT", "/pinned?room_id=1", `{"pinned":"a"}`, "room_id"},
		{"PUT", "/badges/Not_a_name", `{}`, "name"},
		{"PUT", "/badges/late", `{"until":"2020-01-01T00:00:00Z"}`, "until"},
		{"DELETE", "/badges/verified?name=other", "", "name"},
	} {
		h.wantFault(h.do(bad.method, path+bad.path, bad.body), fault.InvalidArgument, bad.field)
	}
	h.wantFault(h.do("PUT", path+"/pinned", `{"pinned":"late"}`, header{"If-Match": `"1"`}), fault.VersionConflict, "")
}

func TestAProcessWithoutTheRoleDoesNotKnowItsPaths(t *testing.T) {
	h := open(t, func(c *commandapi.Config) { c.Extend = nil })
	a := h.do("PUT", "/v1/rooms/"+h.room()+"/pinned", `{"pinned":"a"}`)
	if a.status != 404 {
		t.Errorf("answered %d", a.status)
	}
}
