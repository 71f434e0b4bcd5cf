package console

import (
	"bytes"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"io/fs"
	"net/http"
	"path"
	"strings"
	"time"
)

//go:embed static
var staticFiles embed.FS

//go:embed templates/*.html
var templateFiles embed.FS

// assets serves the embedded files under addresses that hold the hash of their content: a
// browser keeps them for ever, and a new build is a new address.
type assets struct {
	byName map[string]asset
}

type asset struct {
	body []byte
	hash string
}

func loadAssets() (*assets, error) {
	a := &assets{byName: map[string]asset{}}
	err := fs.WalkDir(staticFiles, "static", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || strings.HasSuffix(name, ".md") {
			return err
		}
		body, err := staticFiles.ReadFile(name)
		if err != nil {
			return err
		}
		sum := sha256.Sum256(body)
		a.byName[strings.TrimPrefix(name, "static/")] = asset{body, hex.EncodeToString(sum[:8])}
		return nil
	})
	return a, err
}

// url is the address of a file; a name that does not exist is a mistake in a template and shows as a 404.
func (a *assets) url(name string) string {
	return "/console/static/" + a.byName[name].hash + "/" + name
}

func (a *assets) serve(w http.ResponseWriter, r *http.Request) error {
	name := r.PathValue("name")
	found, ok := a.byName[name]
	if !ok || r.PathValue("hash") != found.hash {
		return notFound()
	}
	h := w.Header()
	h.Del("Vary")
	h.Set("Cache-Control", "public, max-age=31536000, immutable")
	h.Set("ETag", `"`+found.hash+`"`)
	h.Set("Content-Type", contentType(name))
	http.ServeContent(w, r, name, time.Time{}, bytes.NewReader(found.body))
	return nil
}

// contentType is ours rather than the machine's table of types: nosniff makes a wrong one fatal.
func contentType(name string) string {
	switch path.Ext(name) {
	case ".css":
		return "text/css; charset=utf-8"
	case ".js":
		return "text/javascript; charset=utf-8"
	case ".svg":
		return "image/svg+xml"
	}
	return "text/plain; charset=utf-8"
}
