package app

import (
	"log/slog"
	"testing"
)

// TestAnyProcessTellsOfItsCommits: xroom beside watch connects to the broker before it has room_b, and takes commands.
func TestAnyProcessTellsOfItsCommits(t *testing.T) {
	var e fleet
	log := slog.New(slog.DiscardHandler)
	defer e.close(log)
	if err := e.openBus(&Serve{NATS: []string{"nats://127.0.0.1:1"}}, "me", newMetrics(), log); err != nil {
		t.Fatal(err)
	}
	e.commits.Tell()
}
