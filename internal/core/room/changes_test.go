package room_test

import (
	"os"
	"strings"
	"testing"

	"github.com/greenroomlive/greenroom/internal/core/ownership"
)

// untold are columns of which the audit log says nothing, with the reason.
var untold = map[string]string{
	"id":         "it names the row",
	"room_id":    "the entry's room",
	"updated_at": "the entry's time",
	"due_at":     "follows from the others",
	"hash":       "a secret",
	"user_id":    "it names the row",
	"role":       "the person's content has it",
	"muted":      "the person's content has it",
	"banned":     "the person's content has it",
}

// TestTheAuditLogKnowsEveryColumn: a column without a line in changes.go would change unseen.
func TestTheAuditLogKnowsEveryColumn(t *testing.T) {
	source, err := os.ReadFile("changes.go")
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range ownership.Table {
		told := strings.Contains(string(source), `("`+c.Name+`", `)
		if c.Secret && told {
			t.Errorf("%s.%s is a secret, and told", c.Entity, c.Name)
		}
		if why := untold[c.Name]; c.Side == ownership.B && !told && why == "" {
			t.Errorf("%s.%s is not in the audit log: give its aggregate's Changes a line, or say here why not", c.Entity, c.Name)
		}
	}
}
