package cli

import (
	"bytes"
	"crypto/ed25519"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/greenroomlive/greenroom/internal/flow/station"
)

func publicOf(key ed25519.PrivateKey) ed25519.PublicKey { return key.Public().(ed25519.PublicKey) }

func TestExplainTellsTheWayInOrder(t *testing.T) {
	var out, errs bytes.Buffer
	if status := run(t.Context(), []string{"explain", "go-live"}, &out, &errs); status != statusOK {
		t.Fatal(errs.String())
	}
	rest := out.String()
	words := []string{
		"A broadcaster goes live, and viewers see it.\n", "command  GoLive", "internal/core/room/live.go", "event    WentLive: A session began.", "golive.txtar",
	}
	for _, stop := range station.Corridor {
		words = append(words, string(stop.Station), stop.Package, stop.Symbol, stop.Does, stop.Metric)
	}
	words = append(words, "LiveInterrupted", "LiveResumed", "LiveEnded", "git grep -w WentLive", "greenroom trace room")
	for _, w := range words {
		_, after, found := strings.Cut(rest, w)
		if !found {
			t.Fatalf("%q is missing, or stands too early, in:\n%s", w, out.String())
		}
		rest = after
	}
}

// A map that names what is not there is worse than none.
func TestExplainNamesCodeThatExists(t *testing.T) {
	root := filepath.Join("..", "..", "..")
	for _, stop := range station.Corridor {
		receiver, method, _ := strings.Cut(stop.Symbol, ".")
		files, err := filepath.Glob(filepath.Join(root, stop.Package, "*.go"))
		if err != nil || len(files) == 0 {
			t.Errorf("%s: there is no package %s", stop.Station, stop.Package)
			continue
		}
		if !declares(t, files, receiver, method) {
			t.Errorf("%s: %s has no %s", stop.Station, stop.Package, stop.Symbol)
		}
	}
	if _, err := os.Stat(filepath.Join(root, "internal/core/room/live.go")); err != nil {
		t.Error(err)
	}
}

func declares(t *testing.T, files []string, receiver, method string) bool {
	t.Helper()
	for _, file := range files {
		parsed, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		for _, d := range parsed.Decls {
			f, ok := d.(*ast.FuncDecl)
			if !ok || f.Recv == nil || f.Name.Name != method {
				continue
			}
			of := f.Recv.List[0].Type
			if star, ok := of.(*ast.StarExpr); ok {
				of = star.X
			}
			if name, ok := of.(*ast.Ident); ok && name.Name == receiver {
				return true
			}
		}
	}
	return false
}
