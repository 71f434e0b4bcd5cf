package auth_test

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/golang-jwt/jwt/v5"
	"go.uber.org/goleak"

	"github.com/greenroomlive/greenroom/internal/core/fault"
	"github.com/greenroomlive/greenroom/internal/door/auth"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// issuer is a JWKS endpoint in memory.
type issuer struct {
	mu    sync.Mutex
	keys  []jose.JSONWebKey
	text  string // instead of keys
	down  bool
	asked int
}

func (s *issuer) RoundTrip(r *http.Request) (*http.Response, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.asked++
	if s.down {
		return nil, errors.New("nobody there")
	}
	text := s.text
	if text == "" {
		all, err := json.Marshal(jose.JSONWebKeySet{Keys: s.keys})
		if err != nil {
			return nil, err
		}
		text = string(all)
	}
	return &http.Response{StatusCode: 200, Body: io.NopCloser(strings.NewReader(text)), Header: http.Header{}, Request: r}, nil
}

func (s *issuer) change(f func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	f()
}

// heard is how often it was asked since the last time.
func (s *issuer) heard() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	n := s.asked
	s.asked = 0
	return n
}

func (s *issuer) publish(kid string, key crypto.Signer) {
	s.change(func() { s.keys = append(s.keys, jose.JSONWebKey{Key: key.Public(), KeyID: kid, Use: "sig"}) })
}

// fleet runs a test with an authenticator that follows the issuer, in a time of its own.
func fleet(t *testing.T, s *issuer, test func(*testing.T, *auth.Authenticator, *auth.KeySet)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		keys, err := auth.NewKeySet("https://issuer.example/jwks.json", &http.Client{Transport: s}, slog.New(slog.DiscardHandler))
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error, 1)
		go func() { done <- keys.Run(ctx) }()
		synctest.Wait()
		test(t, auth.NewFleet(auth.Fleet{OpsToken: opsToken, Keys: keys, Issuer: "https://issuer.example", Audience: "greenroom"}), keys)
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
}

// sign makes a token that is good but for what change does to it.
func sign(t *testing.T, method jwt.SigningMethod, kid string, with any, change ...func(*jwt.Token, jwt.MapClaims)) string {
	t.Helper()
	claims := jwt.MapClaims{"iss": "https://issuer.example", "aud": "greenroom", "exp": time.Now().Add(time.Hour).Unix(), "scope": "anchor:42"}
	token := jwt.NewWithClaims(method, claims)
	token.Header["kid"] = kid
	for _, c := range change {
		c(token, claims)
	}
	text, err := token.SignedString(with)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

func rsaKey(t *testing.T) *rsa.PrivateKey {
	t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func ecKey(t *testing.T, curve elliptic.Curve) *ecdsa.PrivateKey {
	t.Helper()
	key, err := ecdsa.GenerateKey(curve, rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func TestAKeyIsGoodForItsOwnAlgorithmOnly(t *testing.T) {
	r, e, ed, other, wide := rsaKey(t), ecKey(t, elliptic.P256()), newKey(t), newKey(t), ecKey(t, elliptic.P384())
	s := &issuer{}
	s.publish("r", r)
	s.publish("e", e)
	s.publish("ed", ed)
	s.publish("wide", wide)
	s.change(func() {
		s.keys = append(s.keys,
			jose.JSONWebKey{Key: other.Public(), KeyID: "enc", Use: "enc"}, jose.JSONWebKey{Key: other.Public(), KeyID: "misnamed", Algorithm: "RS256"},
			jose.JSONWebKey{Key: []byte("a shared secret of enough bytes"), KeyID: "oct"}, jose.JSONWebKey{Key: other, KeyID: "private"})
	})
	fleet(t, s, func(t *testing.T, a *auth.Authenticator, _ *auth.KeySet) {
		set := func(name string, value any) func(*jwt.Token, jwt.MapClaims) {
			return func(_ *jwt.Token, c jwt.MapClaims) { c[name] = value }
		}
		header := func(name string, value any) func(*jwt.Token, jwt.MapClaims) {
			return func(token *jwt.Token, _ jwt.MapClaims) { token.Header[name] = value }
		}
		der := r.PublicKey.N.Bytes()
		for name, tt := range map[string]struct {
			token string
			good  bool
		}{
			"RS256":                       {sign(t, jwt.SigningMethodRS256, "r", r), true},
			"ES256":                       {sign(t, jwt.SigningMethodES256, "e", e), true},
			"EdDSA":                       {sign(t, jwt.SigningMethodEdDSA, "ed", ed), true},
			"the public key as a secret":  {sign(t, jwt.SigningMethodHS256, "r", der), false},
			"a shared key of the set":     {sign(t, jwt.SigningMethodHS256, "oct", []byte("a shared secret of enough bytes")), false},
			"none":                        {sign(t, jwt.SigningMethodNone, "ed", jwt.UnsafeAllowNoneSignatureType), false},
			"another strength":            {sign(t, jwt.SigningMethodRS512, "r", r), false},
			"PSS":                         {sign(t, jwt.SigningMethodPS256, "r", r), false},
			"another curve":               {sign(t, jwt.SigningMethodES384, "wide", wide), false},
			"another key's name":          {sign(t, jwt.SigningMethodEdDSA, "e", ed), false},
			"another key":                 {sign(t, jwt.SigningMethodEdDSA, "ed", other), false},
			"a key for encryption":        {sign(t, jwt.SigningMethodEdDSA, "enc", other), false},
			"a key for another algorithm": {sign(t, jwt.SigningMethodEdDSA, "misnamed", other), false},
			"a private key in the set":    {sign(t, jwt.SigningMethodEdDSA, "private", other), false},
			"no name":                     {sign(t, jwt.SigningMethodEdDSA, "", ed), false},
			"a name that is no text":      {sign(t, jwt.SigningMethodEdDSA, "ed", ed, header("kid", 7)), false},
			"what we must understand":     {sign(t, jwt.SigningMethodEdDSA, "ed", ed, header("crit", []string{"b64"})), false},
			"another issuer":              {sign(t, jwt.SigningMethodEdDSA, "ed", ed, set("iss", "greenroom")), false},
			"another audience":            {sign(t, jwt.SigningMethodEdDSA, "ed", ed, set("aud", "shop")), false},
			"one of several audiences":    {sign(t, jwt.SigningMethodEdDSA, "ed", ed, set("aud", []string{"shop", "greenroom"})), true},
			"expired":                     {sign(t, jwt.SigningMethodEdDSA, "ed", ed, set("exp", time.Now().Add(-time.Minute).Unix())), false},
			"not yet":                     {sign(t, jwt.SigningMethodEdDSA, "ed", ed, set("nbf", time.Now().Add(time.Minute).Unix())), false},
			"never expires":               {sign(t, jwt.SigningMethodEdDSA, "ed", ed, set("exp", nil)), false},
			"the ops token, as ever":      {opsToken, true},
			"nobody's ops token":          {opsToken + "x", false},
		} {
			c, err := a.Caller(t.Context(), tt.token)
			if tt.good != (err == nil) || err != nil && !errors.Is(err, fault.Unauthenticated) || tt.good && !c.Has("anchor") {
				t.Errorf("%s: %+v, %v", name, c, err)
			}
		}
	})
}

// A rotation takes no restart: the new key's first token makes one question, and a flood of tokens of keys that
// nobody has makes one in ten seconds.
func TestARotatedKey(t *testing.T) {
	first, second, nobodys := newKey(t), newKey(t), newKey(t)
	s := &issuer{}
	s.publish("1", first)
	fleet(t, s, func(t *testing.T, a *auth.Authenticator, _ *auth.KeySet) {
		caller := func(kid string, key ed25519.PrivateKey) error {
			_, err := a.Caller(t.Context(), sign(t, jwt.SigningMethodEdDSA, kid, key))
			return err
		}
		if err := caller("1", first); err != nil || s.heard() != 1 {
			t.Fatal(err)
		}
		s.publish("2", second)
		var crowd sync.WaitGroup
		for range 100 {
			crowd.Go(func() {
				if err := caller("2", second); err != nil {
					t.Error(err)
				}
			})
		}
		crowd.Wait()
		if err := caller("1", first); err != nil || s.heard() != 1 {
			t.Errorf("one question for the new key: %v", err)
		}
		forged := sign(t, jwt.SigningMethodEdDSA, "x", nobodys)
		for range 1000 {
			if _, err := a.Caller(t.Context(), forged); !errors.Is(err, fault.Unauthenticated) {
				t.Fatal(err)
			}
		}
		if n := s.heard(); n != 0 {
			t.Errorf("a flood made %d questions right after", n)
		}
		began := time.Now()
		for range 1000 {
			_, _ = a.Caller(t.Context(), forged)
			time.Sleep(50 * time.Millisecond)
		}
		if n := s.heard(); n < 3 || n > 6 {
			t.Errorf("a flood of %v made %d questions", time.Since(began), n)
		}
		remembered := sign(t, jwt.SigningMethodEdDSA, "1", first)
		if _, err := a.Caller(t.Context(), remembered); err != nil {
			t.Fatal(err)
		}
		s.change(func() { s.keys = s.keys[1:] })
		time.Sleep(6 * time.Minute)
		if _, err := a.Caller(t.Context(), remembered); !errors.Is(err, fault.Unauthenticated) {
			t.Errorf("a token of a withdrawn key, found good before: %v", err)
		}
	})
}

func TestAnIssuerThatIsAway(t *testing.T) {
	key := newKey(t)
	s := &issuer{down: true}
	s.publish("1", key)
	fleet(t, s, func(t *testing.T, a *auth.Authenticator, keys *auth.KeySet) {
		token := sign(t, jwt.SigningMethodEdDSA, "1", key, func(_ *jwt.Token, c jwt.MapClaims) { c["exp"] = time.Now().Add(24 * time.Hour).Unix() })
		if _, err := a.Caller(t.Context(), token); !errors.Is(err, fault.NotReady) || keys.Ready() == nil {
			t.Errorf("from the start: %v", err)
		}
		if _, err := a.Caller(t.Context(), opsToken); err != nil {
			t.Errorf("the ops token needs no issuer: %v", err)
		}
		time.Sleep(10 * time.Minute)
		if n := s.heard(); n < 20 || n > 60 {
			t.Errorf("asked %d times in ten minutes", n)
		}
		s.change(func() { s.down = false })
		time.Sleep(time.Minute)
		if _, err := a.Caller(t.Context(), token); err != nil || keys.Ready() != nil {
			t.Errorf("when it is there: %v", err)
		}
		for _, nonsense := range []string{"", "<html>", `{"keys":[]}`, `{"keys":[{"kty":"OKP"}]}`, strings.Repeat(" ", 1<<20) + `{"keys":[]}`, `{"keys":[` + strings.Repeat(`{},`, 100) + `{}]}`} {
			s.change(func() { s.down, s.text = nonsense == "", nonsense })
			time.Sleep(time.Hour)
			if _, err := a.Caller(t.Context(), token); err != nil || keys.Ready() != nil {
				t.Errorf("later it is away, or says %.20q: %v", nonsense, err)
			}
		}
	})
}

func TestKeysOfAFile(t *testing.T) {
	dir := t.TempDir()
	first, second, set := filepath.Join(dir, "1.pem"), filepath.Join(dir, "2.pem"), filepath.Join(dir, "jwks.json")
	mint := func(path string) string {
		t.Helper()
		key, err := auth.LoadKey(path)
		if err != nil {
			t.Fatal(err)
		}
		token, err := auth.Mint(key, auth.Grant{Scopes: []string{"staff"}, TTL: time.Hour, Issuer: "us", Audience: "here"}, time.Now())
		if err != nil {
			t.Fatal(err)
		}
		return token
	}
	one, err := auth.MakeKey(first, set)
	if err != nil {
		t.Fatal(err)
	}
	two, err := auth.MakeKey(second, set)
	if err != nil || one == two || one == "" {
		t.Fatal(one, two, err)
	}
	if _, err := auth.MakeKey(first, set); err == nil {
		t.Error("a key is overwritten")
	}
	for path, want := range map[string]os.FileMode{first: 0o600, second: 0o600, set: 0o644} {
		if info, err := os.Stat(path); err != nil || info.Mode().Perm() != want {
			t.Errorf("%s: %v, %v", path, info.Mode(), err)
		}
	}
	text, err := os.ReadFile(set)
	if err != nil || strings.Contains(string(text), `"d"`) {
		t.Errorf("the JWKS tells %s, %v", text, err)
	}
	keys, err := auth.NewKeySet(set, nil, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	ended, cancel := context.WithCancel(t.Context())
	defer cancel()
	done := make(chan error, 1)
	go func() { done <- keys.Run(ended) }()
	look, late := time.NewTicker(time.Millisecond), time.After(10*time.Second)
	defer look.Stop()
	for keys.Ready() != nil {
		select {
		case <-look.C:
		case <-late:
			t.Fatal("never ready")
		}
	}
	a := auth.NewFleet(auth.Fleet{Keys: keys, Issuer: "us", Audience: "here"})
	for _, path := range []string{first, second} { // of before the rotation and of after it
		if c, err := a.Caller(t.Context(), mint(path)); err != nil || c.Subject != "staff" {
			t.Errorf("%s: %+v, %v", path, c, err)
		}
	}
	cancel()
	if err := <-done; err != nil {
		t.Error(err)
	}
}

func TestAKeySetFollowsNoRedirect(t *testing.T) {
	asked := 0
	client := &http.Client{Transport: roundTrip(func(r *http.Request) (*http.Response, error) {
		asked++
		h := http.Header{"Location": {"https://elsewhere.example/"}}
		return &http.Response{StatusCode: 302, Body: http.NoBody, Header: h, Request: r}, nil
	})}
	synctest.Test(t, func(t *testing.T) {
		keys, err := auth.NewKeySet("https://issuer.example/jwks.json", client, slog.New(slog.DiscardHandler))
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error, 1)
		go func() { done <- keys.Run(ctx) }()
		synctest.Wait()
		if asked != 1 || keys.Ready() == nil {
			t.Errorf("asked %d times", asked)
		}
		cancel()
		<-done
	})
	if _, err := auth.NewKeySet("", nil, nil); err == nil {
		t.Error("no source is taken")
	}
}

type roundTrip func(*http.Request) (*http.Response, error)

func (f roundTrip) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// TestNoPasswordIsLogged: a source may carry one.
func TestNoPasswordIsLogged(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	said := &firstWord{heard: cancel}
	keys, err := auth.NewKeySet("http://greenroom:sesame@127.0.0.1:1/jwks.json", nil, slog.New(slog.NewTextHandler(said, nil)))
	if err != nil {
		t.Fatal(err)
	}
	if err := keys.Run(ctx); err != nil {
		t.Fatal(err)
	}
	if got := said.String(); !strings.Contains(got, "127.0.0.1:1") || strings.Contains(got, "sesame") {
		t.Errorf("it is logged: %s", got)
	}
}

// firstWord is told when something is written.
type firstWord struct {
	strings.Builder
	heard func()
}

func (w *firstWord) Write(b []byte) (int, error) {
	defer w.heard()
	return w.Builder.Write(b)
}
