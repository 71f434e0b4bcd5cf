package law

import (
	"go/ast"
	"maps"
	"slices"
	"testing"
)

// starters are the packages that may start a goroutine outside internal/app and the suites of tests, each with the reason why it
// cannot be a Run(ctx) error that app starts.
var starters = map[string]string{
	"internal/adapter/natsbus":     "neither a broker's start nor a connection that is made again may hold up a caller",
	"internal/adapter/sqlitestore": "the committer lives as long as the open database, and ends in Close",
	"client":                       "a read asks a second node beside a slow one; both end with the call, the question after readiness within a second",
	"internal/door/commandapi":     "Run serves beside the wait for its context",
	"internal/door/forward":        "Run serves beside the wait for its context",
	"internal/door/queryapi":       "Run serves beside the wait for its context; a feed's writer lives as long as its connection",
	"internal/flow/query":          "a load belongs to nobody's request: the first reader who goes away must not fail the others",
	"internal/bench":               "a command that measures: its loads end with it",
	"internal/demo":                "a program of its own",
	"internal/e2e/harness":         "a helper of tests",
	"internal/stage":               "it waits for the programs it started",
}

func TestGoroutinesStartInApp(t *testing.T) {
	used := map[string]bool{}
	for _, f := range files(t) {
		if f.test || underAny(f.pkg.path(), []string{"internal/app", "internal/adapter/adaptertest"}) {
			continue
		}
		ast.Inspect(f.ast, func(n ast.Node) bool {
			if g, ok := n.(*ast.GoStmt); ok {
				used[f.pkg.path()] = true
				if starters[f.pkg.path()] == "" {
					refuse(t, "a goroutine that nobody waits for outlives a stop and hides its error: make it Run(ctx) error, and let internal/app start it", "%s:%d starts a goroutine", f.name, line(g))
				}
			}
			return true
		})
	}
	for _, path := range slices.Sorted(maps.Keys(starters)) {
		if !used[path] {
			t.Errorf("%s starts no goroutine any more: take it off the list", path)
		}
	}
}

// A view is written in one place, so that both couriers, catch-up and healing end there, idempotent by version.
func TestViewsAreWrittenInOnePlace(t *testing.T) {
	count := 0
	for _, f := range files(t) {
		if f.test {
			continue
		}
		f.calls(func(call *ast.CallExpr, left, name string) {
			if left != "views" || name != "Write" {
				return
			}
			count++
			if f.pkg.path() != "internal/flow/project" || count > 1 {
				refuse(t, "project.Apply is the only writer of a view: a second one would not know what the first has applied", "%s:%d writes views", f.name, line(call))
			}
		})
	}
	if count == 0 {
		t.Error("nobody writes views: the law looks for the wrong call")
	}
}

// An event leaves the B side by the relay only, after its commit.
func TestOnlyTheRelayPublishes(t *testing.T) {
	found := false
	for _, f := range files(t) {
		if f.test || under(f.pkg.path(), "internal/adapter") {
			continue
		}
		f.calls(func(call *ast.CallExpr, left, name string) {
			if left != "bus" && left != "Bus" || name != "Publish" {
				return
			}
			found = true
			if f.pkg.path() != "internal/flow/relay" {
				refuse(t, "what leaves without the relay leaves without order, and perhaps without a commit", "%s:%d publishes", f.name, line(call))
			}
		})
	}
	if !found {
		t.Error("nobody publishes: the law looks for the wrong call")
	}
}

// Time is waited for with a condition, or is synctest's.
func TestNoSleep(t *testing.T) {
	for _, f := range files(t) {
		// All of internal/sim runs in one bubble, which sim_test.go opens.
		if f.test && (f.imports("testing/synctest") || f.pkg.path() == "internal/sim") {
			continue
		}
		f.calls(func(call *ast.CallExpr, left, name string) {
			if left == "time" && name == "Sleep" {
				refuse(t, "a sleep is too short on a busy machine and too long on an idle one: wait for what it is about, or use testing/synctest", "%s:%d sleeps", f.name, line(call))
			}
		})
	}
}
