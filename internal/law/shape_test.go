package law

import (
	"go/ast"
	"slices"
	"testing"
)

// The budget of ARCHITECTURE.md. A file is one story, a function one thought.
const (
	fileLines     = 400 // nine files of ten
	functionLines = 40  // nine functions of ten
	functionMost  = 80  // every function but the tables of cases that tests are
)

func TestSizes(t *testing.T) {
	all := files(t)
	if got := percentile90(all, func(f *file) int { return f.lines }); got > fileLines {
		refuse(t, "a reader keeps one story in mind, not two", "one file of ten is longer than %d lines (at most %d)", got, fileLines)
	}
	var heights []int
	for _, f := range all {
		for _, d := range f.ast.Decls {
			fn, ok := d.(*ast.FuncDecl)
			if !ok {
				continue
			}
			heights = append(heights, height(fn))
			if got := height(fn); got > functionMost && !f.test {
				refuse(t, "what does not fit on a screen is not read, it is believed", "%s:%d %s takes %d lines (at most %d)", f.name, line(fn), fn.Name.Name, got, functionMost)
			}
		}
	}
	if got := percentile90(heights, func(n int) int { return n }); got > functionLines {
		refuse(t, "a function is one thought", "one function of ten is longer than %d lines (at most %d)", got, functionLines)
	}
}

func TestEveryPackageSaysWhatItIs(t *testing.T) {
	documented := map[*pkg]bool{}
	for _, f := range files(t) {
		documented[f.pkg] = documented[f.pkg] || f.ast.Doc != nil
	}
	for p, ok := range documented {
		if !ok {
			refuse(t, "its guarantees, order, lifecycle and failures are told nowhere else", "%s has no package comment", p.path())
		}
	}
}

func TestNames(t *testing.T) {
	for _, p := range house(t) {
		if slices.Contains([]string{"util", "utils", "common", "helper", "helpers", "manager", "service", "services", "types", "base", "misc"}, p.Name) {
			refuse(t, "the name says nothing, so everything ends up in it", "%s is a package %s", p.path(), p.Name)
		}
	}
}

func TestNoInit(t *testing.T) {
	for _, f := range files(t) {
		for _, d := range f.ast.Decls {
			if fn, ok := d.(*ast.FuncDecl); ok && fn.Recv == nil && fn.Name.Name == "init" {
				refuse(t, "an import must not do anything: main says what happens, in order", "%s:%d has an init", f.name, line(fn))
			}
		}
	}
}

// Locks, atomics and channels at package level are state that every test and every process would share.
func TestNoGlobalState(t *testing.T) {
	for _, f := range files(t) {
		if f.test {
			continue
		}
		for _, d := range f.ast.Decls {
			g, ok := d.(*ast.GenDecl)
			if !ok {
				continue
			}
			for _, s := range g.Specs {
				if v, ok := s.(*ast.ValueSpec); ok && v.Type != nil && stateful(v.Type) {
					refuse(t, "nothing is global but errors and registries", "%s:%d %s holds state", f.name, line(v), v.Names[0].Name)
				}
			}
		}
	}
}

func stateful(typ ast.Expr) bool {
	switch x := typ.(type) {
	case *ast.ChanType:
		return true
	case *ast.StarExpr:
		return stateful(x.X)
	case *ast.IndexExpr:
		return stateful(x.X)
	case *ast.SelectorExpr:
		from, ok := x.X.(*ast.Ident)
		return ok && (from.Name == "atomic" || from.Name == "sync" && x.Sel.Name != "Pool") // a pool forgets
	}
	return false
}
