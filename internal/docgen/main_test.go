package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

var root = filepath.Join("..", "..")

// What is checked in is what the code says today.
func TestReferenceIsCurrent(t *testing.T) {
	dir := t.TempDir()
	if err := writeAll(dir); err != nil {
		t.Fatal(err)
	}
	for _, p := range pages {
		want, err := os.ReadFile(filepath.Join(dir, p.file))
		if err != nil {
			t.Fatal(err)
		}
		got, err := os.ReadFile(filepath.Join(root, "docs", "reference", p.file))
		if err != nil {
			t.Errorf("%v: run `make generate`", err)
		} else if string(got) != string(want) {
			t.Errorf("docs/reference/%s is not what the code says: run `make generate`", p.file)
		}
	}
}

// The viewers' paths stand in the router; the first word after the version is enough to find them there.
func TestReadsAreRouted(t *testing.T) {
	router, err := os.ReadFile(filepath.Join(root, "internal", "door", "queryapi", "route.go"))
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range reads {
		path, _, _ := strings.Cut(r[1], "?")
		path, _, _ = strings.Cut(path, "{")
		if !strings.Contains(string(router), `"`+path+`"`) {
			t.Errorf("route.go does not know %s", path)
		}
	}
}
