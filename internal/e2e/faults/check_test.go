package faults

import (
	"bytes"
	"os/exec"
	"strings"
	"testing"

	"github.com/greenroomlive/greenroom/internal/e2e/harness"
)

// TestNoAnswerLies lets `greenroom bench --check` loose on a running server for a moment. That it can find lies is
// proven in bench/proof; a hundred million reads are for an evening.
func TestNoAnswerLies(t *testing.T) {
	check := exec.CommandContext(t.Context(), harness.Binary(), "bench", "--check", "--reads", "500000", "--for", "1m", "--rooms", "2000", "--dir", t.TempDir())
	var out, told bytes.Buffer
	check.Stdout, check.Stderr = &out, &told
	if err := check.Run(); err != nil || !strings.Contains(out.String(), "violations        0\n") {
		t.Errorf("%v\n%s\n%s", err, out.String(), told.String())
	}
	t.Log(out.String())
}
