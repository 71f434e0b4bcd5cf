package console

import (
	"crypto/rand"
	"net/http"
	"sync"
	"time"

	"github.com/greenroomlive/greenroom/internal/flow/command"
)

const (
	cookieName = "greenroom_console"
	// sessionLife is a working day: a forgotten sign-in does not survive the night.
	sessionLife = 12 * time.Hour
	// maxSessions bounds the memory that tokens can claim; the one that ends first makes room.
	maxSessions = 1024
)

// sessions maps random ids to callers. The cookie holds the id and never the token: a stolen
// cookie ends with the session, and a restart ends all of them.
type sessions struct {
	clock func() time.Time

	mu   sync.Mutex
	byID map[string]session
}

type session struct {
	caller  command.Caller
	expires time.Time
}

func newSessions(clock func() time.Time) *sessions {
	return &sessions{clock: clock, byID: map[string]session{}}
}

func (s *sessions) begin(caller command.Caller) string {
	id := rand.Text() + rand.Text() // 256 bits
	now := s.clock()
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.byID) >= maxSessions {
		s.makeRoom(now)
	}
	s.byID[id] = session{caller, now.Add(sessionLife)}
	return id
}

// makeRoom drops what has expired, or else the session that would expire first.
func (s *sessions) makeRoom(now time.Time) {
	oldest := ""
	for id, held := range s.byID {
		if !now.Before(held.expires) {
			delete(s.byID, id)
		} else if oldest == "" || held.expires.Before(s.byID[oldest].expires) {
			oldest = id
		}
	}
	if len(s.byID) >= maxSessions {
		delete(s.byID, oldest)
	}
}

func (s *sessions) find(id string) (command.Caller, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	held, ok := s.byID[id]
	if ok && !s.clock().Before(held.expires) {
		delete(s.byID, id)
		ok = false
	}
	return held.caller, ok
}

func (s *sessions) end(id string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.byID, id)
}

// caller is who sends the request; false for a visitor.
func (c *Console) caller(r *http.Request) (command.Caller, bool) {
	cookie, err := r.Cookie(cookieName)
	if err != nil {
		return command.Caller{}, false
	}
	return c.sessions.find(cookie.Value)
}

// remember sets the cookie; an empty id takes it back.
func remember(w http.ResponseWriter, r *http.Request, id string) {
	cookie := &http.Cookie{
		Name: cookieName, Value: id, Path: "/", HttpOnly: true, SameSite: http.SameSiteStrictMode,
		MaxAge: int(sessionLife.Seconds()),
		// Over plain HTTP (loopback, dev) a Secure cookie would never come back.
		Secure: r.TLS != nil,
	}
	if id == "" {
		cookie.MaxAge = -1
	}
	http.SetCookie(w, cookie)
}
