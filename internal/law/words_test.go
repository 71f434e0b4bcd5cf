package law

import (
	"bytes"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"unicode/utf8"
)

// somebodysPath is an absolute path of one machine: a home, a checkout, or what lies beside the checkout.
var somebodysPath = regexp.MustCompile("(^|[\\s\"'`=(:])(/(work|home|Users|root)/[\\w.-]|\\.\\./shared/)")

func TestNoPathsOfOneMachine(t *testing.T) {
	looked := 0
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		name, err := filepath.Rel(root, path)
		if err != nil {
			return err
		}
		if d.IsDir() {
			if underAny(filepath.ToSlash(name), []string{".git", "bin", "greenroom-data", "fleet", "api/third_party", "testdata/tmp"}) {
				return fs.SkipDir
			}
			return nil
		}
		if name == ".git" {
			return nil // a linked work tree has a file there
		}
		text, err := os.ReadFile(path)
		if err != nil || !utf8.Valid(text) || bytes.IndexByte(text, 0) >= 0 {
			return err
		}
		looked++
		for i, l := range strings.Split(string(text), "\n") {
			if found := somebodysPath.FindString(l); found != "" && !strings.Contains(l, "somebodysPath =") {
				refuse(t, "it means nothing on another machine", "%s:%d says %s…", name, i+1, strings.TrimSpace(found))
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if looked < 100 {
		t.Errorf("only %d files were read", looked)
	}
}
