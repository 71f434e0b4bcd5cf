package console

import (
	"bytes"
	"fmt"
	"html/template"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/greenroomlive/greenroom/internal/core/fault"
)

// page is what every template is given; Body is its own part.
type page struct {
	Title string
	// Subject is who is signed in; empty for a visitor.
	Subject string
	// Path is where a sign-in returns to.
	Path string
	// Stream is the event stream that keeps the page up to date; empty for none.
	Stream string
	// Fragment: this is the content of the dialog, not a page.
	Fragment  bool
	RequestID string
	Fresh     freshView
	Body      any
}

// freshView says how current the views are.
type freshView struct {
	Age   time.Duration
	Stale bool
}

func (c *Console) fresh() freshView {
	age, stale := c.Board.Fresh()
	return freshView{age, stale}
}

// pages are the parsed templates. A template named x is a fragment; "x" inside "frame" is a page.
type pages struct{ set *template.Template }

func parsePages(a *assets) (*pages, error) {
	set, err := template.New("console").Funcs(template.FuncMap{
		"asset": a.url, "clock": clockText, "moment": momentText, "minute": minuteText, "stamp": stamp, "ago": ago, "initial": initial,
		"lasted": lasted, "plural": plural,
	}).ParseFS(templateFiles, "templates/*.html")
	return &pages{set}, err
}

func (p *pages) render(name string, data any) ([]byte, error) {
	var out bytes.Buffer
	if err := p.set.ExecuteTemplate(&out, name, data); err != nil {
		return nil, fmt.Errorf("template %s: %w", name, err)
	}
	return out.Bytes(), nil
}

// isFragment: htmx asks for the content of the dialog, not for a page.
func isFragment(r *http.Request) bool { return r.Header.Get("HX-Request") == "true" }

// show answers with a form: as a fragment for the dialog, or inside the frame as a page of its own.
func (c *Console) show(w http.ResponseWriter, r *http.Request, status int, name, title string, body any) error {
	if isFragment(r) {
		return c.write(w, r, status, name, title, body)
	}
	inner, err := c.pages.render(name, c.page(r, title, body))
	if err != nil {
		return err
	}
	return c.write(w, r, status, "sheet", title, template.HTML(inner)) //nolint:gosec // html/template made it just now
}

// write answers with a template as it is. Rendering comes first, so that a template that fails is still an error page.
func (c *Console) write(w http.ResponseWriter, r *http.Request, status int, name, title string, body any) error {
	out, err := c.pages.render(name, c.page(r, title, body))
	if err != nil {
		return err
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.Header().Set("Content-Length", strconv.Itoa(len(out)))
	w.WriteHeader(status)
	_, _ = w.Write(out) // a client that is gone misses nothing
	return nil
}

func (c *Console) page(r *http.Request, title string, body any) page {
	p := page{Title: title, Path: r.URL.Path, RequestID: requestID(r.Context()), Fresh: c.fresh(), Fragment: isFragment(r), Body: body}
	if s, ok := body.(interface{ Stream() string }); ok {
		p.Stream = s.Stream()
	}
	if r.Method != http.MethodGet {
		p.Path = "/"
	}
	if caller, ok := c.caller(r); ok {
		p.Subject = caller.Subject
	}
	return p
}

// errorView is a fault for people.
type errorView struct {
	Status    int
	Heading   string
	Message   string
	Code      string
	Retryable bool
}

// fail answers with the error page, or with its fragment in the dialog; to who did not ask for a page,
// as a program that mistyped a path, with what every other door answers.
func (c *Console) fail(w http.ResponseWriter, r *http.Request, err error) {
	f := fault.Of(err)
	if !isFragment(r) && !strings.Contains(r.Header.Get("Accept"), "text/html") {
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(f.Code.HTTP)
		_, _ = w.Write(f.Envelope(requestID(r.Context()))) // a client that is gone misses nothing
		return
	}
	v := errorView{Status: f.Code.HTTP, Heading: heading(f.Code.HTTP), Message: plain(f, ""), Code: f.Code.Name, Retryable: f.Code.Retryable}
	if err := c.show(w, r, v.Status, "error", v.Heading, v); err != nil {
		c.Log.Error("console: error page failed", "request_id", requestID(r.Context()), "error", err)
		http.Error(w, v.Code, v.Status)
	}
}

func heading(status int) string {
	switch {
	case status == http.StatusNotFound:
		return "Nothing here"
	case status == http.StatusUnauthorized:
		return "Please sign in"
	case status == http.StatusForbidden:
		return "Not allowed"
	case status == http.StatusServiceUnavailable:
		return "Not available just now"
	case status < http.StatusInternalServerError:
		return "That did not work"
	}
	return "Something broke"
}
