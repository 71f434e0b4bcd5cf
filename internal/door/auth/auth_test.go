package auth_test

import (
	"crypto/ed25519"
	"errors"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"github.com/greenroomlive/greenroom/internal/core/fault"
	"github.com/greenroomlive/greenroom/internal/door/auth"
	"github.com/greenroomlive/greenroom/internal/flow/command"
)

var now = time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)

const opsToken = "ops_for_this_test"

func newKey(t *testing.T) ed25519.PrivateKey {
	t.Helper()
	_, key, err := ed25519.GenerateKey(nil)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func authenticator(key ed25519.PrivateKey, at time.Time) *auth.Authenticator {
	return auth.New(opsToken, key.Public().(ed25519.PublicKey), func() time.Time { return at })
}

func TestOpsTokenMayDoEverythingAndOwnsRooms(t *testing.T) {
	c, err := authenticator(newKey(t), now).Caller(t.Context(), opsToken)
	if err != nil {
		t.Fatal(err)
	}
	if c.Subject != "ops" || c.Anchor != 1 {
		t.Errorf("caller %+v", c)
	}
	for _, s := range []command.Scope{"anchor", "moderator", "staff", "service", "ops"} {
		if !c.Has(s) {
			t.Errorf("no scope %s", s)
		}
	}
}

func TestMintedTokenNamesItsHolder(t *testing.T) {
	key := newKey(t)
	tests := []struct {
		grant   auth.Grant
		subject string
		anchor  int64
		scopes  []command.Scope
	}{
		{auth.Grant{Scopes: []string{"anchor:42"}}, "anchor:42", 42, []command.Scope{"anchor"}},
		{auth.Grant{Scopes: []string{"staff", "moderator"}, Subject: "staff:ada"}, "staff:ada", 0, []command.Scope{"staff", "moderator"}},
	}
	for _, tt := range tests {
		tt.grant.TTL = time.Hour
		token, err := auth.Mint(key, tt.grant, now)
		if err != nil {
			t.Fatal(err)
		}
		c, err := authenticator(key, now.Add(time.Minute)).Caller(t.Context(), token)
		if err != nil {
			t.Fatal(err)
		}
		if c.Subject != tt.subject || int64(c.Anchor) != tt.anchor || !slices.Equal(c.Scopes, tt.scopes) {
			t.Errorf("caller %+v", c)
		}
	}
}

func TestMintRefuses(t *testing.T) {
	for _, g := range []auth.Grant{
		{TTL: time.Hour},
		{TTL: time.Hour, Scopes: []string{"root"}},
		{TTL: time.Hour, Scopes: []string{"anchor:0"}},
		{TTL: time.Hour, Scopes: []string{"anchor:1", "anchor:2"}},
		{Scopes: []string{"ops"}},
	} {
		if _, err := auth.Mint(newKey(t), g, now); !errors.Is(err, fault.InvalidArgument) {
			t.Errorf("%+v: %v", g, err)
		}
	}
}

func TestForeignTokensAreRefusedAlike(t *testing.T) {
	key := newKey(t)
	sign := func(method jwt.SigningMethod, with any, c jwt.MapClaims) string {
		s, err := jwt.NewWithClaims(method, c).SignedString(with)
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	hour := now.Add(time.Hour).Unix()
	good := jwt.MapClaims{"iss": "greenroom", "exp": hour, "scope": "ops"}
	tokens := map[string]string{
		"empty":          "",
		"garbage":        "a.b.c",
		"ops and more":   opsToken + "x",
		"too long":       strings.Repeat("a", 5000),
		"other key":      sign(jwt.SigningMethodEdDSA, newKey(t), good),
		"no signature":   sign(jwt.SigningMethodNone, jwt.UnsafeAllowNoneSignatureType, good),
		"key as secret":  sign(jwt.SigningMethodHS256, []byte(key.Public().(ed25519.PublicKey)), good),
		"other issuer":   sign(jwt.SigningMethodEdDSA, key, jwt.MapClaims{"iss": "other", "exp": hour, "scope": "ops"}),
		"never expires":  sign(jwt.SigningMethodEdDSA, key, jwt.MapClaims{"iss": "greenroom", "scope": "ops"}),
		"expired":        sign(jwt.SigningMethodEdDSA, key, jwt.MapClaims{"iss": "greenroom", "exp": now.Add(-time.Minute).Unix(), "scope": "ops"}),
		"no known scope": sign(jwt.SigningMethodEdDSA, key, jwt.MapClaims{"iss": "greenroom", "exp": hour, "scope": "root"}),
		"two anchors":    sign(jwt.SigningMethodEdDSA, key, jwt.MapClaims{"iss": "greenroom", "exp": hour, "scope": "anchor:1 anchor:2"}),
	}
	a := authenticator(key, now)
	if _, err := a.Caller(t.Context(), sign(jwt.SigningMethodEdDSA, key, good)); err != nil {
		t.Fatalf("the good one: %v", err) // or the cases below prove nothing
	}
	var first string
	for name, token := range tokens {
		_, err := a.Caller(t.Context(), token)
		if !errors.Is(err, fault.Unauthenticated) {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if first == "" {
			first = err.Error()
		}
		if err.Error() != first {
			t.Errorf("%s: answer %q tells more than %q", name, err, first)
		}
	}
}

func TestWithoutAnOpsTokenTheEmptyOneOpensNothing(t *testing.T) {
	a := auth.New("", nil, nil)
	for _, token := range []string{"", "x"} {
		if _, err := a.Caller(t.Context(), token); !errors.Is(err, fault.Unauthenticated) {
			t.Errorf("%q: %v", token, err)
		}
	}
}

func TestDevKeySurvivesRestartsAndIsPrivate(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "data")
	first, err := auth.DevKey(dir)
	if err != nil {
		t.Fatal(err)
	}
	again, err := auth.DevKey(dir)
	if err != nil || !first.Equal(again) {
		t.Errorf("another key after a restart, or %v", err)
	}
	if err := auth.SaveOpsToken(dir, "secret"); err != nil {
		t.Fatal(err)
	}
	if token, err := auth.LoadOpsToken(dir); token != "secret" || err != nil {
		t.Errorf("token %q, %v", token, err)
	}
	files, err := os.ReadDir(dir)
	if err != nil || len(files) != 2 {
		t.Fatalf("%d files, %v", len(files), err)
	}
	for _, f := range files {
		if info, _ := f.Info(); info.Mode().Perm() != 0o600 {
			t.Errorf("%s has mode %v", f.Name(), info.Mode())
		}
	}
	if token, err := auth.LoadOpsToken(t.TempDir()); token != "" || err != nil {
		t.Errorf("without a file: %q, %v", token, err)
	}
	if err := os.WriteFile(filepath.Join(dir, "dev-key.pem"), []byte("nonsense"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := auth.DevKey(dir); err == nil {
		t.Error("a broken key file was replaced: every token out there would be void without a word")
	}
}

func TestBearer(t *testing.T) {
	for value, want := range map[string]string{"Bearer abc": "abc", "bearer abc": "abc", "Basic abc": "", "abc": "", "": ""} {
		if got := auth.Bearer(http.Header{"Authorization": {value}}); got != want {
			t.Errorf("%q: %q", value, got)
		}
	}
	if got := auth.Bearer(http.Header{"Authorization": {"Bearer a", "Bearer b"}}); got != "" {
		t.Errorf("two headers: %q", got)
	}
}
