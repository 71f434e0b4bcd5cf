package commandapi_test

import (
	"log/slog"
	"testing"

	"github.com/greenroomlive/greenroom/internal/adapter/memory"
	"github.com/greenroomlive/greenroom/internal/core/fault"
	"github.com/greenroomlive/greenroom/internal/door/commandapi"
	"github.com/greenroomlive/greenroom/internal/guard/switches"
)

// withSwitches gives the door switches that nobody has turned.
func withSwitches(c *commandapi.Config) {
	c.Switches = switches.New(switches.Config{Store: memory.NewSwitches(), Logger: slog.New(slog.DiscardHandler)})
}

func TestSwitchesAreListedAndTurned(t *testing.T) {
	h := open(t, withSwitches)
	of := func(a answer, i int) map[string]any { return a.at("switches").([]any)[i].(map[string]any) }
	first := of(h.want(h.do("GET", "/v1/ops/switches", ""), 200), 0)
	if first["name"] != "courier.queue" || first["on"] != true || first["default_on"] != true || first["version"] != "0" || first["meaning"] == "" {
		t.Error(first)
	}
	path := "/v1/ops/switches/courier.queue:set"
	a := h.want(h.do("POST", path, `{"on":false,"reason":"the broker is slow"}`), 200)
	turn := a.at("turns").([]any)[0].(map[string]any)
	if a.at("on") != false || a.at("version") != "1" || turn["reason"] != "the broker is slow" || turn["by"] == "" || turn["on"] != false {
		t.Error(a.text)
	}
	if a := h.want(h.do("POST", path, `{"on":false,"reason":"once more"}`), 200); a.at("version") != "1" {
		t.Errorf("what stood so was recorded: %s", a.text)
	}
	h.want(h.do("POST", path, `{"on":true,"reason":"it is well again"}`, header{"If-Match": `"1"`}), 200)
	conflict := h.do("POST", path, `{"on":false,"reason":"late"}`, header{"If-Match": `"1"`})
	h.wantFault(conflict, fault.VersionConflict, "")
	if conflict.at("error", "details", "version") != "2" {
		t.Error(conflict.text)
	}
	if now := of(h.want(h.do("GET", "/v1/ops/switches", ""), 200), 0); now["on"] != true || len(now["turns"].([]any)) != 2 {
		t.Error(now)
	}
}

func TestWhoMayTurnASwitchAndHow(t *testing.T) {
	h := open(t, withSwitches)
	path := "/v1/ops/switches/courier.direct:set"
	staff := header{"Authorization": "Bearer " + h.token("staff")}
	h.wantFault(h.do("POST", path, `{"on":false,"reason":"x"}`, staff), fault.PermissionDenied, "")
	h.wantFault(h.do("GET", "/v1/ops/switches", "", staff), fault.PermissionDenied, "")
	h.wantFault(h.do("POST", path, `{"reason":"x"}`), fault.InvalidArgument, "on")
	h.wantFault(h.do("POST", path, `{"on":false}`), fault.InvalidArgument, "reason")
	h.wantFault(h.do("POST", path, `{"on":false,"reason":"  "}`), fault.InvalidArgument, "reason")
	h.wantFault(h.do("POST", "/v1/ops/switches/courier.pigeon:set", `{"on":false,"reason":"x"}`), fault.SwitchNotFound, "")
	if a := h.do("GET", "/v1/ops/switches", ""); a.at("switches").([]any)[1].(map[string]any)["on"] != true {
		t.Error(a.text)
	}
}
