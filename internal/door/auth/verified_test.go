package auth

import (
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"testing"
	"time"

	"github.com/greenroomlive/greenroom/internal/core/fault"
)

func TestARememberedTokenExpiresAllTheSame(t *testing.T) {
	public, private, err := ed25519.GenerateKey(nil)
	if err != nil {
		t.Fatal(err)
	}
	now := time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)
	a := New("", public, func() time.Time { return now })
	token, err := Mint(private, Grant{Scopes: []string{"anchor:42"}, TTL: time.Minute}, now)
	if err != nil {
		t.Fatal(err)
	}
	for range 2 {
		c, err := a.Caller(t.Context(), token)
		if err != nil || c.Anchor != 42 {
			t.Fatalf("caller %+v, %v", c, err)
		}
	}
	if len(a.known.byHash) != 1 {
		t.Errorf("%d tokens are remembered", len(a.known.byHash))
	}
	now = now.Add(time.Minute + leeway - 1)
	if _, err := a.Caller(t.Context(), token); err != nil {
		t.Errorf("a moment before its end: %v", err)
	}
	now = now.Add(1)
	if _, err := a.Caller(t.Context(), token); !errors.Is(err, fault.Unauthenticated) {
		t.Errorf("at its end: %v", err)
	}
	if _, err := a.Caller(t.Context(), token+"x"); !errors.Is(err, fault.Unauthenticated) || len(a.known.byHash) != 1 {
		t.Errorf("a token that is none: %v, %d remembered", err, len(a.known.byHash))
	}
}

func TestWhatIsRememberedIsBounded(t *testing.T) {
	now := time.Unix(1000, 0)
	v := verified{byHash: map[[sha256.Size]byte]holder{}}
	for i := range 2 * maxVerified {
		var hash [sha256.Size]byte
		binary.BigEndian.PutUint64(hash[:], uint64(i))
		until := now.Add(time.Hour)
		if i%2 == 0 && i < maxVerified {
			until = now
		}
		v.keep(hash, holder{until: until}, now)
		if _, ok := v.find(hash, nil, now); ok != now.Before(until) || len(v.byHash) > maxVerified {
			t.Fatalf("token %d: found %v among %d", i, ok, len(v.byHash))
		}
	}
}
