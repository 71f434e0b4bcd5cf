package law

import (
	"go/ast"
	"slices"
	"strings"
	"testing"
)

// never is one sentence of the import law: nothing below from reaches anything below to, not even through
// others. Tests may import more than what they test does.
type never struct {
	from, to []string
	except   []string // what from may reach all the same
	why      string
}

var importLaw = []never{
	{
		from: []string{"internal/core"}, to: []string{"api", "client", "cmd", "deploy", "internal"}, except: []string{"internal/core"},
		why: "core says what is true; whoever reads it must not need to know anything else",
	},
	{
		from: []string{"internal/flow/command"}, to: []string{"internal/flow/query", "internal/flow/feed", "internal/flow/project", "internal/flow/relay"},
		why: "a command never reads a view and never waits for one: views are late by nature, and a decision on a late view is wrong",
	},
	{
		from: []string{"internal/flow/relay"}, to: []string{"internal/flow/command", "internal/flow/query", "internal/flow/feed", "internal/flow/project"},
		why: "the relay carries what was committed and knows neither who decided nor who reads",
	},
	{
		from: []string{"internal/flow/project"}, to: []string{"internal/flow/command", "internal/flow/relay", "internal/core/room"},
		why: "a projector copies what was decided; with the write types at hand it would soon decide itself",
	},
	{
		from: []string{"internal/flow/query", "internal/flow/search", "internal/flow/feed", "internal/door/queryapi"},
		to:   []string{"internal/flow/command", "internal/flow/relay", "internal/flow/project", "internal/core/room", "internal/adapter"},
		why:  "the viewers' side cannot write, by construction: no type of it can",
	},
	{
		from: []string{"internal/adapter"}, to: []string{"internal/door", "internal/app", "internal/watch"},
		why: "an adapter serves a port; who comes through the doors is not its business",
	},
	{
		from: []string{"internal/door", "internal/flow", "internal/watch", "internal/wire", "internal/guard"}, to: []string{"internal/adapter", "internal/app"},
		why: "which technology answers a port is chosen in internal/app, and nowhere else",
	},
	{
		from: []string{"internal/watch"}, to: []string{"internal/door"},
		why: "the desk tells what it knows to whichever door asks",
	},
	{
		from: []string{"client"}, to: []string{"internal", "cmd", "deploy"},
		why: "the SDK is public: what it needs from inside, its users cannot have",
	},
	{
		from: []string{"internal/e2e", "internal/stage", "internal/demo"}, to: []string{"internal/app", "internal/flow", "internal/adapter", "internal/core", "internal/door"},
		why: "end-to-end tests see what users see: the binary, its ports and the public client",
	},
	{
		from: []string{"cmd/greenroom"}, to: []string{"outside/testing", "internal/adapter/memory", "internal/adapter/adaptertest", "internal/e2e", "internal/demo", "internal/docgen"},
		why: "what serves viewers carries no test code, and no flags of it",
	},
}

func TestImportLaw(t *testing.T) {
	for _, law := range importLaw {
		matched := false
		for _, p := range house(t) {
			if !underAny(p.path(), law.from) {
				continue
			}
			matched = true
			forbidden := func(path string) bool { return underAny(path, law.to) && !underAny(path, law.except) }
			if way := reach(t, p, forbidden); way != nil {
				refuse(t, law.why, "%s", strings.Join(way, " → "))
			}
		}
		if !matched && law.from[0] != "internal/guard" {
			t.Errorf("no package lives below %v: the law speaks of nobody", law.from)
		}
	}
}

// reach finds the shortest way of imports from p to a forbidden package.
func reach(t *testing.T, p *pkg, forbidden func(path string) bool) []string {
	t.Helper()
	byPath := map[string]*pkg{}
	for _, q := range house(t) {
		byPath[q.path()] = q
	}
	ways := [][]string{{p.path()}}
	seen := map[string]bool{p.path(): true}
	for len(ways) > 0 {
		way := ways[0]
		ways = ways[1:]
		from, ours := byPath[way[len(way)-1]]
		if !ours {
			continue
		}
		for _, imported := range from.Imports {
			to := inside(imported)
			if seen[to] {
				continue
			}
			seen[to] = true
			on := append(slices.Clone(way), to)
			if forbidden(to) {
				return on
			}
			ways = append(ways, on)
		}
	}
	// Inside others' modules only the end of the way is known.
	for _, dep := range p.Deps {
		if to := inside(dep); forbidden(to) && !seen[to] {
			return []string{p.path(), "…", to}
		}
	}
	return nil
}

// Neighbours of these folders do not know each other.
func TestNeighbours(t *testing.T) {
	for _, row := range []struct {
		dir    string
		except []string
		why    string
	}{
		{"internal/adapter", nil, "an adapter that leans on another cannot be replaced alone"},
		{"internal/door", []string{"internal/door/auth"}, "doors are split by side; what two of them share belongs behind them"},
	} {
		for _, p := range house(t) {
			if !under(p.path(), row.dir) || under(p.path(), "internal/adapter/adaptertest") {
				continue
			}
			own := neighbour(p.path(), row.dir)
			if way := reach(t, p, func(path string) bool {
				return under(path, row.dir) && neighbour(path, row.dir) != own && !underAny(path, row.except)
			}); way != nil {
				refuse(t, row.why, "%s", strings.Join(way, " → "))
			}
		}
	}
}

// neighbour is the folder right below dir that the path lies in.
func neighbour(path, dir string) string {
	name, _, _ := strings.Cut(strings.TrimPrefix(path, dir+"/"), "/")
	return name
}

// Who may import an adapter: the one place that chooses, and what measures or judges it.
func TestOnlyAppChoosesAdapters(t *testing.T) {
	const why = "which technology answers a port is chosen in internal/app, and nowhere else; tests take adapter/memory"
	choosers := []string{"internal/app", "internal/bench", "internal/adapter", "internal/law"}
	forTests := []string{"internal/adapter/memory", "internal/adapter/adaptertest"}
	for _, p := range house(t) {
		if underAny(p.path(), choosers) {
			continue
		}
		for _, imported := range p.Imports {
			if under(inside(imported), "internal/adapter") {
				refuse(t, why, "%s imports %s", p.path(), inside(imported))
			}
		}
		for _, imported := range slices.Concat(p.TestImports, p.XTestImports) {
			if path := inside(imported); under(path, "internal/adapter") && !underAny(path, forTests) {
				refuse(t, why, "the tests of %s import %s", p.path(), path)
			}
		}
	}
}

// core is pure: no libraries, and of the standard one nothing that waits, reads or guesses.
func TestCoreIsPure(t *testing.T) {
	impure := []string{"context", "os", "net", "net/http", "io/fs", "log", "log/slog", "math/rand", "math/rand/v2", "crypto/rand", "database/sql", "testing"}
	clocks := []string{"Now", "Since", "Until", "After", "AfterFunc", "Sleep", "NewTimer", "NewTicker", "Tick"}
	for _, f := range files(t) {
		if f.test || !under(f.pkg.path(), "internal/core") {
			continue
		}
		for _, s := range f.ast.Imports {
			path := strings.Trim(s.Path.Value, `"`)
			first, _, _ := strings.Cut(path, "/")
			if strings.Contains(first, ".") && !under(inside(path), "internal/core") {
				refuse(t, "core needs the standard library only, so that its truth has no version", "%s imports %s", f.name, path)
			}
			if slices.Contains(impure, path) {
				refuse(t, "core decides the same from the same parameters, always", "%s imports %s", f.name, path)
			}
		}
		f.calls(func(call *ast.CallExpr, left, name string) {
			if left == "time" && slices.Contains(clocks, name) {
				refuse(t, "the time is a parameter: a decision can then be told and tested at any moment", "%s:%d calls time.%s", f.name, line(call), name)
			}
		})
	}
}
