package app

import (
	"strings"
	"testing"
)

func TestAMistypedL2IsRefused(t *testing.T) {
	for addr, says := range map[string]string{"127.0.0.1:6379": "", "[::1]:6379": "", "redis": "missing port", "::1": "too many colons"} {
		err := (&Dev{Viewers: Viewers{L2Redis: []string{"redis.example:6379", addr}}}).Validate()
		if (err != nil) != (says != "") || err != nil && !strings.Contains(err.Error(), says) {
			t.Errorf("%s: %v, want %q", addr, err, says)
		}
	}
}
