package cli

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestPeople(t *testing.T) {
	h := open(t)
	id := h.room()
	h.ok(`^There is nobody.\n$`, "people", "list", id)
	file := filepath.Join(t.TempDir(), "raid.txt")
	if err := os.WriteFile(file, []byte(" 30 \n\n40\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	h.ok(`^version +2\ndone +3\nalready so +0\nrefused +0\n$`, "people", "mute", id, "20", "--file", file, "--reason", "a raid")
	h.ok(`(?m)^30 +VIEWER +- +until it is lifted: a raid +-$`, "people", "list", id, "--kind", "MUTED")
	h.ok(`(?m)^dry run +nothing was changed\nversion +2$`, "people", "unmute", id, "20", "--dry-run")
	h.ok(`"outcomes":\[\{"user_id":"20","result":"DONE"`, "--json", "people", "unmute", id, "20")
	h.ok(`(?m)^done +1$`, "people", "ban", "platform", "666", "--reason", "fraud", "--for", "24h")
	h.ok(`(?m)^666 +VIEWER +- +- +until `+when+`: fraud$`, "people", "list", "platform")
	for want, args := range map[string][]string{
		"no users":             {"people", "mute", id},
		"a room's id":          {"people", "mute", "studio", "1"},
		"whole minutes":        {"people", "mute", id, "1", "--for", "90s"},
		"line 1 is no user id": {"people", "mute", id, "--file", os.Args[0]},
		"until":                {"people", "mute", id, "1", "--for", "1m", "--until", "2099-01-01T00:00:00Z"},
	} {
		if _, errs, status := h.run(args...); status == statusOK || !strings.Contains(errs, want) {
			t.Errorf("%q: status %d, %s", args, status, errs)
		}
	}
}

func TestRules(t *testing.T) {
	h := open(t)
	id := h.room()
	h.ok(`(?m)^version +0\nslow mode +0s$`, "rules", "show", id)
	h.ok(`(?s)slow mode +1m0s\n.*members only +true`, "rules", "set", id, "--slow-mode", "1m", "--members-only")
	h.ok(`(?s)slow mode +1m0s\n.*members only +false`, "rules", "set", id, "--no-members-only")
	h.ok(`(?m)^blocked terms +a, b$`, "rules", "terms", "add", id, "b", "a")
	h.ok(`(?m)^blocked terms +b$`, "rules", "terms", "remove", id, "a")
	file := filepath.Join(t.TempDir(), "rules.json")
	if err := os.WriteFile(file, []byte(`{"emote_only":true}`), 0o600); err != nil {
		t.Fatal(err)
	}
	h.ok(`(?s)slow mode +0s\n.*emote only +true\nblocked terms +-`, "rules", "set", "platform", "--file", file)
	h.ok(`"version":"5"`, "--json", "rules", "show", id)
}
