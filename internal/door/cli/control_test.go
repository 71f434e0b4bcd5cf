package cli

import (
	"strings"
	"testing"
)

func TestControl(t *testing.T) {
	h := open(t)
	id := h.room()
	h.ok(`^Nothing is in force in any such room.\n$`, "control", "list")
	h.ok(`session \d+`, "room", "start", id)
	h.ok(`(?s)dry run +nothing was changed\nwould end +session \d+\nviewers +unknown: .*\nviewers see +LOCKED: a raid\n.*LOCKED`, "control", "lock", id, "--reason", "a raid", "--dry-run")
	h.ok(`^Nothing is in force.\n$`, "control", "show", id)
	h.ok(`(?m)^viewers see +WARNED: language$`, "control", "warn", id, "--reason", "language", "--for", "30m")
	h.ok(`(?m)^HIDDEN +`+when+` +- +ops +spam +seen by two$`, "control", "hide", id, "--reason", "spam", "--note", "seen by two")
	h.ok(`(?m)^viewers see +HIDDEN: spam$`, "control", "cut", id, "--reason", "nudity")
	h.ok(`(?m)^LOCKED +`+when+` +`+when+` +ops +a raid +-$`, "control", "lock", id, "--reason", "a raid", "--until", "2099-01-01T00:00:00Z")
	h.ok(`^ID +STATE +UNTIL +REASON +TITLE\n`+id+` +LOCKED +`+when+` +a raid +Late night\n$`, "control", "list", "--state", "LOCKED")
	for _, level := range []string{"unlock", "uncut", "unhide"} {
		h.ok(`(?m)^viewers see `, "control", level, id)
	}
	h.ok(`"foresight":\{"would_end_session":false,"session_id":"0","control":\{"state":"NORMAL"`, "--json", "control", "unwarn", id, "--dry-run")
	h.ok(`(?m)^viewers see +NORMAL\n`, "control", "unwarn", id)
	if _, errs, status := h.run("control", "warn", id, "--reason", "r", "--for", "90s"); status != statusUsage || !strings.Contains(errs, "whole minutes") {
		t.Errorf("90 seconds: status %d, %s", status, errs)
	}
	if _, errs, status := h.run("control", "unlock", id, "--if-match", "1"); status != statusFault || !strings.Contains(errs, "VERSION_CONFLICT") {
		t.Errorf("a version that is gone: status %d, %s", status, errs)
	}
}
