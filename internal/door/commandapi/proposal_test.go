package commandapi_test

import (
	"net/http"
	"strconv"
	"testing"
	"time"

	"connectrpc.com/connect"

	managementv1 "github.com/greenroomlive/greenroom/api/gen/greenroom/management/v1"
	"github.com/greenroomlive/greenroom/api/gen/greenroom/management/v1/managementv1connect"
	roomv1 "github.com/greenroomlive/greenroom/api/gen/greenroom/room/v1"
	"github.com/greenroomlive/greenroom/internal/core/fault"
	"github.com/greenroomlive/greenroom/internal/core/ident"
	"github.com/greenroomlive/greenroom/internal/door/auth"
	"github.com/greenroomlive/greenroom/internal/door/commandapi"
	"github.com/greenroomlive/greenroom/internal/flow/command"
)

// many is an audience of 12,345 in each room.
type many struct{}

func (many) Online(ident.RoomID, ident.SessionID) (int64, time.Time, bool) {
	return 12_345, time.Now(), true
}

// crowded is a house whose rooms on air are watched by too many for one person to decide.
func crowded(t *testing.T) (h *house, path string, as func(subject string) header) {
	h = open(t, nil)
	h.anchor = command.NewAnchor(command.Config{Store: h.store, IDs: ident.NewMinter(1), Audience: many{}, TwoPersonAbove: 10_000})
	second := open(t, func(c *commandapi.Config) { c.Control = command.NewControl(h.anchor); c.Anchor = h.anchor })
	path, _ = second.live()
	return second, path, func(subject string) header {
		token, err := auth.Mint(second.key, auth.Grant{Subject: subject, Scopes: []string{"staff"}, TTL: time.Hour}, time.Now())
		if err != nil {
			t.Fatal(err)
		}
		return header{"Authorization": "Bearer " + token}
	}
}

func TestAnotherPersonConfirmsByREST(t *testing.T) {
	h, path, as := crowded(t)
	if dry := h.do("POST", path+":lock", `{"reason":"a raid","dry_run":true}`); dry.at("foresight", "needs_confirmation") != true || dry.at("foresight", "viewers") != "12345" {
		t.Errorf("foreseen: %s", dry.text)
	}
	refused := h.do("POST", path+":lock", `{"reason":"a raid"}`, as("ann"))
	h.wantFault(refused, fault.ConfirmationNeeded, "")
	proposal := "/v1/proposals/" + refused.at("error", "details", "proposal_id").(string)
	h.wantFault(h.do("POST", proposal+":confirm", "", as("ann")), fault.SecondPersonNeeded, "")
	if a := h.do("POST", proposal+":confirm", "", as("bert")); a.status != http.StatusOK || a.at("room", "control", "state") != "LOCKED" {
		t.Errorf("confirmed: %d %s", a.status, a.text)
	}
	h.wantFault(h.do("POST", proposal+":decline", "", as("bert")), fault.ProposalClosed, "")
	h.wantFault(h.do("POST", "/v1/proposals/1:confirm", "", as("bert")), fault.ProposalNotFound, "")
}

// The proposal that a refusal speaks of is found by programs, whatever they speak.
func TestAnotherPersonConfirmsOverRPC(t *testing.T) {
	for name, options := range map[string][]connect.ClientOption{
		"connect": nil, "connect JSON": {connect.WithProtoJSON()}, "gRPC": {connect.WithGRPC()}, "gRPC-Web": {connect.WithGRPCWeb()},
	} {
		t.Run(name, func(t *testing.T) {
			h, path, as := crowded(t)
			c := managementv1connect.NewManagementServiceClient(cleartextHTTP2(t), h.url, options...)
			id, err := strconv.ParseInt(path[len("/v1/rooms/"):], 10, 64)
			if err != nil {
				t.Fatal(err)
			}
			_, err = c.Lock(t.Context(), sent(&managementv1.InterveneRequest{Id: id, Reason: "a raid"}, as("ann")))
			details := connectFault(t, err, fault.ConfirmationNeeded).GetDetails()
			proposal, err := strconv.ParseInt(details["proposal_id"], 10, 64)
			if err != nil || details["until"] == "" {
				t.Fatalf("what is needed: %v", details)
			}
			decision := &managementv1.DecideRequest{Id: proposal}
			_, err = c.ConfirmProposal(t.Context(), sent(decision, as("ann")))
			connectFault(t, err, fault.SecondPersonNeeded)
			done, err := c.ConfirmProposal(t.Context(), sent(decision, as("bert")))
			if err != nil || done.Msg.GetRoom().GetControl().GetState() != roomv1.Control_LOCKED {
				t.Errorf("confirmed: %v, %v", done, err)
			}
			_, err = c.DeclineProposal(t.Context(), sent(decision, as("bert")))
			connectFault(t, err, fault.ProposalClosed)
			_, err = c.ConfirmProposal(t.Context(), sent(&managementv1.DecideRequest{Id: 1}, as("bert")))
			connectFault(t, err, fault.ProposalNotFound)
		})
	}
}

// sent is a request with headers.
func sent[T any](msg *T, h header) *connect.Request[T] {
	req := connect.NewRequest(msg)
	for k, v := range h {
		req.Header().Set(k, v)
	}
	return req
}

func TestProposalsAreListed(t *testing.T) {
	h, path, as := crowded(t)
	for range 3 {
		h.wantFault(h.do("POST", path+":hide", `{"reason":"spam"}`, as("ann")), fault.ConfirmationNeeded, "")
	}
	first := h.do("GET", "/v1/proposals?open=true&page_size=2", "", as("bert"))
	next, _ := first.at("next_page_token").(string)
	if list := first.at("proposals").([]any); len(list) != 2 || next == "" {
		t.Fatalf("the first page: %s", first.text)
	}
	rest := h.do("GET", "/v1/proposals?open=true&page_size=2&page_token="+next, "", as("bert"))
	list := rest.at("proposals").([]any)
	if len(list) != 1 || list[0].(map[string]any)["state"] != "OPEN" || list[0].(map[string]any)["viewers"] != "12345" {
		t.Errorf("the rest: %s", rest.text)
	}
	id := list[0].(map[string]any)["id"].(string)
	if a := h.do("POST", "/v1/proposals/"+id+":decline", "", as("ann")); a.at("state") != "DECLINED" || a.at("decider") != "ann" {
		t.Errorf("declined: %s", a.text)
	}
	h.wantFault(h.do("GET", "/v1/proposals", "", header{"Authorization": "Bearer " + h.token("anchor:42")}), fault.PermissionDenied, "")
}
