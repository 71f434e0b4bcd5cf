package law

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"go/ast"
	"go/parser"
	"go/token"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
)

const (
	module = "github.com/greenroomlive/greenroom"
	root   = "../.."
)

// pkg is a package of the module as `go list` tells it, under its path inside the module.
type pkg struct {
	ImportPath, Name, Dir              string
	Imports, Deps                      []string
	TestImports, XTestImports          []string
	GoFiles, TestGoFiles, XTestGoFiles []string
}

// path is the import path below the module: internal/core/room.
func (p *pkg) path() string { return inside(p.ImportPath) }

// generated packages are buf's business.
func (p *pkg) generated() bool { return under(p.path(), "api/gen") }

// inside is an import path below the module; what is not ours stands below outside/.
func inside(importPath string) string {
	if path, ours := strings.CutPrefix(importPath, module+"/"); ours {
		return path
	}
	return "outside/" + importPath
}

// under reports whether path is dir or below it.
func under(path, dir string) bool { return path == dir || strings.HasPrefix(path, dir+"/") }

func underAny(path string, dirs []string) bool {
	return slices.ContainsFunc(dirs, func(d string) bool { return under(path, d) })
}

// packages are all packages of the module, asked once.
var packages = sync.OnceValues(func() ([]*pkg, error) {
	list := exec.Command("go", "list", "-e", "-json", "./...")
	list.Dir = root
	list.Stderr = os.Stderr
	out, err := list.Output()
	if err != nil {
		return nil, err
	}
	var all []*pkg
	for decoder := json.NewDecoder(bytes.NewReader(out)); ; {
		p := &pkg{}
		if err := decoder.Decode(p); errors.Is(err, io.EOF) {
			return all, nil
		} else if err != nil {
			return nil, err
		}
		all = append(all, p)
	}
})

func house(t *testing.T) []*pkg {
	t.Helper()
	all, err := packages()
	if err != nil {
		t.Fatal(err)
	}
	if len(all) < 20 {
		t.Fatalf("only %d packages: the law looks at the wrong folder", len(all))
	}
	return all
}

// file is a parsed Go file that people wrote.
type file struct {
	pkg   *pkg
	name  string // from the root: internal/core/room/live.go
	test  bool
	ast   *ast.File
	lines int
}

var fileSet = token.NewFileSet()

var parsed = sync.OnceValues(func() ([]*file, error) {
	all, err := packages()
	if err != nil {
		return nil, err
	}
	var out []*file
	for _, p := range all {
		if p.generated() {
			continue
		}
		for _, name := range slices.Concat(p.GoFiles, p.TestGoFiles, p.XTestGoFiles) {
			tree, err := parser.ParseFile(fileSet, filepath.Join(p.Dir, name), nil, parser.ParseComments|parser.SkipObjectResolution)
			if err != nil {
				return nil, err
			}
			out = append(out, &file{
				pkg: p, name: p.path() + "/" + name, test: strings.HasSuffix(name, "_test.go"), ast: tree,
				lines: fileSet.File(tree.Pos()).LineCount(),
			})
		}
	}
	return out, nil
})

func files(t *testing.T) []*file {
	t.Helper()
	house(t)
	all, err := parsed()
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// line is where a node stands.
func line(n ast.Node) int { return fileSet.Position(n.Pos()).Line }

// height is how many lines a node takes.
func height(n ast.Node) int { return fileSet.Position(n.End()).Line - line(n) + 1 }

// imports reports whether the file imports the package.
func (f *file) imports(path string) bool {
	return slices.ContainsFunc(f.ast.Imports, func(s *ast.ImportSpec) bool { return strings.Trim(s.Path.Value, `"`) == path })
}

// calls visits every call of a selector, as in time.Now(): left is the last name before the dot.
func (f *file) calls(visit func(call *ast.CallExpr, left, name string)) {
	ast.Inspect(f.ast, func(n ast.Node) bool {
		call, ok := n.(*ast.CallExpr)
		if !ok {
			return true
		}
		if s, ok := call.Fun.(*ast.SelectorExpr); ok {
			switch x := s.X.(type) {
			case *ast.Ident:
				visit(call, x.Name, s.Sel.Name)
			case *ast.SelectorExpr:
				visit(call, x.Sel.Name, s.Sel.Name)
			}
		}
		return true
	})
}

// refuse fails the test and says why the house does not want what was found.
func refuse(t *testing.T, why, format string, args ...any) {
	t.Helper()
	t.Errorf(format+"\n\twhy not: "+why, args...)
}

// percentile90 is the smallest value that at least nine of ten do not exceed.
func percentile90[T any](all []T, size func(T) int) int {
	sorted := slices.SortedFunc(slices.Values(all), func(a, b T) int { return cmp.Compare(size(a), size(b)) })
	return size(sorted[(len(sorted)*9+9)/10-1])
}
