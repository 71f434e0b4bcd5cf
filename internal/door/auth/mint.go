package auth

import (
	"cmp"
	"crypto/ed25519"
	"strings"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"github.com/greenroomlive/greenroom/internal/core/fault"
)

// Grant is what a new token allows.
type Grant struct {
	// Subject names the holder in events; empty: the first scope.
	Subject string
	// Issuer is who signs; empty means Issuer. Audience is for whom; empty names nobody.
	Issuer, Audience string
	// Scopes are those of the contract: anchor:<uid>, moderator, staff, service, ops.
	Scopes []string
	TTL    time.Duration
}

// Mint signs a JWT; its "kid" is the key's KeyID. INVALID_ARGUMENT for a scope that does not exist, for none, and for a TTL that is not positive.
func Mint(key ed25519.PrivateKey, g Grant, now time.Time) (string, error) {
	if len(g.Scopes) == 0 {
		return "", fault.InvalidArgument.New("a token needs a scope").With("field", "scope")
	}
	for _, s := range g.Scopes {
		if _, _, known := parseScope(s); !known {
			return "", fault.InvalidArgument.New("there is no scope %q: anchor:<uid>, moderator, staff, service or ops", s).With("field", "scope")
		}
	}
	if g.TTL <= 0 {
		return "", fault.InvalidArgument.New("the time to live must be positive").With("field", "ttl")
	}
	c := claims{Scope: strings.Join(g.Scopes, " ")}
	c.Issuer, c.Subject = cmp.Or(g.Issuer, Issuer), g.Subject
	if g.Audience != "" {
		c.Audience = jwt.ClaimStrings{g.Audience}
	}
	if c.Subject == "" {
		c.Subject = g.Scopes[0]
	}
	c.IssuedAt, c.ExpiresAt = jwt.NewNumericDate(now), jwt.NewNumericDate(now.Add(g.TTL))
	if _, err := c.caller(); err != nil {
		return "", fault.InvalidArgument.New("a token speaks for one anchor only").With("field", "scope")
	}
	token := jwt.NewWithClaims(jwt.SigningMethodEdDSA, &c)
	token.Header["kid"] = KeyID(key.Public().(ed25519.PublicKey))
	return token.SignedString(key)
}
