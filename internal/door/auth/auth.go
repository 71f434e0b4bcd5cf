// Package auth tells the doors of the B side who calls: it turns a bearer token into a
// command.Caller.
//
// Two kinds of token are taken. The ops token is one opaque text from the configuration, compared
// in constant time by its hash. A JWT is signed with EdDSA, names the issuer "greenroom", expires, and
// carries its rights in the space-separated claim "scope". Everything else is UNAUTHENTICATED, and
// the answer never says which check failed nor shows any part of the token. A JWT that was found good
// is remembered by its hash until it expires, as a signature costs more than most commands. An
// Authenticator is safe for concurrent use; nothing here logs.
package auth

import (
	"context"
	"crypto/ed25519"
	"crypto/sha256"
	"crypto/subtle"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"github.com/greenroomlive/greenroom/internal/core/fault"
	"github.com/greenroomlive/greenroom/internal/core/ident"
	"github.com/greenroomlive/greenroom/internal/flow/command"
)

// Issuer is the only "iss" that is believed.
const Issuer = "greenroom"

const (
	// leeway is how far two machines' clocks may differ.
	leeway = 5 * time.Second
	// maxToken bounds what is hashed and parsed for a stranger, in bytes.
	maxToken = 4096
)

// Authenticator knows the ops token and the key that JWTs are signed with.
type Authenticator struct {
	opsHash [sha256.Size]byte
	hasOps  bool
	key     ed25519.PublicKey
	parser  *jwt.Parser
	clock   func() time.Time
	known   verified
}

// New makes an Authenticator. An empty opsToken or a nil key switches that kind of token off.
// The clock judges expiry; nil is time.Now.
func New(opsToken string, key ed25519.PublicKey, clock func() time.Time) *Authenticator {
	if clock == nil {
		clock = time.Now
	}
	return &Authenticator{
		opsHash: sha256.Sum256([]byte(opsToken)),
		hasOps:  opsToken != "",
		key:     key,
		clock:   clock,
		known:   verified{byHash: map[[sha256.Size]byte]holder{}},
		parser: jwt.NewParser(
			jwt.WithValidMethods([]string{jwt.SigningMethodEdDSA.Alg()}), jwt.WithIssuer(Issuer),
			jwt.WithExpirationRequired(), jwt.WithLeeway(leeway), jwt.WithTimeFunc(clock),
		),
	}
}

// Caller says who holds the bearer token. UNAUTHENTICATED for a token that is not ours or has expired.
func (a *Authenticator) Caller(_ context.Context, bearer string) (command.Caller, error) {
	if bearer == "" || len(bearer) > maxToken {
		return command.Caller{}, refused()
	}
	// Hashes have one length, so that the time taken does not tell the token's.
	sum := sha256.Sum256([]byte(bearer))
	if a.hasOps && subtle.ConstantTimeCompare(sum[:], a.opsHash[:]) == 1 {
		return opsCaller(), nil
	}
	if a.key == nil {
		return command.Caller{}, refused()
	}
	if caller, ok := a.known.find(sum, a.clock()); ok {
		return caller, nil
	}
	var c claims
	_, err := a.parser.ParseWithClaims(bearer, &c, func(*jwt.Token) (any, error) { return a.key, nil })
	if err != nil {
		return command.Caller{}, refused()
	}
	caller, err := c.caller()
	if err == nil {
		a.known.keep(sum, holder{caller, c.ExpiresAt.Add(leeway)}, a.clock())
	}
	return caller, err
}

// opsCaller is whoever holds the ops token: it may do everything, and owns rooms as anchor 1, so
// that a developer need not name an anchor to create one.
func opsCaller() command.Caller {
	return command.Caller{Subject: "ops", Anchor: 1, Scopes: []command.Scope{
		command.ScopeOps, command.ScopeStaff, command.ScopeService, command.ScopeModerator, command.ScopeAnchor,
	}}
}

func refused() error {
	return fault.Unauthenticated.New("the bearer token is missing, expired or not one of ours")
}

// claims are those of a JWT that we read.
type claims struct {
	jwt.RegisteredClaims

	Scope string `json:"scope"`
}

// caller reads the scopes. Unknown ones are passed over: a newer issuer may know more than we do.
func (c *claims) caller() (command.Caller, error) {
	out := command.Caller{Subject: c.Subject}
	for scope := range strings.FieldsSeq(c.Scope) {
		s, anchor, known := parseScope(scope)
		if !known {
			continue
		}
		if anchor != 0 {
			if out.Anchor != 0 && out.Anchor != anchor {
				return command.Caller{}, refused() // nobody is two anchors
			}
			out.Anchor = anchor
		}
		if out.Subject == "" {
			out.Subject = scope
		}
		out.Scopes = append(out.Scopes, s)
	}
	if len(out.Scopes) == 0 {
		return command.Caller{}, refused()
	}
	return out, nil
}

// parseScope reads one scope of the closed set; the anchor's uid is that of anchor:<uid>.
func parseScope(text string) (command.Scope, ident.AnchorID, bool) {
	if uid, ok := strings.CutPrefix(text, string(command.ScopeAnchor)+":"); ok {
		n, err := strconv.ParseInt(uid, 10, 64)
		return command.ScopeAnchor, ident.AnchorID(n), err == nil && n > 0
	}
	switch s := command.Scope(text); s {
	case command.ScopeModerator, command.ScopeStaff, command.ScopeService, command.ScopeOps:
		return s, 0, true
	}
	return "", 0, false
}

// Bearer takes the token out of the Authorization header; empty when there is none or more than one.
func Bearer(h http.Header) string {
	all := h.Values("Authorization")
	if len(all) != 1 {
		return ""
	}
	scheme, token, _ := strings.Cut(all[0], " ")
	if !strings.EqualFold(scheme, "Bearer") {
		return ""
	}
	return strings.TrimSpace(token)
}
