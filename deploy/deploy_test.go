// Package deploy_test holds what is below deploy/ against the command line: a variable or a key that no flag reads
// would be passed over in silence by whoever deploys.
package deploy_test

import (
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/alecthomas/kong"
	"go.yaml.in/yaml/v3"

	"github.com/greenroomlive/greenroom/internal/app"
	"github.com/greenroomlive/greenroom/internal/door/cli"
)

// flags are those of `greenroom serve` and of all commands, by name, and the variables that set them.
func flags(t *testing.T) (names, variables map[string]bool) {
	t.Helper()
	model, err := cli.Model(app.Commands())
	if err != nil {
		t.Fatal(err)
	}
	names, variables = map[string]bool{}, map[string]bool{}
	add := func(all []*kong.Flag) {
		for _, f := range all {
			names[f.Name] = true
			for _, e := range f.Envs {
				variables[e] = true
			}
		}
	}
	add(model.Flags)
	for _, command := range model.Children {
		if command.Name == "serve" || command.Name == "migrate" {
			add(command.Flags)
		}
	}
	return names, variables
}

var variable = regexp.MustCompile(`\bGREENROOM_[A-Z0-9_]*[A-Z0-9]`)

func TestEveryVariableIsAFlag(t *testing.T) {
	_, known := flags(t)
	met := map[string]bool{}
	err := filepath.WalkDir(".", func(path string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() || underOthers(path) {
			return err
		}
		text, err := os.ReadFile(path)
		for _, name := range variable.FindAllString(string(text), -1) {
			met[name] = true
			if !known[name] {
				t.Errorf("%s sets %s, which no flag of serve reads", path, name)
			}
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(met) < 15 {
		t.Errorf("only %v were met", slices.Sorted(maps.Keys(met)))
	}
}

// underOthers are the configurations of media servers, with variables of their own, and this test.
func underOthers(path string) bool {
	return strings.HasPrefix(path, "mediaserver") || strings.HasSuffix(path, ".go")
}

func TestEveryKeyOfTheExamplesIsAFlag(t *testing.T) {
	known, _ := flags(t)
	examples, err := filepath.Glob("systemd/examples/*.yaml")
	if err != nil || len(examples) < 3 {
		t.Fatalf("%v, %v", examples, err)
	}
	for _, path := range examples {
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		var file struct{ Serve map[string]any }
		if err := yaml.Unmarshal(text, &file); err != nil || len(file.Serve) == 0 {
			t.Fatalf("%s: %v", path, err)
		}
		for key := range file.Serve {
			if !known[key] {
				t.Errorf("%s has %s, which is no flag of serve", path, key)
			}
		}
	}
}
