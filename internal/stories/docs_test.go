package stories

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

const root = "../.."

var (
	link     = regexp.MustCompile(`\]\(([^)#\s]+)(?:#[^)]*)?\)|(?:src|srcset|href)="([^"#]+)"`)
	codePath = regexp.MustCompile("`((?:internal|api|client|cmd|deploy|docs|testdata)/[\\w./-]+)`")
	testName = regexp.MustCompile("`((?:Test|Fuzz)[A-Z]\\w+)`")
	declared = regexp.MustCompile(`(?m)^func ((?:Test|Fuzz)\w+)\(`)
	fenced   = regexp.MustCompile("(?s)```.*?```")
)

// A document that names what is not there is worse than none.
func TestDocsPointAtWhatExists(t *testing.T) {
	tests := declaredTests(t)
	for _, doc := range documents(t) {
		raw, err := os.ReadFile(filepath.Join(root, doc))
		if err != nil {
			t.Fatal(err)
		}
		text := fenced.ReplaceAllString(string(raw), "")
		for _, m := range link.FindAllStringSubmatch(text, -1) {
			target := m[1] + m[2]
			if strings.Contains(target, "://") || strings.HasPrefix(target, "mailto:") {
				continue
			}
			if _, err := os.Stat(filepath.Join(root, filepath.Dir(doc), target)); err != nil {
				t.Errorf("%s links to %s, which is not there", doc, target)
			}
		}
		for _, m := range codePath.FindAllStringSubmatch(text, -1) {
			if _, err := os.Stat(filepath.Join(root, m[1])); err != nil {
				t.Errorf("%s names %s, which is not there", doc, m[1])
			}
		}
		for _, m := range testName.FindAllStringSubmatch(text, -1) {
			if !tests[m[1]] {
				t.Errorf("%s names the test %s, which is not there", doc, m[1])
			}
		}
	}
}

// documents are the Markdown files, but for those of other people's code.
func documents(t *testing.T) []string {
	t.Helper()
	out, err := filepath.Glob(filepath.Join(root, "*.md"))
	if err != nil {
		t.Fatal(err)
	}
	for i := range out {
		out[i] = filepath.Base(out[i])
	}
	walk(t, "docs", func(path string) {
		if strings.HasSuffix(path, ".md") {
			out = append(out, path)
		}
	})
	if len(out) < 2 {
		t.Fatal("there are no documents to check")
	}
	return out
}

func declaredTests(t *testing.T) map[string]bool {
	t.Helper()
	out := map[string]bool{}
	for _, dir := range []string{"internal", "client", "deploy", "api"} {
		walk(t, dir, func(path string) {
			if !strings.HasSuffix(path, "_test.go") {
				return
			}
			text, err := os.ReadFile(filepath.Join(root, path))
			if err != nil {
				t.Fatal(err)
			}
			for _, m := range declared.FindAllStringSubmatch(string(text), -1) {
				out[m[1]] = true
			}
		})
	}
	return out
}

// walk visits the files below a folder of the repository, by their paths in it.
func walk(t *testing.T, dir string, visit func(path string)) {
	t.Helper()
	err := fs.WalkDir(os.DirFS(root), dir, func(path string, d fs.DirEntry, err error) error {
		if err == nil && !d.IsDir() {
			visit(path)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}
