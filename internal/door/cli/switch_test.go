package cli

import (
	"strings"
	"testing"
)

func TestSwitches(t *testing.T) {
	h := open(t)
	h.ok(`(?m)^NAME +STANDS +DEFAULT +VERSION +SINCE +BY +REASON\ncourier\.queue +on +on +0 +- +- +-$`, "switch", "list")
	h.ok(`(?s)^switch +courier\.queue\nstands +off\n.*VERSION +TO +AT +BY +REASON\n1 +off +`+when+` +\S+ +the broker is slow\n$`,
		"switch", "set", "courier.queue", "off", "--reason", "the broker is slow")
	h.ok(`(?m)^courier\.queue +off +on +1 +`+when+` +\S+ +the broker is slow$`, "switch", "list")
	if _, errs, status := h.run("switch", "set", "courier.queue", "on", "--reason", "x", "--if-match", "7"); status != statusFault || !strings.Contains(errs, "VERSION_CONFLICT") {
		t.Errorf("status %d, %s", status, errs)
	}
	h.ok(`(?m)^stands +on$`, "switch", "undo", "courier.queue")
	h.ok(`(?m)^2 +on +.* undo\n1 +off `, "switch", "show", "courier.queue")
	h.ok(`(?s)stands +on.*Nobody ever turned it\.`, "switch", "undo", "courier.direct")
	for args, want := range map[string]string{
		"switch show courier.pigeon":              "SWITCH_NOT_FOUND",
		"switch set courier.pigeon on --reason x": "SWITCH_NOT_FOUND",
		"switch set courier.queue no --reason x":  "must be one of",
		"switch set courier.queue on":             "missing flags: --reason",
	} {
		if _, errs, status := h.run(strings.Fields(args)...); status == statusOK || !strings.Contains(errs, want) {
			t.Errorf("%s: status %d, %s", args, status, errs)
		}
	}
}
