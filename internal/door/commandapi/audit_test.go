package commandapi_test

import (
	"bytes"
	"net/http"
	"testing"

	"connectrpc.com/connect"

	managementv1 "github.com/greenroomlive/greenroom/api/gen/greenroom/management/v1"
	"github.com/greenroomlive/greenroom/api/gen/greenroom/management/v1/managementv1connect"
	"github.com/greenroomlive/greenroom/internal/core/audit"
	"github.com/greenroomlive/greenroom/internal/core/fault"
	"github.com/greenroomlive/greenroom/internal/door/commandapi"
)

func TestTheAuditLogIsPagedByREST(t *testing.T) {
	h := open(t, nil)
	path, _ := h.live()
	h.do("PATCH", path, `{"title":"Evening show"}`, header{"X-Request-Id": "cmd-7"})
	var seqs []string
	for token := ""; ; {
		a := h.do("GET", "/v1/audit?page_size=2&room="+path[len("/v1/rooms/"):]+"&page_token="+token, "")
		if a.status != http.StatusOK {
			t.Fatal(a.text)
		}
		for _, e := range a.at("entries").([]any) {
			seqs = append(seqs, e.(map[string]any)["seq"].(string))
		}
		if token = a.at("next_page_token").(string); token == "" {
			break
		}
	}
	if len(seqs) != 3 || seqs[0] != "3" || seqs[2] != "1" {
		t.Errorf("three commands are in the log as %v", seqs)
	}
	a := h.do("GET", "/v1/audit?command=UpdateRoom", "")
	e := a.at("entries").([]any)[0].(map[string]any)
	change := e["changes"].([]any)[0].(map[string]any)
	if e["actor"] != "ops" || e["door"] != "rest" || e["from"] != "127.0.0.1" || e["cause"] != "cmd-7" ||
		change["column"] != "room.title" || change["before"] != "Morning show" || change["after"] != "Evening show" {
		t.Errorf("a rename is in the log as %v", e)
	}
	h.wantFault(h.do("GET", "/v1/audit?page_size=201", ""), fault.InvalidArgument, "page_size")
	h.wantFault(h.do("GET", "/v1/audit?page_token=x", ""), fault.InvalidArgument, "page_token")
	h.wantFault(h.do("GET", "/v1/audit?since=yesterday", ""), fault.InvalidArgument, "since")
}

func TestTheAuditLogIsForStaff(t *testing.T) {
	h := open(t, nil)
	owner, staff := header{"Authorization": "Bearer " + h.token("anchor:42")}, header{"Authorization": "Bearer " + h.token("staff")}
	h.wantFault(h.do("GET", "/v1/audit", "", owner), fault.PermissionDenied, "")
	h.wantFault(h.do("GET", "/v1/audit:export", "", owner), fault.PermissionDenied, "")
	for _, path := range []string{"/v1/audit", "/v1/audit:export"} {
		if a := h.do("GET", path, "", staff); a.status != http.StatusOK {
			t.Errorf("%s: %d %s", path, a.status, a.text)
		}
	}
}

func TestAnExportVerifiesByGRPC(t *testing.T) {
	h := open(t, nil)
	h.live()
	c := managementv1connect.NewAuditServiceClient(h.http, h.url)
	var v audit.Verification
	for {
		req := connect.NewRequest(&managementv1.ExportAuditRequest{After: v.At.Seq})
		req.Header().Set("Authorization", "Bearer "+opsToken)
		got, err := c.ExportAudit(t.Context(), req)
		if err != nil {
			t.Fatal(err)
		}
		if got.Msg.GetLast() == v.At.Seq {
			break
		}
		for line := range bytes.Lines(got.Msg.GetLines()) {
			if err := v.Line(bytes.TrimSuffix(line, []byte("\n"))); err != nil {
				t.Fatal(err)
			}
		}
	}
	if v.At.Seq != 2 {
		t.Errorf("two commands left %d entries", v.At.Seq)
	}
}

func TestWithoutTheRoleThereIsNoAuditLog(t *testing.T) {
	h := open(t, func(c *commandapi.Config) { c.Control = nil })
	h.wantFault(h.do("GET", "/v1/audit", ""), fault.NotFound, "")
}
