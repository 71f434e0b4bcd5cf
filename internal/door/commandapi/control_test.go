package commandapi_test

import (
	"net/http"
	"strconv"
	"testing"

	"connectrpc.com/connect"

	managementv1 "github.com/greenroomlive/greenroom/api/gen/greenroom/management/v1"
	"github.com/greenroomlive/greenroom/api/gen/greenroom/management/v1/managementv1connect"
	roomv1 "github.com/greenroomlive/greenroom/api/gen/greenroom/room/v1"
	"github.com/greenroomlive/greenroom/internal/core/fault"
	"github.com/greenroomlive/greenroom/internal/door/commandapi"
)

// live opens a room, starts a broadcast in it, and answers its path and the session.
func (h *house) live() (path, session string) {
	h.t.Helper()
	path = "/v1/rooms/" + h.do("POST", "/v1/rooms", `{"title":"Morning show","anchor_id":"42"}`).at("room", "id").(string)
	return path, h.do("POST", path+":start", "").at("room", "live", "session_id").(string)
}

func TestALevelComesAndGoesByREST(t *testing.T) {
	h := open(t, nil)
	path, _ := h.live()
	for _, c := range []struct{ put, body, state, lift string }{
		{":warn", `{"reason":"language","minutes":5}`, "WARNED", ":unwarn"},
		{":hide", `{"reason":"spam"}`, "HIDDEN", ":unhide"},
		{":cut", `{"reason":"nudity","hold_minutes":10}`, "CUT", ":uncut"},
		{":lock", `{"reason":"a raid","note":"seen by two","until":"2099-01-01T00:00:00Z"}`, "LOCKED", ":unlock"},
	} {
		a := h.do("POST", path+c.put, c.body)
		if a.status != http.StatusOK || a.at("room", "control", "state") != c.state || a.header.Get("X-Room-Version") != a.at("room", "version") {
			t.Errorf("%s answered %d %s", c.put, a.status, a.text)
		}
		if got := h.do("GET", path+"/control", ""); len(got.at("interventions").([]any)) != 1 {
			t.Errorf("%s leaves %s", c.put, got.text)
		}
		if got := h.do("GET", "/v1/control?state="+c.state, ""); len(got.at("rooms").([]any)) != 1 {
			t.Errorf("%s lists %s", c.put, got.text)
		}
		if a := h.do("POST", path+c.lift, ""); a.at("room", "control", "state") != "NORMAL" {
			t.Errorf("%s answered %d %s", c.lift, a.status, a.text)
		}
	}
	if got := h.do("GET", "/v1/control", ""); got.status != http.StatusOK || len(got.at("rooms").([]any)) != 0 {
		t.Errorf("in the end %s", got.text)
	}
}

func TestADryRunChangesNothing(t *testing.T) {
	h := open(t, nil)
	path, session := h.live()
	before := h.do("GET", path, "")
	dry := h.do("POST", path+":lock", `{"reason":"a raid","minutes":30,"dry_run":true}`)
	if dry.at("foresight", "would_end_session") != true || dry.at("foresight", "session_id") != session || dry.at("foresight", "control", "state") != "LOCKED" {
		t.Errorf("foreseen: %s", dry.text)
	}
	if dry.at("foresight", "viewers") != nil {
		t.Errorf("nobody can say who watches, and yet: %s", dry.text)
	}
	if dry.at("room", "control", "state") != "NORMAL" || dry.header.Get("ETag") != before.header.Get("ETag") {
		t.Errorf("it shows %s at %s", dry.text, dry.header.Get("ETag"))
	}
	if after := h.do("GET", path, ""); after.text != before.text {
		t.Errorf("it left %s", after.text)
	}

	// What was foreseen happens, if nobody came between.
	then := header{"If-Match": dry.header.Get("ETag")}
	if a := h.do("POST", path+":lock", `{"reason":"a raid","minutes":30}`, then); a.status != http.StatusOK || a.at("room", "live", "status") != "IDLE" || a.at("foresight") != nil {
		t.Errorf("locked: %d %s", a.status, a.text)
	}
	h.wantFault(h.do("POST", path+":unlock", "", then), fault.VersionConflict, "")
	h.wantFault(h.do("POST", path+":start", ""), fault.RoomLocked, "")
	if a := h.do("POST", path+":unlock", `{"dry_run":true}`); a.at("foresight", "control", "state") != "NORMAL" || a.at("room", "control", "state") != "LOCKED" || a.at("foresight", "viewers") != "0" {
		t.Errorf("foreseen: %s", a.text)
	}
}

func TestARepeatedInterventionIsOne(t *testing.T) {
	h := open(t, nil)
	path, _ := h.live()
	once := header{"Idempotency-Key": "k"}
	first := h.do("POST", path+":warn", `{"reason":"language","minutes":5}`, once)
	if again := h.do("POST", path+":warn", `{"reason":"language","minutes":5}`, once); again.text != first.text {
		t.Errorf("first %s, then %s", first.text, again.text)
	}
	h.wantFault(h.do("POST", path+":warn", `{"reason":"language","minutes":6}`, once), fault.IdempotencyConflict, "Idempotency-Key")
}

func TestInterventionsAreBounded(t *testing.T) {
	h := open(t, nil)
	path, _ := h.live()
	for body, field := range map[string]string{
		`{}`:                              "reason",
		`{"reason":"r","minutes":525601}`: "minutes",
		`{"reason":"r","until":"2020-01-01T00:00:00Z"}`:             "until",
		`{"reason":"r","until":"2099-01-01T00:00:00Z","minutes":5}`: "until",
		`{"reason":"r","hold_minutes":5}`:                           "hold_minutes",
	} {
		for _, dry := range []string{"", `,"dry_run":true}`} {
			if dry != "" && body != "{}" {
				body = body[:len(body)-1] + dry
			}
			h.wantFault(h.do("POST", path+":lock", body), fault.InvalidArgument, field)
		}
	}
	h.wantFault(h.do("POST", path+":cut", `{"reason":"r","hold_minutes":1441}`), fault.InvalidArgument, "hold_minutes")
	h.wantFault(h.do("GET", "/v1/control?state=LOKED", ""), fault.InvalidArgument, "state")
	h.wantFault(h.do("POST", "/v1/rooms/1:warn", `{"reason":"r"}`), fault.RoomNotFound, "")
}

func TestRoomControlIsForStaff(t *testing.T) {
	h := open(t, nil)
	path, _ := h.live()
	owner, staff := header{"Authorization": "Bearer " + h.token("anchor:42")}, header{"Authorization": "Bearer " + h.token("staff")}
	for _, a := range []answer{
		h.do("POST", path+":lock", `{"reason":"r"}`, owner), h.do("POST", path+":lock", `{"reason":"r","dry_run":true}`, owner),
		h.do("POST", path+":unlock", "", owner), h.do("GET", path+"/control", "", owner), h.do("GET", "/v1/control", "", owner),
	} {
		h.wantFault(a, fault.PermissionDenied, "")
	}
	if a := h.do("POST", path+":warn", `{"reason":"r"}`, staff); a.status != http.StatusOK {
		t.Errorf("staff: %d %s", a.status, a.text)
	}
}

func TestRoomControlSpeaksGRPC(t *testing.T) {
	h := open(t, nil)
	path, _ := h.live()
	c := managementv1connect.NewManagementServiceClient(h.http, h.url)
	number, err := strconv.ParseInt(path[len("/v1/rooms/"):], 10, 64)
	if err != nil {
		t.Fatal(err)
	}
	req := connect.NewRequest(&managementv1.InterveneRequest{Id: number, Reason: "spam"})
	req.Header().Set("Authorization", "Bearer "+opsToken)
	got, err := c.Hide(t.Context(), req)
	if err != nil || got.Msg.GetRoom().GetControl().GetState() != roomv1.Control_HIDDEN || got.Msg.GetInterventions()[0].GetActor() != "ops" {
		t.Errorf("%v, %v", got, err)
	}
}

func TestWithoutTheRoleThereIsNoRoomControl(t *testing.T) {
	h := open(t, func(c *commandapi.Config) { c.Control = nil })
	path, _ := h.live()
	h.wantFault(h.do("POST", path+":lock", `{"reason":"r"}`), fault.NotFound, "")
	h.wantFault(h.do("GET", "/v1/control", ""), fault.NotFound, "")
}
