package queryapi_test

import (
	"os/exec"
	"strings"
	"testing"
)

// The viewers' side cannot write because it cannot name what writes.
func TestTheViewersDoorCannotReachAWriteType(t *testing.T) {
	const module = "github.com/greenroomlive/greenroom/internal/"
	out, err := exec.Command("go", "list", "-deps", module+"door/queryapi", module+"flow/query", module+"flow/feed").CombinedOutput()
	if err != nil {
		t.Fatalf("go list: %v\n%s", err, out)
	}
	for _, dep := range strings.Fields(string(out)) {
		inside, ours := strings.CutPrefix(dep, module)
		if !ours {
			continue
		}
		for _, forbidden := range []string{"core/room", "core/ownership", "flow/command", "flow/relay", "flow/project", "adapter/"} {
			if strings.HasPrefix(inside, forbidden) {
				t.Errorf("%s is reachable: reads and writes share no code path, so that neither can slow or break the other", dep)
			}
		}
	}
}
