package console

import (
	"net/http"
	"net/url"
	"strings"

	"github.com/greenroomlive/greenroom/internal/core/fault"
)

// signInView is the form; Next is where it leads.
type signInView struct {
	Next  string
	Error string
}

func (c *Console) signInForm(w http.ResponseWriter, r *http.Request) error {
	return c.showSignIn(w, r, http.StatusOK, signInView{Next: localPath(r.URL.Query().Get("next"))})
}

func (c *Console) showSignIn(w http.ResponseWriter, r *http.Request, status int, v signInView) error {
	return c.show(w, r, status, "sign-in", "Sign in", v)
}

func (c *Console) signIn(w http.ResponseWriter, r *http.Request) error {
	next := localPath(r.PostFormValue("next"))
	err := c.admit(w, r, r.PostFormValue("token"))
	switch {
	case err == nil:
		c.redirect(w, r, next)
		return nil
	case fault.Of(err).Code.HTTP >= http.StatusInternalServerError:
		return err
	}
	return c.showSignIn(w, r, http.StatusUnauthorized, signInView{Next: next, Error: "This token is not valid here, or it has expired."})
}

// admit begins a session for whoever the token names.
func (c *Console) admit(w http.ResponseWriter, r *http.Request, token string) error {
	caller, err := c.Auth.Caller(r.Context(), strings.TrimSpace(token))
	if err != nil {
		return err
	}
	if old, err := r.Cookie(cookieName); err == nil {
		c.sessions.end(old.Value)
	}
	remember(w, r, c.sessions.begin(caller))
	return nil
}

// signInByLink serves /?token=…: it answers with a redirect at once, so that the token stays
// neither in the address bar nor in the history.
func (c *Console) signInByLink(w http.ResponseWriter, r *http.Request) error {
	if err := c.admit(w, r, r.URL.Query().Get("token")); err != nil {
		if fault.Of(err).Code.HTTP >= http.StatusInternalServerError {
			return err
		}
		return c.showSignIn(w, r, http.StatusUnauthorized, signInView{Next: "/", Error: "The token in this link is not valid here, or it has expired."})
	}
	http.Redirect(w, r, "/", http.StatusSeeOther)
	return nil
}

func (c *Console) signOut(w http.ResponseWriter, r *http.Request) error {
	if cookie, err := r.Cookie(cookieName); err == nil {
		c.sessions.end(cookie.Value)
	}
	remember(w, r, "")
	c.redirect(w, r, "/")
	return nil
}

// redirect sends a form's sender on, whether the browser or htmx has posted it.
func (c *Console) redirect(w http.ResponseWriter, r *http.Request, to string) {
	if isFragment(r) {
		w.Header().Set("HX-Redirect", to)
		w.WriteHeader(http.StatusNoContent)
		return
	}
	http.Redirect(w, r, to, http.StatusSeeOther)
}

// localPath keeps a path of ours and turns everything else into "/": browsers read //host and
// /\host as other sites.
func localPath(next string) string {
	u, err := url.Parse(next)
	if err != nil || u.IsAbs() || u.Host != "" || !strings.HasPrefix(next, "/") || strings.HasPrefix(next, "//") || strings.ContainsAny(next, "\\\r\n\t") {
		return "/"
	}
	return next
}
