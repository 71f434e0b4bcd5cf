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

	"github.com/greenroomlive/greenroom/internal/core/event"
	"github.com/greenroomlive/greenroom/internal/flow/station"
)

func publicOf(key ed25519.PrivateKey) ed25519.PublicKey { return key.Public().(ed25519.PublicKey) }

func TestExplainTellsTheWayInOrder(t *testing.T) {
	for name, tells := range map[string]struct{ first, last []string }{
		"go-live": {
			[]string{
				"A broadcaster goes live, and viewers see it.\n", "command  GoLive", "internal/core/room/live.go", "event    WentLive: A session began.", "golive.txtar",
				"1. accepted", "Anchor.GoLive",
			},
			[]string{"LiveInterrupted", "LiveResumed", "LiveEnded", "git grep -w WentLive", "greenroom trace room"},
		},
		"lock": {
			[]string{
				"Staff locks a room", "command  Lock", "internal/core/room/control.go", "event    RoomLocked: ", "control.txtar",
				"1. accepted", "Control.Intervene",
			},
			[]string{
				"media server", "1. ended", "Room.EndBy", "2. nudged", "Poller.Nudge", "3. dropped", "Poller.Poll", "4. refused", "Room.MustBeFree",
				"RoomWarned", "RoomUnlocked", "git grep -w RoomLocked",
			},
		},
	} {
		t.Run(name, func(t *testing.T) {
			var out, errs bytes.Buffer
			if status := run(t.Context(), []string{"explain", name}, &out, &errs); status != statusOK {
				t.Fatal(errs.String())
			}
			words := tells.first
			for i, stop := range station.Corridor {
				if i > 0 { // the first is the story's own
					words = append(words, string(stop.Station), stop.Package, stop.Symbol)
				}
				words = append(words, stop.Does, stop.Metric)
			}
			inOrder(t, out.String(), append(words, tells.last...))
		})
	}
}

func inOrder(t *testing.T, text string, words []string) {
	t.Helper()
	rest := text
	for _, w := range words {
		_, after, found := strings.Cut(rest, w)
		if !found {
			t.Fatalf("%q is missing, or stands too early, in:\n%s", w, text)
		}
		rest = after
	}
}

// A map that names what is not there is worse than none.
func TestExplainNamesCodeThatExists(t *testing.T) {
	root := filepath.Join("..", "..", "..")
	for name, s := range stories {
		entrance := station.Corridor[0]
		entrance.Symbol = s.entrance
		for _, stop := range append([]station.Stop{entrance}, s.beside...) {
			exists(t, root, stop)
		}
		if _, err := os.Stat(filepath.Join(root, s.script)); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	for _, stop := range station.Corridor {
		exists(t, root, stop)
	}
	for _, e := range event.Registry {
		if _, err := os.Stat(filepath.Join(root, e.Story)); err != nil {
			t.Errorf("%s: %v", e.Type, err)
		}
	}
}

func exists(t *testing.T, root string, stop station.Stop) {
	t.Helper()
	receiver, method, _ := strings.Cut(stop.Symbol, ".")
	files, err := filepath.Glob(filepath.Join(root, stop.Package, "*.go"))
	if err != nil || len(files) == 0 {
		t.Errorf("%s: there is no package %s", stop.Station, stop.Package)
		return
	}
	if !declares(t, files, receiver, method) {
		t.Errorf("%s: %s has no %s", stop.Station, stop.Package, stop.Symbol)
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
